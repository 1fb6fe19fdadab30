"""Compares one served column with its replay and remembers what differs, no row."""

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

TOLERANCE = 1e-6
"""Floats differ if |served - replayed| > TOLERANCE + TOLERANCE * |replayed|.

Absolute for what lies around 0, relative for large numbers. NaN equals NaN: both sides
made the same of a row. Ids, counts and texts must be equal. float32 has a relative step
of 6e-8: the order of a sum in batches of other sizes stays far below.
"""

_MAX_PAIRS = 4096


class ColumnTally:
    """Adds up the differences of one column, batch by batch.

    Attributes:
        num_rows: Rows compared.
        num_differing: Of these, rows that differ.
        worst_distance: Of floats the largest |served - replayed|, infinite where one
            of them is NaN; 1.0 where anything else differs; 0.0 where nothing does.
        worst_place: Place in the last batch of the row with that, the first of
            several; None where an earlier batch has it.
        served, replayed: Its values.
        pairs: (served, replayed) id to rows, of whole numbers; the first 4,096 pairs
            that come.
    """

    def __init__(self) -> None:
        self.num_rows = 0
        self.num_differing = 0
        self.worst_distance = 0.0
        self.worst_place: int | None = None
        self.served: Any = None
        self.replayed: Any = None
        self.pairs: Counter[tuple[int, int]] = Counter()

    def add(self, served: Any, replayed: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Compares a batch.

        Args:
            served: pyarrow array [rows], of lists where replayed is [rows, n]; null:
                the log does not have it.
            replayed: [rows] or [rows, n]; text as object (bytes).

        Returns:
            Places of the rows that differ, int64.
        """
        self.worst_place = None
        is_there = np.asarray(served.is_valid())
        places = np.flatnonzero(is_there)
        if pa.types.is_dictionary(served.type):
            served = served.dictionary_decode()
        served, replayed = served.filter(pa.array(is_there)), replayed[places]
        self.num_rows += len(places)
        distance = _distances(served, replayed)
        differing = np.flatnonzero(distance)
        if len(differing):
            self.num_differing += len(differing)
            self._count_pairs(served, replayed, differing)
            worst = int(differing[np.argmax(distance[differing])])
            if distance[worst] > self.worst_distance:
                self.worst_distance = float(distance[worst])
                self.worst_place = int(places[worst])
                self.served = served[worst].as_py()
                self.replayed = plain_value(replayed[worst])
        return places[differing]

    def _count_pairs(
        self, served: Any, replayed: npt.NDArray[Any], differing: npt.NDArray[Any]
    ) -> None:
        if replayed.dtype.kind not in "iu" or replayed.ndim != 1:
            return
        left = served.take(pa.array(differing)).to_pylist()
        for pair in zip(left, replayed[differing].tolist(), strict=True):
            if pair in self.pairs or len(self.pairs) < _MAX_PAIRS:
                self.pairs[pair] += 1


def plain_value(value: Any) -> Any:
    """Returns a replayed value as Python has it; bytes as text."""
    plain = value.tolist() if isinstance(value, np.generic | np.ndarray) else value
    return plain.decode("utf-8", "replace") if isinstance(plain, bytes) else plain


def _distances(served: Any, replayed: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Returns 0.0 for equal rows and more for others, float64 [rows]."""
    if replayed.dtype.kind == "f":
        return _float_distances(_floats(served, replayed.shape), replayed)
    if replayed.ndim == 1 and replayed.dtype.kind in "iu" and _is_whole(served.type):
        left = np.asarray(served.to_numpy(zero_copy_only=False))
        return np.asarray(left != replayed, dtype=np.float64)
    left = served.to_pylist()
    right = [_texts(value) for value in replayed.tolist()]
    differs = [one != other for one, other in zip(left, right, strict=True)]
    return np.array(differs, dtype=np.float64)


def _is_whole(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind))


def _texts(value: Any) -> Any:
    if isinstance(value, list):
        return [_texts(part) for part in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _floats(served: Any, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Returns the served numbers in a shape; NaN wherever they do not fit it."""
    if len(shape) == 1 and not pa.types.is_nested(served.type):
        values = served.cast(pa.float64(), safe=False)
        return np.asarray(values.to_numpy(zero_copy_only=False))
    found = np.full(shape, np.nan)
    for place, row in enumerate(served.to_pylist()):
        numbers = np.array(row, dtype=np.float64)
        if numbers.shape == shape[1:]:
            found[place] = numbers
    return found


def _float_distances(
    served: npt.NDArray[np.float64], replayed: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    wanted = replayed.astype(np.float64)
    with np.errstate(invalid="ignore"):
        distance = np.abs(served - wanted)
        is_close = distance <= TOLERANCE + TOLERANCE * np.abs(wanted)
    is_close &= np.isfinite(wanted)
    is_close |= (served == wanted) | (np.isnan(served) & np.isnan(wanted))
    distance = np.where(is_close, 0.0, np.where(np.isnan(distance), np.inf, distance))
    by_row = distance.reshape(len(distance), -1)
    return np.asarray(by_row.max(axis=1, initial=0.0))
