"""Scores files of rows with a bundle, on any Beam engine."""
