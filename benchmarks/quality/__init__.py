"""How good the configurations are that each searcher finds, after so many trials."""
