"""Tells from the schema which features hold categories."""

from collections.abc import Sequence
from typing import Any

# A whole number of so few values is a category by another name: a month, a weekday.
_MAX_WHOLE_NUMBERS = 64


def categorical_features(schema: Any, names: Sequence[str]) -> frozenset[str]:
    """Returns the features that are text, or whole numbers in a short range.

    Args:
        schema: A schema_pb2.Schema.
        names: Features to look at.
    """
    from tensorflow_metadata.proto.v0 import schema_pb2

    found = set()
    for feature in schema.feature:
        is_text = feature.type == schema_pb2.BYTES
        domain = feature.int_domain if feature.HasField("int_domain") else None
        is_short = domain is not None and domain.max - domain.min < _MAX_WHOLE_NUMBERS
        if feature.name in names and (is_text or is_short):
            found.add(feature.name)
    return frozenset(found)
