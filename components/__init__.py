"""Custom TFX components: one folder each, a thin component.py over pure modules."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Offers GoldenRows, which clusters import as `components.GoldenRows`.

    Only when asked: the artifact type imports TFX, most of this package does not.
    """
    if name == "GoldenRows":
        from components.golden_batch_gen.artifact import GoldenRows

        return GoldenRows
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
