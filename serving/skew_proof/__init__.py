"""Proves that what was served is what the bundle's own transform makes of the rows."""
