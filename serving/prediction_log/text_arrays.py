"""Joined texts become Arrow's arrays, in bulk."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from serving.prediction_log.joined_text import NUL, JoinedNames


def binary_array(runs: Sequence[bytes]) -> Any:
    """Returns all values of runs, in order, as a pyarrow.BinaryArray.

    Args:
        runs: At least one.
    """
    content = np.frombuffer(NUL.join([*runs, b""]), np.uint8)
    ends = np.flatnonzero(content == 0)
    offsets = np.concatenate([[0], ends - np.arange(len(ends))]).astype(np.int32)
    return pa.Array.from_buffers(
        pa.binary(),
        len(ends),
        [None, pa.py_buffer(offsets), pa.py_buffer(content[content != 0])],
    )


def string_array(lists: Sequence[Sequence[str]]) -> Any:
    """Returns all names, in order, as a pyarrow.StringArray.

    Args:
        lists: At least one, none of them empty.
    """
    runs = [names.run for names in lists if isinstance(names, JoinedNames)]
    if len(runs) == len(lists):
        return binary_array(runs).cast(pa.string())
    return pa.array([name for names in lists for name in names], pa.string())
