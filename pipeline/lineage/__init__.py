"""Where a model or a prediction comes from, and who has read a span."""
