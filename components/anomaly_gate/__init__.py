"""Stops a run whose data breaks the schema, and says why."""
