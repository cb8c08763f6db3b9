"""How much of the Pareto front each searcher finds: tasks with two and three objectives."""
