"""Transformed Examples to batches: read once into columns, split, shuffle by seed.

Columns lie in memory: about 400 bytes a row of flights (64 features), so
10 million rows ask for 4 GB. Everything here is a function of the files and the seed.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

Columns = dict[str, np.ndarray]

PARSE_BATCH_ROWS = 4096


def read_columns(
    file_patterns: Sequence[str], feature_spec: Mapping[str, tf.io.FixedLenFeature]
) -> Columns:
    """Reads gzipped TFRecords of tf.Examples whole, in order of file name.

    Args:
        file_patterns: Files or globs, as in TFX's `fn_args.train_files`.
        feature_spec: The features to read, all dense and rank 0 in one row, as in
            `tf_transform_output.transformed_feature_spec()`.

    Returns:
        One array [rows] for each feature, of the dtype in its spec.

    Raises:
        FileNotFoundError: No file matches.
        ValueError: The files hold no row.
    """
    files = sorted(file for p in file_patterns for file in tf.io.gfile.glob(p))
    if not files:
        raise FileNotFoundError(
            f"no file matches {list(file_patterns)!r}; expected gzipped TFRecords."
        )
    rows = tf.data.TFRecordDataset(files, "GZIP").batch(PARSE_BATCH_ROWS)
    parsed = rows.map(
        lambda serialized: tf.io.parse_example(serialized, dict(feature_spec)),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    batches = list(parsed.as_numpy_iterator())
    if not batches:
        raise ValueError(f"{len(files)} files hold no row: {files[:5]!r}.")
    return {key: np.concatenate([b[key] for b in batches]) for key in feature_spec}


def num_rows(columns: Columns) -> int:
    """Returns the number of rows."""
    return len(next(iter(columns.values())))


def split_holdout(
    columns: Columns, *, group_keys: Sequence[str], fraction: float, seed: int
) -> tuple[Columns, Columns]:
    """Sets a share of the training rows aside, whole groups at a time.

    Rows of one group (here: of one day) share what the model must not learn by heart,
    so a hold-out of single rows would praise a model that has. Which groups are set
    aside depends on their values and the seed, not on the order of the rows.

    Args:
        columns: The training split.
        group_keys: Columns that together name a row's group; int64. Empty: each row
            is its own group, and its place decides.
        fraction: Share of the groups to set aside, in [0, 1); rounded up to whole
            groups, so at least one if above 0. One group stays in any case.
        seed: Another seed picks other groups.

    Returns:
        The rows to learn from and the rows set aside, each in the order they came.
    """
    group, num_groups = _group_numbers(columns, group_keys)
    shuffled = np.random.default_rng(seed).permutation(num_groups)
    num_aside = min(int(np.ceil(fraction * num_groups)), num_groups - 1)
    is_aside = np.isin(group, shuffled[:num_aside])
    return (
        {key: values[~is_aside] for key, values in columns.items()},
        {key: values[is_aside] for key, values in columns.items()},
    )


def _group_numbers(
    columns: Columns, group_keys: Sequence[str]
) -> tuple[np.ndarray, int]:
    """Returns each row's group, numbered in order of the groups' values."""
    if not group_keys:
        rows = num_rows(columns)
        return np.arange(rows), rows
    names = np.stack([columns[key] for key in group_keys], axis=1)
    groups, group = np.unique(names, axis=0, return_inverse=True)
    return group.reshape(-1), len(groups)


def build_dataset(
    columns: Columns,
    *,
    input_keys: Sequence[str],
    label_key: str,
    batch_size: int,
    shuffle_seed: int | None = None,
) -> tf.data.Dataset:
    """Returns batches of (features, label), in an order that the seed decides.

    Args:
        columns: The rows.
        input_keys: The columns that the network reads.
        label_key: The column to predict.
        batch_size: Rows a batch; the last one of a pass may hold fewer.
        shuffle_seed: Shuffles all rows, anew in each pass. None: as they came.

    Returns:
        Elements of a dict of [batch] tensors and a float32 [batch] label.
    """
    matrices, names = _stack_by_dtype(columns, input_keys)
    label = tf.constant(columns[label_key].astype(np.float32))
    indices = tf.data.Dataset.range(num_rows(columns))
    if shuffle_seed is not None:
        indices = indices.shuffle(
            num_rows(columns), seed=shuffle_seed, reshuffle_each_iteration=True
        )

    def gather(rows: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        batch: dict[str, tf.Tensor] = {}
        for matrix, keys in zip(matrices, names, strict=True):
            values = tf.unstack(tf.gather(matrix, rows), num=len(keys), axis=1)
            batch.update(zip(keys, values, strict=True))
        return batch, tf.gather(label, rows)

    batches = indices.batch(batch_size)
    return batches.map(
        gather, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    ).prefetch(tf.data.AUTOTUNE)


def _stack_by_dtype(
    columns: Columns, keys: Sequence[str]
) -> tuple[list[tf.Tensor], list[list[str]]]:
    """Packs columns of one dtype into one matrix: one gather a batch, not one each."""
    by_dtype: dict[np.dtype, list[str]] = {}
    for key in keys:
        by_dtype.setdefault(columns[key].dtype, []).append(key)
    matrices = [
        tf.constant(np.stack([columns[key] for key in names], axis=1))
        for names in by_dtype.values()
    ]
    return matrices, list(by_dtype.values())
