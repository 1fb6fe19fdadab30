"""The year 2013 replayed: served, watched, retrained, rolled out and rolled back."""
