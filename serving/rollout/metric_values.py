"""What one labelled row is worth: log loss, error, or a number that came with it.

log_loss: -log p of what turned out, p being clipped to [PROBABILITY_FLOOR, 1 - it], so
a value lies in [0, 9.21]. error: 1 if the probability was on the wrong side of the
threshold, else 0. metric.NAME: the number as it came, clipped where the plan says so.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from serving.rollout.errors import RolloutError
from serving.rollout.plan import ERROR, LOG_LOSS, METRIC_PREFIX, MetricPlan

PROBABILITY_FLOOR = 1e-4

_MAX_SHOWN = 10

_VALUES = np.ndarray[tuple[int], np.dtype[np.float64]]


def columns_of(metric: str) -> tuple[str, ...]:
    """Returns the log's columns a metric is worked out of, beside the label's."""
    return ("outputs",) if metric in (LOG_LOSS, ERROR) else ()


def metric_values(plan: MetricPlan, rows: Any) -> _VALUES:
    """Returns the metric of each row.

    Args:
        plan: Names it.
        rows: pyarrow.Table with `label`, and `outputs` or `metric.NAME`.

    Returns:
        float64 [rows]. NaN where the label, the output or the number is missing.

    Raises:
        RolloutError: The log has no such output, no such number, or labels of which
            the plan does not say which is positive.
    """
    if not rows.num_rows:  # an empty log has no outputs either
        return np.empty(0)
    if plan.name.startswith(METRIC_PREFIX):
        values = _came_with_labels(plan.name, rows)
    else:
        values = _losses(plan, _output(rows, plan.output), _labels(plan, rows))
    if plan.clip is None:
        return values
    return np.clip(values, *plan.clip)


def _came_with_labels(name: str, rows: Any) -> _VALUES:
    """Returns a metric's column; where no label has come there may be none."""
    if name not in rows.column_names and not rows.column("label").drop_null():
        return np.full(rows.num_rows, np.nan)
    return _numbers(_column(rows, name))


def _losses(plan: MetricPlan, probability: _VALUES, label: _VALUES) -> _VALUES:
    if plan.name == ERROR:
        is_missing = np.isnan(probability) | np.isnan(label)
        is_wrong = (probability >= plan.threshold) != (label > 0)
        return np.where(is_missing, np.nan, is_wrong.astype(float))
    clipped = np.clip(probability, PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
    return -(label * np.log(clipped) + (1 - label) * np.log1p(-clipped))


def _output(rows: Any, name: str) -> _VALUES:
    import pyarrow as pa
    import pyarrow.compute as pc

    outputs = _column(rows, "outputs")
    fields = [field.name for field in outputs.type]
    if name not in fields:
        raise RolloutError(
            f"metric.output is {name!r}; the logged outputs are {_few(fields)}."
        )
    values = pc.struct_field(outputs, name)
    if pa.types.is_list(values.type):
        lengths = pc.unique(pc.list_value_length(values).drop_null()).to_pylist()
        if lengths not in ([], [1]):
            raise RolloutError(
                f"metric.output {name!r} has {_few(lengths)} numbers a row; expected "
                "one, the probability."
            )
        values = pc.list_element(values, 0) if lengths else pa.nulls(len(values))
    return _numbers(values)


def _labels(plan: MetricPlan, rows: Any) -> _VALUES:
    """Returns 0 and 1, NaN where there is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    labels = _column(rows, "label")
    if pa.types.is_null(labels.type):
        return np.full(rows.num_rows, np.nan)
    if plan.positive_label is not None:
        is_positive = pc.equal(labels.cast(pa.string()), plan.positive_label)
        return _numbers(is_positive.cast(pa.float64()))
    if not (pa.types.is_floating(labels.type) or pa.types.is_integer(labels.type)):
        seen = pc.unique(labels.drop_null()).to_pylist()
        raise RolloutError(
            f"labels are texts, {_few(seen)}, and metric.positive_label is None; say "
            "which of them counts as 1."
        )
    found = _numbers(labels)
    others = found[~np.isnan(found) & (found != 0) & (found != 1)]
    if len(others):
        raise RolloutError(
            f"{len(others)} labels are neither 0 nor 1, such as {others[0]:g}; "
            f"{plan.name} needs a label of two classes."
        )
    return found


def _column(rows: Any, name: str) -> Any:
    if name not in rows.column_names:
        raise RolloutError(
            f"the log and its labels have no column {name!r}; they have "
            f"{_few(rows.column_names)}."
        )
    return rows.column(name).combine_chunks()


def _numbers(column: Any) -> _VALUES:
    """Returns float64 [rows], NaN for null and infinite."""
    import pyarrow as pa

    values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    found: _VALUES = np.where(np.isfinite(values), values, np.nan)
    return found


def _few(names: Sequence[object]) -> str:
    left_out = len(names) - _MAX_SHOWN
    shown = ", ".join(str(name) for name in names[:_MAX_SHOWN])
    return shown + (f" and {left_out} more" if left_out > 0 else "")
