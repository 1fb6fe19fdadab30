"""Which version of a model is served, and who changed that."""
