"""tf.Examples to columns and back, without TensorFlow.

Source: tensorflow/core/example/{example,feature}.proto. The last Example that names a
feature counts where several are joined in one text, as protobuf merges maps: so a
request's context comes first.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.bundle.contract import RawFeature
from serving.client.wire_messages import new_message
from serving.prediction_log.merged_rows import picked
from serving.server.rest.example_wire import (
    bytes_feature,
    example,
    float_feature,
    int64_feature,
)

_INT64_END = 2.0**63


def columns_of(
    examples: Sequence[bytes], features: Sequence[RawFeature]
) -> dict[str, npt.NDArray[Any]]:
    """Reads the contract's features from serialized tf.Examples.

    Args:
        examples: As the request held them.
        features: Of the contract; others in an Example are left out, as the model does.

    Returns:
        Feature name to array [rows], object with None for missing; of several values
        the first, for raw features hold one.

    Raises:
        google.protobuf.message.DecodeError: One is no tf.Example.
    """
    columns = {feature.name: np.empty(len(examples), object) for feature in features}
    fields = {
        "INT": "int64_list",
        "FLOAT": "float_list",
        "BYTES": "bytes_list",
    }
    for row, text in enumerate(examples):
        message = new_message("Example")
        message.ParseFromString(text)
        held = message.features.feature
        for feature in features:
            if feature.name in held:
                values = getattr(held[feature.name], fields[feature.example_type]).value
                columns[feature.name][row] = values[0] if values else None
    return columns


def examples_of(
    columns: Mapping[str, Any],
    features: Sequence[RawFeature],
    rows: npt.NDArray[np.int64],
) -> list[bytes]:
    """Returns rows as serialized tf.Examples; a missing feature is absent.

    Args:
        columns: Feature name to array, as merged_rows.merged gives it; a feature
            without one is missing.
        features: Which to write.
        rows: Which rows.
    """
    held: Mapping[str, list[Any]] = {
        feature.name: picked(columns[feature.name], rows).tolist()
        for feature in features
        if feature.name in columns
    }
    known = [feature for feature in features if feature.name in held]
    serialized = []
    for place in range(len(rows)):
        written = []
        for feature in known:
            value = _feature(feature, held[feature.name][place])
            if value is not None:
                written.append((feature.name, value))
        serialized.append(example(written))
    return serialized


def _feature(feature: RawFeature, value: Any) -> bytes | None:
    """Returns one value as a Feature; None: it is missing."""
    if value is None or value in ("", b""):
        return None
    if feature.example_type == "BYTES":
        return bytes_feature([value if isinstance(value, bytes) else value.encode()])
    if value != value:  # noqa: PLR0124 - NaN is missing
        return None
    if feature.example_type == "FLOAT":
        return float_feature([value])
    return int64_feature([int(value)]) if abs(value) < _INT64_END else None
