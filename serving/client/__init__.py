"""Talks to a model server over TF Serving's REST or gRPC; needs no TensorFlow."""
