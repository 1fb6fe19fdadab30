"""golden_batch.json: real rows with what the model makes of them.

    {"format_version": 1,
     "tolerance": {"absolute": 1e-05, "relative": 1e-05},
     "raw_features": ["month", …], "transformed_features": ["carrier_xf", …],
     "outputs": ["label", "probability"],
     "rows": [{"raw": [1, null, "JFK", …], "transformed": [3, -0.25, …],
               "outputs": ["late", 0.61]}, …],
     "left_out": ["dest=LEX", …]}

The values of a row are in the order of the lists above them; null is missing. Numbers
are the shortest decimals that give the same float32 back. `left_out` names the kinds of
rows that the evaluation split has and 256 rows have no room for.

Where the expectations come from: `transformed` from the graph that Transform fitted,
before export; `outputs` from the exported model in TensorFlow's own Python loader. Who
replays them uses the v1 (C++) loader, as TF Serving does, so that two independent ways
must agree.

Tolerance: |got - expected| <= absolute + relative * |expected|, as numpy.isclose has
it. Rounding differs between processors by a few float32 steps (1.2e-7 each) a layer;
1e-5 leaves room for that and for nothing a person would notice. Whole numbers and texts
must be equal.
"""

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from serving.bundle import layout
from serving.bundle.contract import RawFeature
from serving.bundle.errors import BundleRefusedError
from serving.bundle.strict_json import FormatError, decode, parse_json

FORMAT_VERSION = 1
MAX_ROWS = 256
# Whatever computes it: what differs by more is another answer.
MAX_TOLERANCE = 0.01

RawValue = float | str | None
Value = Any  # int, float, str, or a list of them for features of rank 2

_STRICT = {"extra": "forbid"}
_INT64_END = 2.0**63
_GUARD = "format"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tolerance:
    """How far a number may be off; see the module's docstring."""

    __pydantic_config__: ClassVar[Any] = _STRICT
    absolute: float = 1e-5
    relative: float = 1e-5


