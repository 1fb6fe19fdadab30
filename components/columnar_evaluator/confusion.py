"""Makes TFMA's 10,000 confusion matrices of a histogram, in vectorised form.

This is the one derived computation of TFMA that is re-expressed: its loop over 10,000
thresholds in Python, twice a slice, took a quarter of the run. Counts are integers, so
the result is equal to TFMA's, not close to it (tests/components/columnar_evaluator/
test_confusion.py holds both side by side).
"""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from components.columnar_evaluator.histogram import NUM_BUCKETS, Integers, Tally


def confusion_matrices(tally: Tally) -> Any:
    """Returns TFMA's Matrices: rows above and below each of 10,000 thresholds.

    Args:
        tally: The rows of one slice.

    Source:
        tensorflow_model_analysis 0.52, metrics/binary_confusion_matrices.py, `result`
        in binary_confusion_matrices with num_thresholds=10,000 and
        _histogram_to_binary_confusion_matrices; rebin in
        metrics/calibration_histogram.py.
    """
    from tensorflow_model_analysis.metrics import binary_confusion_matrices as tfma

    thresholds, places = _thresholds()
    place = places[tally.bucket_ids]
    size = len(thresholds)
    positives = _spread(tally.bucket_positives, place, size)
    negatives = _spread(tally.bucket_rows, place, size) - positives
    tp, fn = _above_and_below(positives)
    fp, tn = _above_and_below(negatives)
    # The last threshold is above 1, so nothing is above it.
    tp[-1], fp[-1], fn[-1], tn[-1] = 0.0, 0.0, tp[0], fp[0]
    return tfma.Matrices(thresholds, tp, tn, fp, fn)


@cache
def _thresholds() -> tuple[list[float], Integers]:
    """Returns TFMA's thresholds and the place of each bucket among them."""
    from tensorflow_model_analysis.metrics import binary_confusion_matrices as tfma

    thresholds = tfma._interpolated_thresholds(tfma.DEFAULT_NUM_THRESHOLDS)
    shifted = [edge + tfma._EPSILON if edge != 0 else edge for edge in thresholds]
    lowest = (np.arange(NUM_BUCKETS + 2) - 1) / NUM_BUCKETS * 1.0 + 0.0
    lowest[0], lowest[-1] = -np.inf, np.inf
    places = np.searchsorted(np.asarray(shifted[1:]), lowest, side="right")
    return thresholds, places.astype(np.int64)


def _spread(counts: Integers, place: Integers, size: int) -> npt.NDArray[np.float64]:
    return np.bincount(place, weights=counts, minlength=size).astype(np.float64)


def _above_and_below(
    counts: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Returns the counts from each place on and those before it."""
    return np.cumsum(counts[::-1])[::-1], np.cumsum(counts) - counts
