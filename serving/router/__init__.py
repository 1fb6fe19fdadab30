"""Sends requests to the arms of a rollout, over REST and gRPC, and counts them."""
