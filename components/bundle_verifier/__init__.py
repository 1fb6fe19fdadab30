"""Verifies a published bundle where it lies."""
