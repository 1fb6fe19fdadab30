"""A Flink cluster of this machine's own processes: what `make flink` starts."""
