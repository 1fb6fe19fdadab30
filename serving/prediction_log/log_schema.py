r"""The columns of a log file.

    request_id      string                the client's, or the server's
    row             int32                 place in the request, from 0
    time            timestamp[us, UTC]    when it was answered
    event_time      timestamp[us, UTC]    null: the client sent none that can be read
    model           string
    version         int64
    bundle_digest   string                "" where the model folder is no bundle
    signature       string
    key             string                null: the client sent none, or not one a row
    variant         string                null: no router sent one
    latency_us      int64                 of the request
    inputs          struct                one field a raw feature; null: missing
    outputs         struct                one field an output; null: NaN, or not asked
    transformed     struct                null but for a share of the requests

With a contract the fields of the structs are the contract's: INT becomes int64, FLOAT
float32, BYTES string; without one they are typed as the arrays are. A number of an INT
feature that is not whole is cut towards zero, as `serving_default` does before the
transform graph sees it (models/export.py, tf.cast). An array of more than one dimension
becomes lists. Masked names have no field at all.

Text that is no UTF-8 is written with `\xff` for each byte that is none (Python's
backslashreplace); how many texts that befell is in the writer's counters.

The file's key-value metadata: `slipway.format_version`, `slipway.writer`,
`slipway.model`, `slipway.masked` (a JSON list) and `slipway.sampled_share`.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from serving.bundle.contract import Contract
from serving.prediction_log.logged_request import Columns
from serving.session_model import TRANSFORM_SIGNATURE

TEXT = pa.dictionary(pa.int32(), pa.string())
TIME = pa.timestamp("us", tz="UTC")
REQUEST_COLUMNS: Mapping[str, Any] = {
    "request_id": pa.string(),
    "row": pa.int32(),
    "time": TIME,
    "event_time": TIME,
    "model": TEXT,
    "version": pa.int64(),
    "bundle_digest": TEXT,
    "signature": TEXT,
    "key": pa.string(),
    "variant": TEXT,
    "latency_us": pa.int64(),
}
STRUCTS = ("inputs", "outputs", "transformed")
_FEATURE_TYPES = {"INT": pa.int64(), "FLOAT": pa.float32(), "BYTES": TEXT}
_EXAMPLE_INPUTS = ("examples", "inputs")


@dataclass(frozen=True, kw_only=True, eq=False)
class LogSchema:
    """The fields of the structs, name to Arrow type.

    Attributes:
        inputs, outputs: See the module's docstring.
        transformed: Empty: the model has no transform graph at hand.
    """

    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    transformed: Mapping[str, Any]

    @functools.cached_property
    def arrow(self) -> Any:
        """The pyarrow.Schema; text as dictionaries, which files do not show."""
        fields = list(REQUEST_COLUMNS.items())
        for name in STRUCTS:
            own: Mapping[str, Any] = getattr(self, name)
            if own:
                fields.append((name, pa.struct(list(own.items()))))
        return pa.schema(fields)


def contract_schema(
    contract: Contract, masked: Sequence[str], *, has_transformed: bool
) -> LogSchema:
    """Returns the fields of a model with a contract.

    Args:
        contract: The model's.
        masked: Names that get no field.
        has_transformed: Whether transformed features may be logged.
    """
    inputs = {
        feature.name: _FEATURE_TYPES[feature.example_type]
        for feature in contract.raw_features
    }
    outputs: dict[str, Any] = {}
    transformed: dict[str, Any] = {}
    for name, signature in contract.signatures.items():
        into = transformed if name == TRANSFORM_SIGNATURE else outputs
        for tensor in signature.outputs:
            dimensions = len(tensor.shape) if tensor.shape is not None else 1
            into[tensor.name] = _listed(_tensor_type(tensor.dtype), dimensions - 1)
    if not has_transformed:
        transformed = {}
    return _without(masked, inputs, outputs, transformed)


def array_schema(inputs: Columns, outputs: Columns, masked: Sequence[str]) -> LogSchema:
    """Returns the fields of a model without a contract, as its arrays have them."""
    is_examples = len(inputs) == 1 and next(iter(inputs)) in _EXAMPLE_INPUTS
    return _without(
        masked,
        {
            name: pa.binary() if is_examples else _array_type(values)
            for name, values in inputs.items()
        },
        {name: _array_type(values) for name, values in outputs.items()},
        {},
    )


def masked_transformed(names: Iterable[str], masked: Sequence[str]) -> frozenset[str]:
    """Returns those transformed features that are called after a masked one.

    Others that are made of it are worked out without it; see transformed_rows.
    """
    stems = tuple(f"{name}_" for name in masked)
    return frozenset(name for name in names if name in masked or name.startswith(stems))


def _without(
    masked: Sequence[str],
    inputs: Mapping[str, Any],
    outputs: Mapping[str, Any],
    transformed: Mapping[str, Any],
) -> LogSchema:
    hidden = masked_transformed(transformed, masked)
    return LogSchema(
        inputs={name: kind for name, kind in inputs.items() if name not in masked},
        outputs={name: kind for name, kind in outputs.items() if name not in masked},
        transformed={
            name: kind for name, kind in transformed.items() if name not in hidden
        },
    )


def _tensor_type(dtype: str) -> Any:
    return TEXT if dtype == "string" else pa.from_numpy_dtype(np.dtype(dtype))


def _array_type(values: npt.NDArray[Any]) -> Any:
    is_text = values.dtype.kind in "OSU"
    element = TEXT if is_text else pa.from_numpy_dtype(values.dtype)
    return _listed(element, values.ndim - 1)


def _listed(element: Any, levels: int) -> Any:
    # In lists text is plain: dictionaries there are not worth their trouble.
    kind = pa.string() if levels > 0 and element == TEXT else element
    for _ in range(levels):
        kind = pa.list_(kind)
    return kind
