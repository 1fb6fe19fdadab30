import dataclasses
import hashlib

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from data.column_file import ColumnFile
from models import input_fn
from models.row_store import RowStore, write_rows

SPEC = {"x": tf.io.FixedLenFeature([], tf.int64)}


def _store(days: int = 20, rows_a_day: int = 5) -> RowStore:
    rows = np.arange(days * rows_a_day)
    return _of({"row": rows, "month": rows * 0 + 1, "day": rows // rows_a_day})


def _of(integers, floats=None) -> RowStore:
    width = len(next(iter(integers.values())))
    return RowStore(
        float_keys=tuple(floats or ()),
        integer_keys=tuple(integers),
        floats=np.array(list((floats or {}).values()), np.float32).reshape(-1, width).T,
        integers=np.stack(list(integers.values()), axis=1).astype(np.int32),
    )


def _days(store, places):
    return set(store.integer_column("day")[places])


def _split(store, *, seed=3, fraction=0.1, group_keys=("month", "day")):
    return input_fn.split_holdout(
        store, group_keys=group_keys, fraction=fraction, seed=seed
    )


def test_holdout_takes_whole_groups_and_leaves_the_rest():
    store = _store()
    kept, aside = _split(store)
    assert _days(store, kept) & _days(store, aside) == set()
    assert sorted([*kept, *aside]) == list(range(100))
    # A tenth of 20 days of 5 rows.
    assert len(aside) == 10


def test_holdout_is_the_same_days_in_whatever_order_rows_come():
    store = _store()
    backwards = dataclasses.replace(store, integers=store.integers[::-1])
    assert _days(store, _split(store)[1]) == _days(backwards, _split(backwards)[1])


def test_holdout_depends_on_the_seed():
    picks = {tuple(_split(_store(), seed=seed)[1]) for seed in range(5)}
    assert len(picks) > 1


@pytest.mark.parametrize(
    ("fraction", "days", "days_aside"),
    [(0.0, 20, 0), (0.001, 20, 1), (0.99, 20, 19), (0.5, 1, 0)],
    ids=["none", "at least one", "never all", "one day only"],
)
def test_holdout_is_rounded_to_whole_groups(fraction, days, days_aside):
    _, aside = _split(_store(days=days), fraction=fraction)
    assert len(aside) == days_aside * 5


def test_without_group_keys_rows_are_held_out_one_by_one():
    _, aside = _split(_store(), group_keys=())
    assert len(aside) == 10


def _dataset(store=None, **arguments):
    given = {
        "keys": input_fn.BatchKeys(floats=("y",), integers=("x",), label="label"),
        "batch_size": 4,
        **arguments,
    }
    return input_fn.build_dataset(store or XY, np.arange(10), **given)


def _read(dataset):
    return [
        [batch["integers"][:, 0].numpy().tolist() for batch, _ in dataset]
        for _ in range(2)
    ]


XY = _of({"x": np.arange(10), "label": np.arange(10) % 2}, {"y": np.arange(10)})


def test_batches_keep_rows_together_and_order_without_a_seed():
    first, second = _read(_dataset())
    assert first == second == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    for batch, label in _dataset(shuffle_seed=1):
        integers = batch["integers"].numpy()
        assert integers.shape == batch["floats"].shape
        assert (integers == batch["floats"].numpy()).all()
        assert (integers[:, 0] % 2 == label.numpy()).all()


def test_shuffling_repeats_with_the_seed_and_differs_between_passes():
    first, second = _read(_dataset(shuffle_seed=1))
    assert [first, second] == _read(_dataset(shuffle_seed=1))
    assert first != second
    assert first not in _read(_dataset(shuffle_seed=2))
    assert sorted(row for batch in first for row in batch) == list(range(10))


def test_a_network_that_reads_other_columns_is_refused():
    keys = input_fn.BatchKeys(floats=("y",), integers=("label",), label="label")
    with pytest.raises(ValueError, match=r"reads \['y', 'label'\]; expected the col"):
        _dataset(keys=keys)


def test_batches_outlive_what_was_released(tmp_path, monkeypatch):
    monkeypatch.setattr(input_fn, "_RESIDENT_ROWS", 4)
    monkeypatch.setattr(input_fn, "_RESIDENT_BYTES", 0)
    stored = write_rows(
        tmp_path,
        [(XY.floats[:7], XY.integers[:7]), (XY.floats[7:], XY.integers[7:])],
        float_keys=XY.float_keys,
        integer_keys=XY.integer_keys,
    )
    assert _read(_dataset(stored)) == _read(_dataset())


def test_files_are_read_in_order_of_their_names(tmp_path):
    for name, value in (("b.gz", 2), ("a.gz", 1)):
        values = tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        example = tf.train.Example(features=tf.train.Features(feature={"x": values}))
        with tf.io.TFRecordWriter(str(tmp_path / name), "GZIP") as writer:
            writer.write(example.SerializeToString())
    rows = input_fn.read_rows([str(tmp_path / "*.gz")], SPEC, tmp_path)
    assert rows.integer_column("x").tolist() == [1, 2]


def test_no_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file matches"):
        input_fn.read_rows([str(tmp_path / "*.gz")], SPEC, tmp_path)


def test_files_without_rows_are_an_error(tmp_path):
    tf.io.TFRecordWriter(str(tmp_path / "a.gz"), "GZIP").close()
    with pytest.raises(ValueError, match="1 files hold no row"):
        input_fn.read_rows([str(tmp_path / "*.gz")], SPEC, tmp_path)


def test_rows_come_from_the_column_file_as_they_would_from_the_examples(tmp_path):
    numbers = {"x": [3, -1], "y": [0.5, float("nan")], "z": [2**31 - 1, 7]}
    spec = {
        name: tf.io.FixedLenFeature([], tf.float32 if name == "y" else tf.int64)
        for name in numbers
    }
    examples = tmp_path / "Split-train" / "a.gz"
    examples.parent.mkdir()
    with tf.io.TFRecordWriter(str(examples), "GZIP") as file:
        for x, y, z in zip(*numbers.values(), strict=True):
            feature = {
                "x": tf.train.Feature(int64_list=tf.train.Int64List(value=[x])),
                "y": tf.train.Feature(float_list=tf.train.FloatList(value=[y])),
                "z": tf.train.Feature(int64_list=tf.train.Int64List(value=[z])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            file.write(example.SerializeToString())
    (tmp_path / "parsed").mkdir()
    parsed = input_fn.read_rows([str(examples)], spec, tmp_path / "parsed")
    columns = {
        "unread": pa.array([b"", b""]),
        "x": pa.array(numbers["x"]),
        "y": pa.array(numbers["y"], pa.float32(), from_pandas=False),
        "z": pa.array(numbers["z"]),
    }
    with ColumnFile(examples) as file:
        file.write(columns)
        file.finish(hashlib.sha256(examples.read_bytes()).hexdigest())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(input_fn.tf.data, "TFRecordDataset", _not_read)
        (tmp_path / "columns_read").mkdir()
        read = input_fn.read_rows([str(examples)], spec, tmp_path / "columns_read")

    assert (read.float_keys, read.integer_keys) == (
        parsed.float_keys,
        parsed.integer_keys,
    )
    np.testing.assert_array_equal(read.floats, parsed.floats)
    np.testing.assert_array_equal(read.integers, [[3, 2**31 - 1], [-1, 7]])
    np.testing.assert_array_equal(read.integers, parsed.integers)


def _not_read(*_):
    raise AssertionError("Examples are parsed although there are columns.")
