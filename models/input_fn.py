"""Transformed Examples to batches: decoded once, split, shuffled by seed.

Everything here is a function of the files and the seed. Beyond SHUFFLE_ROWS, memory
does not grow with the rows but for 8 bytes a row: which of them are to be read.
"""

import dataclasses
import functools
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tensorflow as tf

from data.column_file import find_column_file, read_columns
from models.row_store import RowStore, write_rows

Places = npt.NDArray[np.int64]
"""Numbers of rows in a RowStore."""

FLOATS, INTEGERS = "floats", "integers"
PARSE_BATCH_ROWS = 4096
SHUFFLE_ROWS = 524_288
# A larger store is released after so many rows: reading one brings in 64 KiB around it,
# of either file, so they hold 128 MiB at most (Linux: fault_around_bytes).
_RESIDENT_ROWS = 1024
_RESIDENT_BYTES = 128 << 20


def read_rows(
    file_patterns: Sequence[str],
    feature_spec: Mapping[str, tf.io.FixedLenFeature],
    folder: Path,
) -> RowStore:
    """Decodes gzipped TFRecords of tf.Examples, in order of file name.

    A file with a column file (data/column_file.py) is not parsed but read from there.

    Args:
        file_patterns: Files or globs, as in TFX's `fn_args.train_files`.
        feature_spec: The features to read, in order; all dense, rank 0 in one row, and
            float32 or int64, as in `tf_transform_output.transformed_feature_spec()`.
        folder: An existing folder of the caller's own, for the decoded rows: 4 bytes a
            feature and row.

    Raises:
        FileNotFoundError: No file matches.
        ValueError: The files hold no row, or an integer that needs more than 32 bits.
    """
    files = sorted(file for p in file_patterns for file in tf.io.gfile.glob(p))
    if not files:
        raise FileNotFoundError(
            f"no file matches {list(file_patterns)!r}; expected gzipped TFRecords."
        )
    float_keys = [k for k, spec in feature_spec.items() if spec.dtype == tf.float32]
    integer_keys = [k for k, spec in feature_spec.items() if spec.dtype == tf.int64]

    rows = write_rows(
        folder,
        chain.from_iterable(
            _read_file(file, feature_spec, float_keys, integer_keys) for file in files
        ),
        float_keys=float_keys,
        integer_keys=integer_keys,
    )
    if not len(rows):
        raise ValueError(f"{len(files)} files hold no row: {files[:5]!r}.")
    return rows


