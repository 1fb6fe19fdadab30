"""Transform over record batches."""
