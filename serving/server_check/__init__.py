"""Talks to a model server as its clients do: ours, or tensorflow_model_server."""
