"""Predictions and labels out of a log's table, and for which rows labels have come."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from serving.monitoring.monitor_settings import MonitorSettings
from serving.monitoring.quality_metrics import NUM_BINS, Flags, Floats, tenths

_OUTPUTS, _LABEL, _VERSION = "outputs", "label", "version"


class LabelError(ValueError):
    """The labels are not of the two classes; the text names what they are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledRows:
    """The rows of a table that have a prediction.

    Attributes:
        probability: float64 [rows].
        version: int64 [rows]. Of the model.
        is_labelled: bool [rows]. Whether its label has come.
        is_positive: bool [rows]. False, too, where none has come.
        places: int64 [rows]. Their places in the table, rising.
        num_rows: Rows of the table, those without a prediction included.
    """

    probability: Floats
    version: npt.NDArray[np.int64]
    is_labelled: Flags
    is_positive: Flags
    places: npt.NDArray[np.int64]
    num_rows: int

    @property
    def num_labelled(self) -> int:
        """Rows with a prediction and a label."""
        return int(self.is_labelled.sum())

    @property
    def coverage(self) -> float:
        """Share of all rows that have both, 0 to 1; 0 without rows."""
        return self.num_labelled / self.num_rows if self.num_rows else 0.0

    def labelled(self) -> tuple[Floats, Flags]:
        """Returns probability and label of the rows that have both."""
        return self.probability[self.is_labelled], self.is_positive[self.is_labelled]


def labelled_rows(table: Any, settings: MonitorSettings) -> LabelledRows:
    """Reads predictions and labels.

    Args:
        table: See PredictionLog.read; without a column `label` no label has come.
        settings: Its output and positive_label.

    Raises:
        LabelError: A label is neither 0 nor 1 and there is no positive_label.
    """
    probability = _probability(table, settings.output)
    has_prediction = ~np.isnan(probability)
    is_labelled, is_positive = _labels(table, settings.positive_label)
    return LabelledRows(
        probability=probability[has_prediction],
        version=table[_VERSION].to_numpy()[has_prediction],
        is_labelled=is_labelled[has_prediction],
        is_positive=is_positive[has_prediction],
        places=np.flatnonzero(has_prediction),
        num_rows=table.num_rows,
    )


def _probability(table: Any, output: str) -> Floats:
    """Returns NaN where the log has no such output, or one of several classes."""
    missing = np.full(table.num_rows, np.nan)
    if _OUTPUTS not in table.column_names:
        return missing
    column = table[_OUTPUTS]
    if not pa.types.is_struct(column.type) or column.type.get_field_index(output) < 0:
        return missing
    values = pc.struct_field(column, output)
    if pa.types.is_nested(values.type):
        return missing
    return np.asarray(values.cast(pa.float64()).fill_null(np.nan).to_numpy())


def _labels(table: Any, positive_label: str) -> tuple[Flags, Flags]:
    if _LABEL not in table.column_names:
        none = np.zeros(table.num_rows, dtype=bool)
        return none, none
    column = table[_LABEL]
    is_labelled = np.asarray(column.is_valid())
    if positive_label:
        texts = _as_texts(column)
        is_positive = pc.equal(texts, positive_label)
    else:
        is_positive = pc.equal(_as_numbers(column), 1.0)
    return is_labelled, np.asarray(is_positive.fill_null(False))


def _as_texts(column: Any) -> Any:
    return column.cast(pa.string())


def _as_numbers(column: Any) -> Any:
    try:
        numbers = column.cast(pa.float64())
    except pa.ArrowInvalid as error:
        raise LabelError(_wrong_labels(column)) from error
    others = pc.invert(pc.is_in(numbers, value_set=pa.array([0.0, 1.0])))
    if pc.any(pc.and_(others, numbers.is_valid())).as_py():
        raise LabelError(_wrong_labels(column))
    return numbers


def _wrong_labels(column: Any) -> str:
    shown = [repr(value) for value in pc.unique(column.drop_null()).to_pylist()[:5]]
    return (
        f"labels are {', '.join(shown)}; expected 0 and 1. Name the one that the "
        "probability is of: monitoring.positive_label"
    )


def coverage_by_tenth(rows: LabelledRows) -> tuple[float, ...]:
    """Returns the share of rows with labels in each tenth by prediction, lowest first.

    Where labels come late, or only for what was acted on, those that are there are no
    random choice: quality then is that of the rows with labels and not of all.

    Args:
        rows: At least one.
    """
    places = tenths(rows.probability, rows.probability)
    counts = np.bincount(places, minlength=NUM_BINS)
    labelled = np.bincount(places[rows.is_labelled], minlength=NUM_BINS)
    there = counts > 0
    return tuple((labelled[there] / counts[there]).tolist())
