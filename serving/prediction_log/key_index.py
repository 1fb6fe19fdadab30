"""Which keys are known, and with what: 16 bytes a key, whatever its length.

Keys and contents are 64-bit hashes (pandas' SipHash). That two of ten million keys
share one has a probability of 3 in a million; the later one would then count as known.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Hashes = npt.NDArray[np.uint64]
_MAX_SEGMENTS = 16


class KeyIndex:
    """Key hashes with content hashes; what was added last counts."""

    def __init__(self) -> None:
        """Knows nothing."""
        self._segments: list[tuple[Hashes, Hashes]] = []

    def add(self, keys: Hashes, contents: Hashes) -> None:
        """Adds keys; of one that comes twice the last counts."""
        if not len(keys):
            return
        self._segments.append(_sorted(keys, contents))
        if len(self._segments) > _MAX_SEGMENTS:
            keys, contents = (
                np.concatenate(parts) for parts in zip(*self._segments, strict=True)
            )
            self._segments = [_sorted(keys, contents)]

    def find(self, keys: Hashes) -> tuple[npt.NDArray[np.bool_], Hashes]:
        """Returns whether each key is known, and its content where it is."""
        is_known = np.zeros(len(keys), bool)
        contents = np.zeros(len(keys), np.uint64)
        for known, held in self._segments:
            places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
            hits = known[places] == keys
            is_known |= hits
            contents[hits] = held[places[hits]]
        return is_known, contents


def hashes(values: Any) -> Hashes:
    """Returns a hash of each value of a pyarrow array; equal values have equal ones."""
    from pandas.util import hash_array

    return np.asarray(hash_array(values.to_numpy(zero_copy_only=False)), np.uint64)


def content_hashes(columns: Mapping[str, Any]) -> Hashes:
    """Returns a hash of each row; null and a column that is not there are the same.

    Args:
        columns: Name to pyarrow array; at least one.
    """
    total = np.uint64(0)
    for name, values in columns.items():
        salt = hashes(pa.array([name]))[0] | np.uint64(1)
        own = hashes(values) * salt
        own[values.is_null().to_numpy(zero_copy_only=False)] = 0
        total = total + own
    return np.asarray(total, np.uint64)


def _sorted(keys: Hashes, contents: Hashes) -> tuple[Hashes, Hashes]:
    order = np.argsort(keys, kind="stable")
    keys, contents = keys[order], contents[order]
    is_last = np.append(keys[1:] != keys[:-1], True)
    return keys[is_last], contents[is_last]
