"""Publishes a blessed model as the next version, or says why not."""
