"""Finds the model a candidate is compared with."""
