"""Side-by-side measurements, with the rivals' own code paths."""
