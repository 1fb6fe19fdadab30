"""The curated schema in git rules; what the data proposes is compared with it."""
