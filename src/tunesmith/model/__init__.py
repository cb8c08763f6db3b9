"""Models of a history, on which searchers and schedulers decide alike."""
