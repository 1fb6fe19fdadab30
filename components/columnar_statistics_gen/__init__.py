"""StatisticsGen over record batches."""
