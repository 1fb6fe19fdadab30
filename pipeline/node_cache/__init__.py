"""A cache of node results, keyed by content; needs no TFX to decide."""
