"""Which units were counted: 8 bytes each, appended, so that none counts twice.

    {state}/units.bin    little-endian uint64: first 8 bytes of the BLAKE2b of the unit

How many of them count is in evidence.json, which is replaced after they were appended;
what a crash left behind that number is cut off.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from serving.rollout.errors import RolloutError

UNITS = "units.bin"
_BYTES = 8

_HASHES = np.ndarray[tuple[int], np.dtype[np.uint64]]


def hashes_of(units: Iterable[str]) -> _HASHES:
    """Returns uint64 [units], the same in every process."""
    digests = b"".join(
        hashlib.blake2b(unit.encode(), digest_size=_BYTES).digest() for unit in units
    )
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


class SeenUnits:
    """The units of one rollout."""

    def __init__(self, state_dir: Path, num_kept: int) -> None:
        """Reads them and cuts off what was never counted.

        Args:
            state_dir: The rollout's.
            num_kept: Of evidence.json; 0 begins anew.

        Raises:
            RolloutError: There are fewer than that.
        """
        self._path = state_dir / UNITS
        self._path.touch()
        os.truncate(self._path, min(self._path.stat().st_size, num_kept * _BYTES))
        kept = np.fromfile(self._path, dtype="<u8").astype(np.uint64)
        if len(kept) != num_kept:
            raise RolloutError(
                f"{self._path} holds {len(kept):,} units, evidence.json counted "
                f"{num_kept:,}. Remove both: everything is counted anew."
            )
        self._sorted = np.sort(kept)

    def __len__(self) -> int:
        """Returns how many there are."""
        return len(self._sorted)

    def is_new(self, hashes: _HASHES) -> np.ndarray:
        """Returns bool [hashes]: not seen before, and the first of its kind here."""
        is_first = np.zeros(len(hashes), dtype=bool)
        is_first[np.unique(hashes, return_index=True)[1]] = True
        places = np.searchsorted(self._sorted, hashes)
        within = np.minimum(places, max(0, len(self._sorted) - 1))
        is_seen = (
            self._sorted[within] == hashes
            if len(self._sorted)
            else np.zeros_like(is_first)
        )
        found: np.ndarray = is_first & ~is_seen
        return found

    def add(self, hashes: _HASHES) -> None:
        """Appends units that are new and syncs them."""
        if not len(hashes):
            return
        with self._path.open("ab") as file:
            file.write(hashes.astype("<u8").tobytes())
            file.flush()
            os.fsync(file.fileno())
        self._sorted = np.sort(np.concatenate([self._sorted, hashes]))
