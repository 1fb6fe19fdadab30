"""Says how a run on a cluster ended, from its exit handler."""
