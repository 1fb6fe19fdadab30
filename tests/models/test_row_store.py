import mmap
from pathlib import Path

import numpy as np
import pytest

from models.row_store import Int32RangeError, write_rows

KEYS = {"float_keys": ("a", "b"), "integer_keys": ("c",)}


def _batch(first, rows):
    numbers = np.arange(first, first + rows)
    return np.stack([numbers + 0.5, -numbers], axis=1), numbers[:, None]


def test_batches_come_back_one_after_the_other(tmp_path):
    store = write_rows(tmp_path, [_batch(0, 3), _batch(3, 2)], **KEYS)
    assert len(store) == 5
    assert store.integer_column("c").tolist() == [0, 1, 2, 3, 4]
    assert store.floats.tolist() == [[n + 0.5, -n] for n in range(5)]
    assert (store.floats.dtype, store.integers.dtype) == (np.float32, np.int32)


def test_no_row_is_an_empty_store(tmp_path):
    store = write_rows(tmp_path, [], **KEYS)
    assert (store.floats.shape, store.integers.shape) == ((0, 2), (0, 1))
    store.release()


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1])
def test_an_integer_of_more_than_32_bits_is_named(tmp_path, value):
    batch = (np.zeros((2, 2)), np.array([[1], [value]]))
    with pytest.raises(Int32RangeError, match=rf"'c' has the value {value}; "):
        write_rows(tmp_path, [batch], **KEYS)


@pytest.mark.parametrize("value", [2**31 - 1, -(2**31)])
def test_the_ends_of_32_bits_are_kept(tmp_path, value):
    batch = (np.zeros((1, 2)), np.array([[value]]))
    store = write_rows(tmp_path, [batch], **KEYS)
    assert store.integer_column("c").tolist() == [value]


def test_released_rows_leave_memory_and_can_be_read_again(tmp_path):
    rows = 8 * 1024 * 1024 // 8
    store = write_rows(tmp_path, [_batch(0, rows)], **KEYS)
    total = store.floats.sum()
    read = _resident_file_bytes()
    store.release()
    assert read - _resident_file_bytes() > rows * 8 - mmap.PAGESIZE
    assert store.floats.sum() == total


def _resident_file_bytes():
    """RssFile of proc(5): pages of mapped files, in KiB."""
    (line,) = (
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("RssFile")
    )
    return int(line.split()[1]) * 1024
