"""A model server that speaks TF Serving's REST and gRPC."""
