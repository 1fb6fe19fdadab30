"""How good the predictions of a window were, where labels have come."""

from collections.abc import Sequence
from typing import Any

from serving.monitoring.monitor_settings import MonitorSettings
from serving.monitoring.quality_labels import (
    LabelError,
    LabelledRows,
    coverage_by_tenth,
    labelled_rows,
)
from serving.monitoring.quality_metrics import auc, calibration, log_loss
from serving.monitoring.report_format import Quality

_METHOD = (
    "AUC: DeLong; log loss: normal interval of a mean; calibration: delta method of a "
    "log ratio; rows are taken as independent"
)
# A tenth with this much less coverage than another is worth a word.
_UNEVEN = 0.1


def quality_of(table: Any, settings: MonitorSettings) -> Quality | None:
    """Measures AUC, log loss and calibration on the rows whose labels have come.

    Args:
        table: The rows of a window or slice; see PredictionLog.read.
        settings: Its output, positive_label, confidence and min_labelled.

    Returns:
        None where no label has come. Without metrics, and with the reason as its
        method, where too few have come, where all are of one class, or where labels
        are not of two classes.
    """
    try:
        rows = labelled_rows(table, settings)
    except LabelError as error:
        return _refused(str(error), 0.0, 0)
    if not rows.num_labelled:
        return None
    reason = why_not(rows, settings.min_labelled)
    if reason:
        return _refused(reason, rows.coverage, rows.num_labelled)
    probability, is_positive = rows.labelled()
    confidence = settings.confidence
    return Quality(
        metrics={
            "auc": auc(probability, is_positive, confidence),
            "log_loss": log_loss(probability, is_positive, confidence),
            "calibration": calibration(probability, is_positive, confidence),
        },
        coverage=rows.coverage,
        num_rows=rows.num_labelled,
        method=_METHOD + _selection(rows),
    )


def why_not(rows: LabelledRows, min_labelled: int) -> str:
    """Says why quality cannot be judged; "" if it can."""
    count = rows.num_labelled
    if count < min_labelled:
        return (
            f"labels have come for {count:,} rows; expected at least {min_labelled:,}"
        )
    positives = int(rows.is_positive[rows.is_labelled].sum())
    if positives in (0, count):
        which = "positive" if positives else "negative"
        return (
            f"all {count:,} labels that have come are {which}; quality needs rows of "
            "both classes"
        )
    return ""


def _refused(reason: str, coverage: float, num_rows: int) -> Quality:
    return Quality(
        metrics={},
        coverage=coverage,
        num_rows=num_rows,
        method=f"not judged: {reason}",
    )


def _selection(rows: LabelledRows) -> str:
    """Says for which predictions labels are missing, where some are."""
    if rows.num_labelled == rows.num_rows:
        return ""
    shares = coverage_by_tenth(rows)
    told = (
        f"; {rows.coverage:.0%} of the rows have labels, by tenths of the prediction "
        f"from low to high {_percents(shares)}"
    )
    if max(shares) - min(shares) >= _UNEVEN:
        told += ": rows with labels are no random choice, quality is theirs alone"
    return told


def _percents(shares: Sequence[float]) -> str:
    return ", ".join(f"{share:.0%}" for share in shares)
