"""Beam engines by name: what the configuration says becomes Beam's options."""
