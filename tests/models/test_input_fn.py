import numpy as np
import pytest
import tensorflow as tf

from models import input_fn

SPEC = {"x": tf.io.FixedLenFeature([], tf.int64)}


def _columns(days: int = 20, rows_a_day: int = 5) -> input_fn.Columns:
    rows = np.arange(days * rows_a_day)
    return {"row": rows, "month": rows * 0 + 1, "day": rows // rows_a_day}


def _split(columns, *, seed=3, fraction=0.1, group_keys=("month", "day")):
    return input_fn.split_holdout(
        columns, group_keys=group_keys, fraction=fraction, seed=seed
    )


def test_holdout_takes_whole_groups_and_leaves_the_rest():
    kept, aside = _split(_columns())
    assert set(kept["day"]) & set(aside["day"]) == set()
    assert sorted([*kept["row"], *aside["row"]]) == list(range(100))
    # A tenth of 20 days of 5 rows.
    assert input_fn.num_rows(aside) == 10


def test_holdout_is_the_same_days_in_whatever_order_rows_come():
    columns = _columns()
    backwards = {key: values[::-1] for key, values in columns.items()}
    assert set(_split(columns)[1]["row"]) == set(_split(backwards)[1]["row"])


def test_holdout_depends_on_the_seed():
    picks = {tuple(_split(_columns(), seed=seed)[1]["row"]) for seed in range(5)}
    assert len(picks) > 1


@pytest.mark.parametrize(
    ("fraction", "days", "days_aside"),
    [(0.0, 20, 0), (0.001, 20, 1), (0.99, 20, 19), (0.5, 1, 0)],
    ids=["none", "at least one", "never all", "one day only"],
)
def test_holdout_is_rounded_to_whole_groups(fraction, days, days_aside):
    _, aside = _split(_columns(days=days), fraction=fraction)
    assert input_fn.num_rows(aside) == days_aside * 5


def test_without_group_keys_rows_are_held_out_one_by_one():
    _, aside = _split(_columns(), group_keys=())
    assert input_fn.num_rows(aside) == 10


def _read(columns, **arguments):
    dataset = input_fn.build_dataset(
        columns, input_keys=["x", "y"], label_key="label", batch_size=4, **arguments
    )
    return [[batch["x"].numpy().tolist() for batch, _ in dataset] for _ in range(2)]


XY = {
    "x": np.arange(10),
    "y": np.arange(10, dtype=np.float32),
    "label": np.arange(10) % 2,
}


def test_batches_keep_rows_together_and_order_without_a_seed():
    first, second = _read(XY)
    assert first == second == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    dataset = input_fn.build_dataset(
        XY, input_keys=["x", "y"], label_key="label", batch_size=4, shuffle_seed=1
    )
    for batch, label in dataset:
        assert (batch["x"].numpy() == batch["y"].numpy()).all()
        assert (batch["x"].numpy() % 2 == label.numpy()).all()


def test_shuffling_repeats_with_the_seed_and_differs_between_passes():
    tf.random.set_seed(0)
    first, second = _read(XY, shuffle_seed=1)
    tf.random.set_seed(0)
    assert [first, second] == _read(XY, shuffle_seed=1)
    assert first != second
    assert sorted(row for batch in first for row in batch) == list(range(10))


def test_files_are_read_in_order_of_their_names(tmp_path):
    for name, value in (("b.gz", 2), ("a.gz", 1)):
        values = tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        example = tf.train.Example(features=tf.train.Features(feature={"x": values}))
        with tf.io.TFRecordWriter(str(tmp_path / name), "GZIP") as writer:
            writer.write(example.SerializeToString())
    columns = input_fn.read_columns([str(tmp_path / "*.gz")], SPEC)
    assert columns["x"].tolist() == [1, 2]


def test_no_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file matches"):
        input_fn.read_columns([str(tmp_path / "*.gz")], SPEC)


def test_files_without_rows_are_an_error(tmp_path):
    tf.io.TFRecordWriter(str(tmp_path / "a.gz"), "GZIP").close()
    with pytest.raises(ValueError, match="1 files hold no row"):
        input_fn.read_columns([str(tmp_path / "*.gz")], SPEC)
