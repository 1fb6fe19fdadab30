"""Rows of the log, each value turned once into its cell's code.

Windows and slices are then counted by numpy.bincount over some of the rows: 30,000
rows of 31 features take a tenth of a second, however many slices there are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from serving.monitoring.feature_space import (
    Codes,
    SpaceError,
    float32_values,
    text_dictionary,
)
from serving.monitoring.impact import Sensitivity, sensitivity
from serving.monitoring.monitor_settings import MonitorSettings, reference_window
from serving.monitoring.reference import FeatureReference, MonitorReference
from serving.monitoring.row_reference import rows_reference

Rows = npt.NDArray[np.int64]
"""Places of rows in a table."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class CodedLog:
    """A log's table with all that is computed once for every row.

    Attributes:
        table: As PredictionLog.read gives it.
        micros: Time of each row by the settings' clock, microseconds since 1970.
        versions: Model version of each row.
        predictions: Probability of each row, NaN where it has none or no number.
        references: Feature to what it is compared with.
        codes: Feature to the code of each row in its reference's space.
        sensitivities: Feature to the predictions by code; None: not known.
        slices: Sliced feature to its dictionary of values and each row's place in it,
            -1 where the value is missing.
        untested: Feature to why it cannot be compared.
        reference_rows: Rows of the reference window; None for training's reference.
    """

    table: Any
    micros: npt.NDArray[np.int64]
    versions: npt.NDArray[np.int64]
    predictions: npt.NDArray[np.float32]
    references: dict[str, FeatureReference] = field(default_factory=dict)
    codes: dict[str, Codes] = field(default_factory=dict)
    sensitivities: dict[str, Sensitivity | None] = field(default_factory=dict)
    slices: dict[str, tuple[tuple[str, ...], Codes]] = field(default_factory=dict)
    untested: dict[str, str] = field(default_factory=dict)
    reference_rows: Rows | None = None


def code_log(
    table: Any, reference: MonitorReference, settings: MonitorSettings
) -> CodedLog:
    """Codes every row of a log.

    Args:
        table: See PredictionLog.read: `inputs` and `outputs` are structs.
        reference: Features that are in no row are named in `untested`.
        settings: Clock, slices and reference.

    Raises:
        ValueError: A slice is no feature of the log, or the reference window has fewer
            than min_rows rows.
    """
    micros = times(table, settings.clock)
    coded = CodedLog(
        table=table,
        micros=micros,
        versions=table["version"].to_numpy(),
        predictions=_predictions(table, settings.output),
        slices={name: _slice_places(table, name) for name in settings.slices},
        untested=dict(reference.untested),
        reference_rows=_reference_rows(micros, settings),
    )
    inputs = struct_columns(table, "inputs")
    golden = _golden_columns(reference, settings.output)
    for name, training in reference.features.items():
        if name not in inputs:
            coded.untested[name] = "the log does not have it"
            continue
        try:
            _code_feature(coded, training, inputs[name], golden.get(name))
        except SpaceError as error:
            coded.untested[name] = str(error)
    return coded


def _code_feature(
    coded: CodedLog, training: FeatureReference, column: Any, golden: Any
) -> None:
    reference = training
    if coded.reference_rows is not None:
        reference = rows_reference(
            training, column.take(pa.array(coded.reference_rows))
        )
    space, name = reference.space, reference.feature
    codes, predictions = space.encode(column), coded.predictions
    if golden is not None:
        values, expected = golden
        known = np.concatenate([codes, space.encode(values)])
        predictions = np.concatenate([predictions, expected])
    else:
        known = codes
    coded.references[name], coded.codes[name] = reference, codes
    coded.sensitivities[name] = sensitivity(
        known, predictions.astype(np.float64), space
    )


def times(table: Any, clock: str) -> npt.NDArray[np.int64]:
    """Returns each row's time in microseconds since 1970.

    Args:
        table: With `time` and `event_time`.
        clock: "time", or "event_time", which is `time` where it is null.
    """
    column = table["time"]
    if clock == "event_time":
        column = pc.coalesce(table["event_time"], column)
    micros: npt.NDArray[np.int64] = (
        column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    )
    return micros


def to_micros(moment: datetime) -> int:
    """Returns microseconds since 1970 of an aware time."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_micros(micros: int) -> datetime:
    """Returns the time in UTC."""
    return _EPOCH + timedelta(microseconds=int(micros))


def struct_columns(table: Any, name: str) -> Mapping[str, Any]:
    """Returns the fields of a column of structs; empty if the table lacks it."""
    if name not in table.column_names:
        return {}
    column = table[name]
    return {
        column.type.field(place).name: pc.struct_field(column, place)
        for place in range(column.type.num_fields)
    }


def _predictions(table: Any, output: str) -> npt.NDArray[np.float32]:
    column = struct_columns(table, "outputs").get(output)
    if column is None:
        return np.full(table.num_rows, np.nan, np.float32)
    values = float32_values(column)
    return np.where(np.isfinite(values), values, np.float32(np.nan))


def _golden_columns(
    reference: MonitorReference, output: str
) -> dict[str, tuple[Any, npt.NDArray[np.float32]]]:
    """Feature to its golden values and what the model makes of those rows."""
    if reference.golden_rows is None:
        return {}
    expected = _predictions(reference.golden_rows, output)
    columns = struct_columns(reference.golden_rows, "inputs")
    return {name: (column, expected) for name, column in columns.items()}


def _slice_places(table: Any, name: str) -> tuple[tuple[str, ...], Codes]:
    columns = struct_columns(table, "inputs")
    if name not in columns:
        raise ValueError(
            f"slices has {name!r}, which is no feature of the log; those are "
            f"{', '.join(columns)}."
        )
    column = columns[name]
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        column = column.cast(pa.string())
    encoded = text_dictionary(column)
    values = tuple(str(value or "") for value in encoded.dictionary.to_pylist())
    known = np.array([*(bool(value) for value in values), False])
    places = encoded.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)
    return values, np.where(known[places], places, -1).astype(np.int32)


def _reference_rows(
    micros: npt.NDArray[np.int64], settings: MonitorSettings
) -> Rows | None:
    limits = reference_window(settings.reference)
    if limits is None:
        return None
    start, end = (to_micros(limit) for limit in limits)
    rows = np.flatnonzero((micros >= start) & (micros < end))
    if len(rows) < settings.min_rows:
        raise ValueError(
            f"reference is {settings.reference!r}, and the log has {len(rows)} rows of "
            f"that time; expected min_rows, {settings.min_rows}, or more. Choose "
            "another window, or 'training'."
        )
    return rows
