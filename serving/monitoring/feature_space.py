"""Cells into which the values of a feature are counted, then and now.

A window, a slice and the reference are compared cell by cell, so that all of them are
counted in one space, made by the reference. Every space starts with MISSING.
"""

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from serving.monitoring.report_format import FeatureKind

MISSING = 0
"""Code of a null, a NaN and an empty text."""

Codes = npt.NDArray[np.int32]
Counts = npt.NDArray[np.float64]


class SpaceError(ValueError):
    """A column that cannot be counted in a space; the text names both types."""


@dataclass(frozen=True, kw_only=True)
class NumericSpace:
    """Bins of a number.

    Codes: 0 missing; 1 to J the bins (edges[i - 2], edges[i - 1]], of which the first
    holds all that is lower; J + 1 and J + 2 values below and above the range.

    Attributes:
        edges: J upper ends, float32, rising strictly; the last is the largest value
            of the reference.
        low, high: The range, both ends inclusive, float32; infinite where there is
            none.
    """

    edges: npt.NDArray[np.float32]
    low: float
    high: float

    @property
    def kind(self) -> FeatureKind:
        """What the tests ask for."""
        return "numeric"

    @property
    def num_bins(self) -> int:
        """J."""
        return len(self.edges)

    @property
    def num_codes(self) -> int:
        """Missing, the bins, below and above the range."""
        return self.num_bins + 3

    @property
    def labels(self) -> tuple[str, ...]:
        """One a bin, as text."""
        ends = [f"{edge:.6g}" for edge in self.edges]
        between = [f"{low} … {high}" for low, high in itertools.pairwise(ends)]
        return (f"≤ {ends[0]}", *between) if ends else ()

    def encode(self, column: Any) -> Codes:
        """Returns the code of each value.

        Comparisons are made in float32, as the model reads its features: a value
        that lies on an edge is on it in either width.

        Args:
            column: A pyarrow array of numbers; null and NaN are missing.

        Raises:
            SpaceError: It holds no numbers.
        """
        return self.encode_values(float32_values(column))

    def encode_values(self, values: npt.NDArray[np.float32]) -> Codes:
        """Returns the code of each value; NaN is missing."""
        bins = np.searchsorted(self.edges, values, side="left") + 1
        codes: Codes = np.minimum(bins, self.num_bins).astype(np.int32)
        codes[values < np.float32(self.low)] = self.num_bins + 1
        codes[values > np.float32(self.high)] = self.num_bins + 2
        codes[np.isnan(values)] = MISSING
        return codes

    def value_counts(self, counts: Counts) -> Counts:
        """Returns counts of the bins alone; what is out of range lies in an end bin."""
        bins: Counts = counts[1 : self.num_bins + 1].copy()
        if len(bins):
            bins[0] += counts[self.num_bins + 1]
            bins[-1] += counts[self.num_bins + 2]
        return bins


@dataclass(frozen=True, kw_only=True)
class CategorySpace:
    """Values of a text.

    Codes: 0 missing; 1 to V the values; V + 1 everything else.

    Attributes:
        values: V values that the reference lists.
        is_complete: Whether those are all that the reference had.
    """

    values: tuple[str, ...]
    is_complete: bool

    @property
    def kind(self) -> FeatureKind:
        """What the tests ask for."""
        return "categorical"

    @property
    def num_codes(self) -> int:
        """Missing, the values, everything else."""
        return len(self.values) + 2

    @property
    def other(self) -> int:
        """Code of every value that is not listed."""
        return len(self.values) + 1

    @cached_property
    def _places(self) -> dict[str, int]:
        return {value: place for place, value in enumerate(self.values, start=1)}

    def encode(self, column: Any) -> Codes:
        """Returns the code of each value.

        Args:
            column: A pyarrow array of text; null and "" are missing.

        Raises:
            SpaceError: It holds no text.
        """
        encoded = text_dictionary(column)
        places = [
            self._places.get(value, self.other) if value else MISSING
            for value in encoded.dictionary.to_pylist()
        ]
        table = np.array([*places, MISSING], np.int32)
        indices = encoded.indices.fill_null(len(places)).to_numpy(zero_copy_only=False)
        codes: Codes = table[indices]
        return codes

    def value_counts(self, counts: Counts) -> Counts:
        """Returns counts of the V values, then of everything else."""
        return counts[1:].copy()


FeatureSpace = NumericSpace | CategorySpace


def count_codes(codes: Codes, space: FeatureSpace) -> Counts:
    """Returns how often each code of a space occurs, float64 of shape [num_codes]."""
    return np.bincount(codes, minlength=space.num_codes).astype(np.float64)


def float32_values(column: Any) -> npt.NDArray[np.float32]:
    """Returns numbers as float32, null as NaN.

    Raises:
        SpaceError: The column holds no numbers.
    """
    array = _one_array(column)
    kind = array.type
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if not (is_number or pa.types.is_boolean(kind) or pa.types.is_null(kind)):
        raise SpaceError(f"the log has {kind} where training had numbers")
    if pa.types.is_boolean(kind):
        array = array.cast(pa.int8())
    wide = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    with np.errstate(over="ignore"):
        values: npt.NDArray[np.float32] = wide.astype(np.float32)
    return values


def text_dictionary(column: Any) -> Any:
    """Returns a column of text as a pyarrow DictionaryArray.

    Raises:
        SpaceError: The column holds no text.
    """
    array = _one_array(column)
    kind = array.type
    if pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type):
        return array
    if pa.types.is_null(kind):
        array = array.cast(pa.string())
    elif not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise SpaceError(f"the log has {kind} where training had text")
    return array.dictionary_encode()


def _one_array(column: Any) -> Any:
    if not isinstance(column, pa.ChunkedArray):
        return column
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    array = column.combine_chunks()
    return (
        pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array
    )
