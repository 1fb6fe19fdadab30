"""Custom TFX components: one folder each, a thin component.py over pure modules."""
