"""Decides between two arms that are served at once, by tests one may always look at."""
