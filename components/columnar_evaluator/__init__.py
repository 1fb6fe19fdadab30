"""Computes TFMA's metrics from batches of columns instead of one row at a time."""
