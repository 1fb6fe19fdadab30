"""The load gate: a fresh process must be able to serve the exported model."""
