"""Judges a model by TFMA's metrics and says in words why it passes or fails."""
