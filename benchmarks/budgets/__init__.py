"""Learning curves: regret against epochs trained."""
