"""ExampleGen over spans of Parquet or CSV files, column-wise."""
