"""What is remembered of the rows of one slice, so that TFMA's metrics follow from it.

Everything is an integer: counts in TFMA's 10,000 buckets, and sums in fixed point.
Adding integers does not depend on the order, so files can be read and merged in any
order and give the same numbers to the last bit.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.int64]

NUM_BUCKETS = 10_000
UNITS = 2**40
"""Fixed point: sums count units of 2^-40, so a row is rounded by at most 5e-13."""

MAX_ROWS = 2**12
"""Rows a tally may take at once. The cross entropy of a float64 is below 2^10 nats, and
2^12 * 2^10 * UNITS fits in 63 bits; merging adds Python's unbounded integers."""

THRESHOLD = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """The rows of one slice as one model predicts them.

    Attributes:
        bucket_ids: int64 [num_buckets]. Ascending, in [1, NUM_BUCKETS + 1]; buckets
            without a row are left out.
        bucket_rows: int64 [num_buckets]. Rows in each.
        bucket_positives: int64 [num_buckets]. Rows in each whose label is 1.
        predictions: Sum of the predictions, in 1/UNITS.
        cross_entropy: Sum of the rows' binary cross entropy, in nats/UNITS, without
            the rows that are predicted exactly 0 or 1.
        certain_right: Rows predicted as exactly their label: TFMA's cross entropy of
            such a row is NaN.
        certain_wrong: Rows predicted as exactly the other label: infinity.
        rows_above: Rows predicted above THRESHOLD, exclusive.
        positives_above: The ones among them whose label is 1.
    """

    bucket_ids: Integers
    bucket_rows: Integers
    bucket_positives: Integers
    predictions: int
    cross_entropy: int
    certain_right: int
    certain_wrong: int
    rows_above: int
    positives_above: int

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.bucket_rows.sum())

    @property
    def positives(self) -> int:
        """Number of rows whose label is 1."""
        return int(self.bucket_positives.sum())


def bucket_index(predictions: Floats) -> Integers:
    """Returns TFMA's bucket of each prediction.

    Bucket i holds [(i - 1) / 10,000, i / 10,000), and 10,001 holds exactly 1.

    Args:
        predictions: float [rows]. In [0, 1].

    Source:
        tensorflow_model_analysis 0.52, metrics/calibration_histogram.py,
        _CalibrationHistogramCombiner._bucket_index, in the same order of operations.
    """
    index = predictions.astype(np.float64) / 1.0 * NUM_BUCKETS + 1
    return np.minimum(index, NUM_BUCKETS + 1).astype(np.int64)


def tally(labels: Integers, predictions: Floats) -> Tally:
    """Counts rows.

    Args:
        labels: int64 [rows]. 0 or 1.
        predictions: float [rows]. In [0, 1]; at most MAX_ROWS rows.

    Raises:
        ValueError: More than MAX_ROWS rows: the sums might overflow.
    """
    if len(labels) > MAX_ROWS:
        raise ValueError(f"{len(labels):,} rows at once; a tally takes {MAX_ROWS:,}.")
    buckets = bucket_index(predictions)
    ids, places = np.unique(buckets, return_inverse=True)
    is_certain = (predictions == 0) | (predictions == 1)
    above = predictions > THRESHOLD
    return Tally(
        bucket_ids=ids,
        bucket_rows=_count(places, len(ids)),
        bucket_positives=_count(places[labels == 1], len(ids)),
        predictions=_to_units(predictions),
        cross_entropy=_to_units(
            _cross_entropy(labels[~is_certain], predictions[~is_certain])
        ),
        certain_right=int((predictions == labels).sum()),
        certain_wrong=int((predictions == 1 - labels).sum()),
        rows_above=int(above.sum()),
        positives_above=int(labels[above].sum()),
    )


def merge(tallies: Iterable[Tally]) -> Tally:
    """Returns the tally of all rows together; no tally at all gives an empty one."""
    parts = list(tallies)
    if not parts:
        return tally(np.zeros(0, np.int64), np.zeros(0))
    if len(parts) == 1:
        return parts[0]
    ids, places = np.unique(
        np.concatenate([part.bucket_ids for part in parts]), return_inverse=True
    )
    rows = np.zeros(len(ids), np.int64)
    positives = np.zeros(len(ids), np.int64)
    np.add.at(rows, places, np.concatenate([part.bucket_rows for part in parts]))
    np.add.at(
        positives, places, np.concatenate([part.bucket_positives for part in parts])
    )
    return Tally(
        bucket_ids=ids,
        bucket_rows=rows,
        bucket_positives=positives,
        predictions=sum(part.predictions for part in parts),
        cross_entropy=sum(part.cross_entropy for part in parts),
        certain_right=sum(part.certain_right for part in parts),
        certain_wrong=sum(part.certain_wrong for part in parts),
        rows_above=sum(part.rows_above for part in parts),
        positives_above=sum(part.positives_above for part in parts),
    )


def _count(places: Integers, length: int) -> Integers:
    return np.bincount(places, minlength=length).astype(np.int64)


def _to_units(values: Floats) -> int:
    return int(np.rint(values.astype(np.float64) * UNITS).astype(np.int64).sum())


def _cross_entropy(labels: Integers, predictions: Floats) -> Floats:
    # The logarithm is taken in the predictions' own precision, as TFMA does
    # (metrics/cross_entropy_metrics.py, _BinaryCrossEntropyCombiner._cross_entropy).
    of_label = np.where(labels == 1, predictions, 1 - predictions)
    return -np.log(of_label)