def _read_file(
    file: str,
    feature_spec: Mapping[str, tf.io.FixedLenFeature],
    float_keys: Sequence[str],
    integer_keys: Sequence[str],
) -> Iterator[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
    """Yields floats and integers, [batch, keys] each, of one file."""
    columns = find_column_file(Path(file))
    if columns is not None:
        for batch in read_columns(columns):
            yield _matrix(batch, float_keys), _matrix(batch, integer_keys)
        return

    def parse(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        parsed = tf.io.parse_example(serialized, dict(feature_spec))
        return _stack(parsed, float_keys, tf.float32), _stack(
            parsed, integer_keys, tf.int64
        )

    yield from (
        tf.data.TFRecordDataset(file, "GZIP")
        .batch(PARSE_BATCH_ROWS)
        .map(parse, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .as_numpy_iterator()
    )


def _matrix(batch: pa.RecordBatch, keys: Sequence[str]) -> npt.NDArray[Any]:
    columns = [np.asarray(batch.column(key)) for key in keys]
    return np.stack(columns, axis=1) if keys else np.empty((batch.num_rows, 0))


def _stack(
    parsed: Mapping[str, tf.Tensor], keys: Sequence[str], dtype: tf.DType
) -> tf.Tensor:
    if not keys:
        return tf.zeros([tf.size(next(iter(parsed.values()))), 0], dtype)
    return tf.stack([parsed[key] for key in keys], axis=1)


def split_holdout(
    rows: RowStore, *, group_keys: Sequence[str], fraction: float, seed: int
) -> tuple[Places, Places]:
    """Sets a share of the training rows aside, whole groups at a time.

    Rows of one group (here: of one day) share what the model must not learn by heart,
    so a hold-out of single rows would praise a model that has. Which groups are set
    aside depends on their values and the seed, not on the order of the rows.

    Args:
        rows: The training split.
        group_keys: Integer columns that together name a row's group. Empty: each row
            is its own group, and its place decides.
        fraction: Share of the groups to set aside, in [0, 1); rounded up to whole
            groups, so at least one if above 0. One group stays in any case.
        seed: Another seed picks other groups.

    Returns:
        The rows to learn from and the rows set aside, each in ascending order.
    """
    group, num_groups = _group_numbers(rows, group_keys)
    shuffled = np.random.default_rng(seed).permutation(num_groups)
    num_aside = min(int(np.ceil(fraction * num_groups)), num_groups - 1)
    is_aside = np.isin(group, shuffled[:num_aside])
    return np.flatnonzero(~is_aside), np.flatnonzero(is_aside)


def _group_numbers(rows: RowStore, group_keys: Sequence[str]) -> tuple[Places, int]:
    """Returns each row's group, numbered in order of the groups' values."""
    if not group_keys:
        return np.arange(len(rows)), len(rows)
    group, num_groups = np.zeros(len(rows), np.int64), 1
    for key in group_keys:
        values, place = np.unique(rows.integer_column(key), return_inverse=True)
        # Numbers of pairs, then of those that occur: in order, and small again.
        occurring, group = np.unique(group * len(values) + place, return_inverse=True)
        num_groups = len(occurring)
    return group, num_groups


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class BatchKeys:
    """What a network reads and predicts.

    Rows are copied as they lie, so the inputs are the first columns of their kind.

    Attributes:
        floats: All float columns of the store, in order.
        integers: The first integer columns of the store, in order.
        label: The integer column to predict.
    """

    floats: Sequence[str]
    integers: Sequence[str]
    label: str


@dataclasses.dataclass(kw_only=True, slots=True)
class InputClock:
    """How long batches were in the making, while the network learned from others.

    Over the time of training it is the largest share of it that steps can have waited
    for their input: with a batch ready when the one before is done, they wait for none.

    Attributes:
        busy_s: Seconds spent on copying rows, since it was made.
        num_rows: How many were copied.
    """

    busy_s: float = 0.0
    num_rows: int = 0


def build_dataset(
    rows: RowStore,
    places: Places,
    *,
    keys: BatchKeys,
    batch_size: int,
    shuffle_seed: int | None = None,
    clock: InputClock | None = None,
) -> tf.data.Dataset:
    """Returns batches of (features, label), in an order that the seed decides.

    Args:
        rows: Where the rows lie.
        places: Which of them.
        keys: What the network reads and predicts.
        batch_size: Rows a batch; the last one of a pass may hold fewer.
        shuffle_seed: Shuffles the rows, anew in each pass; beyond SHUFFLE_ROWS of
            them within a window of as many, which moves over the files' order. None:
            as they came.
        clock: Goes on with every batch.

    Returns:
        Elements of {FLOATS: float32 [batch, …], INTEGERS: int32 [batch, …]} and a
        float32 [batch] label.

    Raises:
        ValueError: `keys` are not the first columns of the store.
    """
    _check_first(rows, keys)
    times = clock or InputClock()
    gather = functools.partial(_gather, rows, keys, times)
    order = tf.data.Dataset.range(len(places))
    if shuffle_seed is not None:
        window = min(len(places), SHUFFLE_ROWS)
        order = order.shuffle(window, shuffle_seed, reshuffle_each_iteration=True)

    def read(numbers: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        types = (tf.float32, tf.int32, tf.float32)
        floats, integers, label = tf.numpy_function(
            lambda chosen: gather(places[chosen]), [numbers], types
        )
        floats.set_shape([None, len(keys.floats)])
        integers.set_shape([None, len(keys.integers)])
        label.set_shape([None])
        return {FLOATS: floats, INTEGERS: integers}, label

    return order.batch(batch_size).map(read).prefetch(tf.data.AUTOTUNE)


def _gather(
    rows: RowStore, keys: BatchKeys, clock: InputClock, places: Places
) -> tuple[npt.NDArray[Any], ...]:
    """Returns copies of some rows' floats, integers and label."""
    started = time.perf_counter()
    floats, integers = rows.floats[places], rows.integers[places]
    label = integers[:, rows.integer_keys.index(keys.label)].astype(np.float32)
    clock.num_rows += len(places)
    is_large = rows.floats.nbytes + rows.integers.nbytes > _RESIDENT_BYTES
    if is_large and clock.num_rows % _RESIDENT_ROWS < len(places):
        rows.release()
    clock.busy_s += time.perf_counter() - started
    return floats, integers[:, : len(keys.integers)], label


def _check_first(rows: RowStore, keys: BatchKeys) -> None:
    num_inputs = len(keys.integers)
    if list(keys.floats) != list(rows.float_keys) or list(keys.integers) != list(
        rows.integer_keys[:num_inputs]
    ):
        raise ValueError(
            f"the network reads {[*keys.floats, *keys.integers]!r}; expected the "
            f"columns of the rows, in order: {list(rows.float_keys)!r} and the first "
            f"of {list(rows.integer_keys)!r}."
        )
