"""Makes one Arrow record batch of many requests.

After every half millisecond of work the thread sleeps for a moment: whoever answers
requests in another thread gets Python's lock soon, and not after all columns.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from serving.prediction_log.arrow_columns import ColumnMaker, constant
from serving.prediction_log.example_rows import columns_of
from serving.prediction_log.log_schema import LogSchema
from serving.prediction_log.merged_requests import MergedRequests, merged_requests
from serving.prediction_log.merged_rows import ReadBatch, merged, picked
from serving.prediction_log.transformed_rows import transformed_rows

_PAUSE_S = 0.0001
_WORK_S = 0.0005


class _Breaks:
    """The moments in which others may go on."""

    def __init__(self) -> None:
        self._since_s = time.perf_counter()

    def take(self) -> None:
        """Sleeps, if the last time is long enough ago."""
        if time.perf_counter() - self._since_s >= _WORK_S:
            time.sleep(_PAUSE_S)
            self._since_s = time.perf_counter()


def record_batch(
    parts: Sequence[ReadBatch],
    schema: LogSchema,
    maker: ColumnMaker,
    *,
    transformed_share: float = 0.0,
) -> Any:
    """Returns the rows of all requests as a pyarrow.RecordBatch.

    Args:
        parts: At least one, each with a request or more; all of one likeness.
        schema: Of the model's files.
        maker: Makes the columns.
        transformed_share: Share of the requests, 0 to 1, for which `transformed` is
            worked out where the schema has it.

    Raises:
        pyarrow.ArrowException, ValueError, TypeError: A value has not its column's
            type.
    """
    model = parts[0].batch.model
    breaks = _Breaks()
    requests = merged_requests(parts)
    rows = len(requests.row)
    inputs = _taken(_inputs(parts), requests.places)
    outputs = _taken(merged([part.outputs for part in parts]), requests.places)
    breaks.take()
    columns = {
        **requests.columns(),
        "model": constant(model.name, rows),
        "version": pa.array(np.full(rows, model.version, np.int64)),
        "bundle_digest": constant(model.bundle_digest, rows),
        "signature": constant(parts[0].batch.signature, rows),
        "inputs": _struct(inputs, schema.inputs, rows, maker, breaks),
        "outputs": _struct(outputs, schema.outputs, rows, maker, breaks),
    }
    if schema.transformed:
        columns["transformed"] = _transformed(
            parts, inputs, requests, schema, maker, transformed_share
        )
    arrow = schema.arrow
    return pa.RecordBatch.from_arrays(
        [columns[name] for name in arrow.names if name in columns], schema=arrow
    )


def _inputs(parts: Sequence[ReadBatch]) -> Mapping[str, Any]:
    """Returns the features of all rows; those of tf.Examples where they came so."""
    inputs = merged([part.inputs for part in parts])
    contract = parts[0].batch.model.contract
    if contract is None or len(inputs) != 1:
        return inputs
    ((name, values),) = inputs.items()
    is_text = isinstance(values, pa.Array) or values.dtype.kind == "O"
    if name in contract.feature_names or not is_text:
        return inputs
    return columns_of(values.tolist(), contract.raw_features)


def _taken(
    columns: Mapping[str, Any], places: npt.NDArray[np.int64]
) -> Mapping[str, Any]:
    """Returns the rows that are logged, in the requests' order."""
    rows = len(next(iter(columns.values())))
    if len(places) == rows and (places == np.arange(rows)).all():
        return columns
    return {name: picked(values, places) for name, values in columns.items()}


def _struct(
    columns: Mapping[str, Any],
    fields: Mapping[str, Any],
    rows: int,
    maker: ColumnMaker,
    breaks: _Breaks,
) -> Any:
    arrays = []
    for name, kind in fields.items():
        held = columns.get(name)
        arrays.append(
            pa.nulls(rows, kind) if held is None else maker.column(held, kind)
        )
        breaks.take()
    return _struct_of(arrays, fields, rows)


def _struct_of(arrays: Sequence[Any], fields: Mapping[str, Any], rows: int) -> Any:
    kind = pa.struct(list(fields.items()))
    if not arrays:  # everything is masked
        return pa.array([{}] * rows, kind)
    return pa.StructArray.from_arrays(arrays, fields=list(kind))


def _transformed(
    parts: Sequence[ReadBatch],
    inputs: Mapping[str, Any],
    requests: MergedRequests,
    schema: LogSchema,
    maker: ColumnMaker,
    share: float,
) -> Any:
    """Returns the column `transformed`: null for the rows that it is not made for."""
    rows = len(requests.row)
    kind = pa.struct(list(schema.transformed.items()))
    chosen, found = transformed_rows(
        parts[0].batch.model, schema, inputs, requests, share
    )
    if not found:
        return pa.nulls(rows, kind)
    made = _struct(found, schema.transformed, len(chosen), maker, _Breaks())
    places = np.full(rows, -1)
    places[chosen] = np.arange(len(chosen))
    return made.take(pa.array(places, mask=places < 0))
