"""Beam's job servers for Flink and Spark, put together from their parts."""
