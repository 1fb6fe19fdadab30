"""Makes a reference of rows of the log."""

import dataclasses
import math
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.monitoring.feature_space import (
    CategorySpace,
    NumericSpace,
    count_codes,
    float32_values,
    text_dictionary,
)
from serving.monitoring.reference import FeatureReference, from_counts

NUM_BINS = 20


def rows_reference(training: FeatureReference, column: Any) -> FeatureReference:
    """Returns a reference whose bins and values are those of rows.

    Args:
        training: The same feature in training: its type, and a number's range.
        column: A pyarrow column of the rows.

    Raises:
        SpaceError: The column is of another type.
    """
    if isinstance(training.space, CategorySpace):
        encoded = text_dictionary(column)
        found = Counter(encoded.to_pylist())
        values = tuple(sorted(value for value in found if value))
        space: CategorySpace | NumericSpace = CategorySpace(
            values=values, is_complete=True
        )
    else:
        space = dataclasses.replace(
            training.space, edges=quantile_edges(float32_values(column))
        )
    counts = count_codes(space.encode(column), space)
    return from_counts(training.feature, space, counts)


def unbounded_space(values: npt.NDArray[np.float32]) -> NumericSpace:
    """Returns the bins of numbers that have no range; NaN is missing."""
    return NumericSpace(edges=quantile_edges(values), low=-math.inf, high=math.inf)


def quantile_edges(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Returns the different ones of NUM_BINS quantiles, the last the largest value.

    Args:
        values: NaN is left out.

    Returns:
        1 to NUM_BINS, rising strictly; infinity alone if there is no value.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return np.array([np.inf], np.float32)
    levels = np.arange(1, NUM_BINS + 1) / NUM_BINS
    quantiles = np.quantile(known, levels, method="inverted_cdf")
    edges: npt.NDArray[np.float32] = np.unique(quantiles.astype(np.float32))
    return edges