@dataclass(frozen=True, kw_only=True, slots=True)
class GoldenRow:
    """One row; its values are in the order of the batch's name lists."""

    __pydantic_config__: ClassVar[Any] = _STRICT
    raw: tuple[RawValue, ...]
    transformed: tuple[Value, ...]
    outputs: tuple[Value, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class GoldenBatch:
    """The whole of golden_batch.json.

    Attributes:
        raw_features, transformed_features, outputs: Names, in order.
        rows: 1 to MAX_ROWS rows.
        left_out: Kinds of rows that found no room, in words.
        tolerance: For every comparison with the rows.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    raw_features: tuple[str, ...]
    transformed_features: tuple[str, ...]
    outputs: tuple[str, ...]
    rows: tuple[GoldenRow, ...]
    left_out: tuple[str, ...] = ()
    tolerance: Tolerance = dataclasses.field(default_factory=Tolerance)

    def expected_transformed(self, name: str) -> list[Value]:
        """Returns a transformed feature's value for each row."""
        place = self.transformed_features.index(name)
        return [row.transformed[place] for row in self.rows]

    def expected_output(self, name: str) -> list[Value]:
        """Returns an output's value for each row."""
        place = self.outputs.index(name)
        return [row.outputs[place] for row in self.rows]


def encode_golden_batch(batch: GoldenBatch) -> bytes:
    """Returns the bytes of golden_batch.json, one row a line."""
    rows = ",\n".join(
        json.dumps(dataclasses.asdict(row), ensure_ascii=False, allow_nan=False)
        for row in batch.rows
    )
    head = {"format_version": FORMAT_VERSION, **dataclasses.asdict(batch)}
    del head["rows"]
    text = json.dumps(head, ensure_ascii=False, allow_nan=False, indent=1)
    return f'{text[:-2]},\n "rows": [\n{rows}\n ]\n}}\n'.encode()


def decode_golden_batch(text: bytes) -> GoldenBatch:
    """Reads golden_batch.json.

    Raises:
        BundleRefusedError: Guard "format": a field is wrong, a newer version wrote
            it, a name comes twice, the tolerance is above MAX_TOLERANCE, or a row has
            more or fewer values than names.
    """
    try:
        document = parse_json(text)
        version = document.pop("format_version", None)
        if type(version) is not int or version != FORMAT_VERSION:
            raise FormatError(
                f"format_version is {version!r}; this slipway reads {FORMAT_VERSION}."
            )
        batch = decode(GoldenBatch, document)
        _check_head(batch)
        _check_rows(batch)
    except FormatError as error:
        raise BundleRefusedError(_GUARD, f"{layout.GOLDEN_BATCH}: {error}") from error
    return batch


def read_golden_batch(bundle: Path) -> GoldenBatch:
    """Reads the golden batch of a bundle.

    Raises:
        BundleRefusedError: There is none, or as decode_golden_batch does.
    """
    path = bundle / layout.GOLDEN_BATCH
    if not path.is_file():
        raise BundleRefusedError(
            "identity",
            f"{bundle} has no {layout.GOLDEN_BATCH}: nothing shows that the model "
            "still answers as it did when it was judged.",
        )
    return decode_golden_batch(layout.read_document(bundle, layout.GOLDEN_BATCH))


def _check_head(batch: GoldenBatch) -> None:
    for kind in ("raw_features", "transformed_features", "outputs"):
        names = getattr(batch, kind)
        if not names or len(set(names)) < len(names):
            raise FormatError(
                f"{kind} is {list(names)}; expected one name or more, each once."
            )
    for kind in ("absolute", "relative"):
        value = getattr(batch.tolerance, kind)
        if not 0 <= value <= MAX_TOLERANCE:
            raise FormatError(
                f"tolerance.{kind} is {value}; expected 0 to {MAX_TOLERANCE}."
            )


def _check_rows(batch: GoldenBatch) -> None:
    if not 1 <= len(batch.rows) <= MAX_ROWS:
        raise FormatError(f"it has {len(batch.rows)} rows; expected 1 to {MAX_ROWS}.")
    for place, row in enumerate(batch.rows):
        for kind, names in (
            ("raw", batch.raw_features),
            ("transformed", batch.transformed_features),
            ("outputs", batch.outputs),
        ):
            count = len(getattr(row, kind))
            if count != len(names):
                raise FormatError(
                    f"rows.{place}.{kind} has {count} values for {len(names)} names."
                )


def plain_float(value: float) -> float | None:
    """Returns the shortest decimal that gives the same float32; None for NaN.

    Raises:
        ValueError: The value is infinite; JSON has no number for it.
    """
    single = np.float32(value)
    if math.isnan(single):
        return None
    if math.isinf(single):
        raise ValueError("an infinite value cannot be a golden value.")
    shortest = float(str(single))
    return shortest if np.float32(shortest) == single else float(single)


def plain_values(array: npt.NDArray[Any]) -> list[Value]:
    """Returns an array's rows as JSON has them.

    Args:
        array: [rows] or [rows, n]. Float, whole numbers, bool, or bytes (object).

    Raises:
        ValueError: A value is NaN, infinite, or no UTF-8.
    """
    if array.dtype.kind == "O":
        return [_text(value) for value in array.tolist()]
    if array.dtype.kind != "f":
        return list(array.tolist())
    if not np.isfinite(array).all():
        raise ValueError("a value is not finite.")
    if array.ndim == 1:
        return [plain_float(value) for value in array]
    return [plain_values(row) for row in array]


def _text(value: Any) -> Value:
    if isinstance(value, list):
        return [_text(part) for part in value]
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def named_tensors(
    batch: GoldenBatch, features: tuple[RawFeature, ...]
) -> dict[str, npt.NDArray[Any]]:
    """Returns the inputs of `serving_default` for the batch's rows.

    Args:
        batch: The rows.
        features: The contract's raw features; values are taken by name.

    Returns:
        Feature name to array [rows]: float32 with NaN, or object (bytes) with b"",
        for missing.

    Raises:
        BundleRefusedError: Guard "format": a value is not of its feature's type.
    """
    columns: dict[str, npt.NDArray[Any]] = {}
    for feature in features:
        place = batch.raw_features.index(feature.name)
        values = [row.raw[place] for row in batch.rows]
        _check_types(feature, values)
        if feature.dtype == "string":
            texts = [str(value or "").encode() for value in values]
            columns[feature.name] = np.array(texts, dtype=object)
        else:
            numbers = [math.nan if value is None else value for value in values]
            columns[feature.name] = np.array(numbers, dtype=np.float32)
    return columns


def _check_types(feature: RawFeature, values: list[RawValue]) -> None:
    for place, value in enumerate(values):
        if value is not None and not _has_type(feature, value):
            expected = {"BYTES": "text", "INT": "an int64", "FLOAT": "a number"}
            raise BundleRefusedError(
                _GUARD,
                f"{layout.GOLDEN_BATCH}: rows.{place}: {feature.name!r} is {value!r}; "
                f"expected {expected[feature.example_type]}.",
            )


def _has_type(feature: RawFeature, value: float | str) -> bool:
    if isinstance(value, str) or feature.example_type == "BYTES":
        return isinstance(value, str) and feature.example_type == "BYTES"
    if feature.example_type == "FLOAT":
        return math.isfinite(value)
    return float(value).is_integer() and abs(value) < _INT64_END


def serialized_examples(
    batch: GoldenBatch, features: tuple[RawFeature, ...]
) -> list[bytes]:
    """Returns the rows as serialized tf.Examples; a missing feature is absent.

    Needs TensorFlow.

    Raises:
        BundleRefusedError: Guard "format": a value is not of its feature's type.
    """
    import tensorflow as tf

    places = [(feature, batch.raw_features.index(feature.name)) for feature in features]
    for feature, place in places:
        _check_types(feature, [row.raw[place] for row in batch.rows])
    serialized = []
    for row in batch.rows:
        example = tf.train.Example()
        for feature, place in places:
            value = row.raw[place]
            if value is not None and value != "":
                _set_value(example, feature, value)
        serialized.append(example.SerializeToString(deterministic=True))
    return serialized


def _set_value(example: Any, feature: RawFeature, value: RawValue) -> None:
    target = example.features.feature[feature.name]
    if feature.example_type == "BYTES":
        target.bytes_list.value.append(str(value).encode())
    elif feature.example_type == "INT":
        target.int64_list.value.append(int(value or 0))
    else:
        target.float_list.value.append(float(value or 0.0))
