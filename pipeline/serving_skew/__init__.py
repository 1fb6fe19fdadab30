"""Training-serving skew of a log: by distribution, and by the graph of the run."""
