"""Takes the served version for the baseline, where nothing can look into metadata."""
