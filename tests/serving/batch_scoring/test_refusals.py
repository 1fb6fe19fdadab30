"""What does not fit the bundle is refused by name, or put aside by name."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from serving.batch_scoring.errors import InputRefusedError, ScoringUsageError
from serving.bundle import layout
from serving.bundle.errors import BundleRefusedError
from tests.serving.batch_scoring.ride_files import (
    COLUMNS,
    make_rides,
    read_quarantine,
    read_scores,
    score,
    write_csv,
    write_parquet,
    write_tfrecord,
)

RIDES = [ride | {"miles": 10.0, "month": 3} for ride in make_rides(20)]
KNOWN = [ride | {"carrier": "UA"} for ride in RIDES]


def refused(bundle, path, output, **options):
    with pytest.raises(InputRefusedError) as caught:
        score(bundle, path, output, **options)
    assert caught.value.exit_code == 3
    return str(caught.value)


def csv_lines(path, *lines):
    path.write_bytes(b"\n".join(line.encode() for line in lines) + b"\n")
    return path


HEADER = "ride_id,miles,month,carrier"
REFUSED_CSV = {
    "missing": (
        ["ride_id,miles,month", "1,2,3"],
        """column 'carrier' is missing; expected text. The file has 'ride_id', 'miles',
        'month'. Add the column, left empty where a value is not known.""",
    ),
    "twice": (
        [f"{HEADER},month", "1,2,3,UA,4"],
        """column 'month' is there 2 times; expected once. Remove or rename the
        others.""",
    ),
    "no key": (
        ["id,miles,month,carrier", "1,2,3,UA"],
        """the key column 'ride_id' is missing; the file has 'id', 'miles', 'month',
        'carrier'. Name the column that tells rows apart with --key.""",
    ),
    "text": (
        [HEADER, "1,UA,3,2.5", "2,B6,3,2.5"],
        """column 'miles' is text in 2 of its first 2 values, such as 'UA'; expected a
        number from 0.5 to 5000. Check that the header fits the columns.""",
    ),
    "no row": (
        [HEADER],
        "there is no row to score; expected at least one. Check what wrote it.",
    ),
    "quotation mark": (
        [HEADER, '1,2,3,U"A'],
        """row 1 (0 is the header): a quotation mark within a field; RFC 4180 wants
        such a field between quotation marks, and those in it doubled. Write the file
        with a CSV library.""",
    ),
}
WRONG_TYPES = {
    "miles": (pa.string(), "string; expected a number from 0.5 to 5000"),
    "carrier": (pa.int64(), "int64; expected text"),
    "month": (pa.bool_(), "bool; expected a whole number from 1 to 12"),
}


@pytest.mark.parametrize("what", REFUSED_CSV)
def test_csv_files_are_refused_before_anything_is_written(
    strict_bundle, tmp_path, what
):
    lines, message = REFUSED_CSV[what]
    path = csv_lines(tmp_path / "rides.csv", *lines)
    output = tmp_path / "out"
    found = refused(strict_bundle, path, output)
    assert found == f"{path}: {' '.join(message.split())}"
    assert not output.exists()


@pytest.mark.parametrize("name", WRONG_TYPES)
def test_wrong_types_in_parquet(strict_bundle, tmp_path, name):
    kind, message = WRONG_TYPES[name]
    columns = {
        "ride_id": pa.array(["1"]),
        "miles": pa.array([1.0]),
        "month": pa.array([1]),
        "carrier": pa.array(["UA"]),
    }
    columns[name] = pa.array([None], kind)
    path = tmp_path / "rides.parquet"
    pq.write_table(pa.table(columns), path)
    found = refused(strict_bundle, path, tmp_path / "out")
    assert found == f"{path}: column {name!r} is {message}. Convert the column."


def test_wrong_types_in_tfrecord(strict_bundle, tmp_path):
    path = write_tfrecord(
        tmp_path / "rides.tfrecord", [ride | {"miles": "far"} for ride in RIDES]
    )
    assert refused(strict_bundle, path, tmp_path / "out") == (
        f"{path}: column 'miles' is binary; expected a number from 0.5 to 5000. "
        "Convert the column."
    )


def test_files_that_are_not_what_they_are_called(strict_bundle, tmp_path):
    for name, reader in (("a.parquet", "pyarrow"), ("a.tfrecord", "TensorFlow")):
        path = csv_lines(tmp_path / name, "ride_id,miles,month,carrier", "1,2,3,UA")
        message = refused(strict_bundle, path, tmp_path / "out")
        assert message.startswith(f"{path}: {reader} cannot read it as")


def test_types_of_copied_columns_must_agree(strict_bundle, tmp_path):
    first = write_csv(tmp_path / "1.csv", RIDES)
    second = tmp_path / "2.parquet"
    table = pa.Table.from_pylist([ride | {"ride_id": 1} for ride in RIDES[:1]])
    pq.write_table(table, second)
    assert refused(strict_bundle, [first, second], tmp_path / "out") == (
        f"{second}: column 'ride_id' is int64, in {first} it is string. Convert one of "
        "them, or score the files apart."
    )


def test_a_column_to_keep_must_be_there(strict_bundle, tmp_path):
    path = write_csv(tmp_path / "1.csv", RIDES)
    assert "column 'seat' to keep is missing" in refused(
        strict_bundle, path, tmp_path / "out", keep=("seat",)
    )
    with pytest.raises(ScoringUsageError, match="'label' cannot be copied"):
        score(strict_bundle, path, tmp_path / "out", keep=("label",))


BAD_LINES = [
    ("1,,3,UA,", "miles", "missing", None, "a number from 0.5 to 5000"),
    ("2,far,3,UA,", "miles", "not_a_number", "far", "a number from 0.5 to 5000"),
    ("3, 5,3,UA,", "miles", "not_a_number", " 5", "a number from 0.5 to 5000"),
    ("4,inf,3,UA,", "miles", "infinite", "inf", "a number from 0.5 to 5000"),
    ("5,1e39,3,UA,", "miles", "infinite", "1e39", "a number from 0.5 to 5000"),
    ("6,0.4,3,UA,", "miles", "out_of_range", "0.4", "a number from 0.5 to 5000"),
    ("7,1,13,UA,", "month", "out_of_range", "13", "a whole number from 1 to 12"),
    ("8,1,2.5,UA,", "month", "not_whole", "2.5", "a whole number from 1 to 12"),
    (",1,2,UA,", "ride_id", "missing", None, "the row's key"),
    ("10,1,2", "", "malformed", "10,1,2", "5 fields as in the header, not 3"),
]
GOOD_LINES = ["007,0.5,1,UA,", "008,5000,12,,", "009,1e3,,B6,", "nan,7.0,2.0,UA,"]


@pytest.mark.parametrize("line", BAD_LINES[::3], ids=lambda line: line[0])
def test_one_bad_row_ends_it(strict_bundle, tmp_path, line):
    text, name, reason, value, expected = line
    lines = [",".join(COLUMNS), *GOOD_LINES, text, *GOOD_LINES]
    path = csv_lines(tmp_path / "rides.csv", *lines)
    what = f", column {name!r}" if name else ""
    came = "missing" if value is None else repr(value)
    assert refused(strict_bundle, path, tmp_path / "out") == (
        f"{path}: row 5{what}: {reason.replace('_', ' ')}: {came}; expected "
        f"{expected}. Correct it, or put such rows aside with --on-bad-rows quarantine "
        "--overwrite."
    )
    assert list((tmp_path / "out").glob("part-*")) == []


def test_quarantine_holds_every_bad_row_and_no_other(strict_bundle, tmp_path):
    lines = [",".join(COLUMNS)]
    for text, *_ in BAD_LINES:
        lines += [text, GOOD_LINES[0]]
    path = csv_lines(tmp_path / "rides.csv", *lines)
    output = tmp_path / "out"
    summary = score(strict_bundle, path, output, on_bad_rows="quarantine")

    assert summary["num_rows"] == 2 * len(BAD_LINES)
    assert summary["num_scored"] == len(BAD_LINES)
    assert summary["num_quarantined"] == len(BAD_LINES)
    assert summary["quarantined"] == {
        "infinite": 2,
        "malformed": 1,
        "missing": 2,
        "not_a_number": 2,
        "not_whole": 1,
        "out_of_range": 2,
    }
    assert read_scores(output)["ride_id"].to_pylist() == ["007"] * len(BAD_LINES)
    found = read_quarantine(output)
    by_row = {bad["row"]: bad for bad in found}
    assert len(found) == len(BAD_LINES)
    for place, (_, name, reason, value, expected) in enumerate(BAD_LINES):
        bad = by_row[2 * place + 1]
        assert (bad["file"], bad["field"], bad["reason"]) == (str(path), name, reason)
        assert (bad["value"], bad["expected"]) == (value, expected)
    assert by_row[13]["values"] == {
        "ride_id": "7",
        "miles": "1",
        "month": "13",
        "carrier": "UA",
    }


def test_text_must_be_utf8(strict_bundle, tmp_path):
    path = tmp_path / "rides.csv"
    path.write_bytes(
        b"ride_id,miles,month,carrier\n1,2,3,U\xff\n\xfe,2,3,UA\n3,2,3,\xc3\xa9\n"
    )
    output = tmp_path / "out"
    options = {"on_bad_rows": "quarantine", "max_unknown_rate": 1.0}
    summary = score(strict_bundle, path, output, **options)
    assert summary["quarantined"] == {"not_utf8": 2}
    first, second = read_quarantine(output)
    assert (first["field"], first["value"]) == ("carrier", "U\\xff")
    assert (second["field"], second["value"]) == ("ride_id", "\\xfe")


def test_bad_rows_in_parquet_and_tfrecord(strict_bundle, tmp_path):
    rides = [dict(ride) for ride in KNOWN[:4]]
    rides[1]["miles"] = None
    rides[2]["month"] = 99
    first = write_parquet(tmp_path / "1.parquet", rides)
    table = pq.read_table(first)
    wrong = table.set_column(1, "miles", pa.array([1.0, np.inf, np.nan, 4.0]))
    pq.write_table(wrong, first)
    second = write_tfrecord(tmp_path / "2.tfrecord", rides)
    output = tmp_path / "out"
    score(strict_bundle, [first, second], output, on_bad_rows="quarantine")
    found = [
        (bad["row"], bad["field"], bad["reason"]) for bad in read_quarantine(output)
    ]
    assert found == [
        (2, "miles", "infinite"),
        (3, "miles", "missing"),
        (2, "miles", "missing"),
        (3, "month", "out_of_range"),
    ]


def test_tf_examples_that_do_not_parse_are_bad_rows(strict_bundle, tmp_path):
    import tensorflow as tf

    path = write_tfrecord(tmp_path / "rides.tfrecord", KNOWN[:2])
    records = [record.numpy() for record in tf.data.TFRecordDataset(str(path))]
    twice = tf.train.Example.FromString(records[0])
    twice.features.feature["miles"].float_list.value.append(2.0)
    whole = tf.train.Example.FromString(records[0])
    whole.features.feature["carrier"].int64_list.value.append(2)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in (
            records[0],
            b"no example",
            twice.SerializeToString(),
            records[1],
        ):
            writer.write(record)
    output = tmp_path / "out"
    summary = score(strict_bundle, path, output, on_bad_rows="quarantine")
    assert summary["quarantined"] == {"malformed": 2}
    first, second = read_quarantine(output)
    assert (first["row"], first["field"], first["expected"]) == (2, "", "a tf.Example")
    assert (second["row"], second["field"], second["value"]) == (3, "miles", "2 values")
    assert read_scores(output)["ride_id"].to_pylist() == ["00000", "00001"]


def test_unknown_categories_end_it_before_a_row_is_scored(tiny_bundle, tmp_path):
    rides = [
        ride | {"carrier": "ZZ" if place % 2 else "UA"}
        for place, ride in enumerate(make_rides(200))
    ]
    path = write_csv(tmp_path / "rides.csv", rides)
    output = tmp_path / "out"
    assert refused(tiny_bundle, path, output) == (
        "50.0% of the values of feature 'carrier' (100 of 200) were in no training "
        "row, such as 'ZZ'; at most 20.0% may be. No row was scored. If the codes are "
        "right, train on rows that have them, or allow them with --max-unknown-rate; "
        "else correct the input."
    )
    assert list(output.glob("part-*")) == []
    summary = score(tiny_bundle, path, output, max_unknown_rate=0.5)
    assert summary["num_scored"] == 200


def test_few_unknown_rows_give_no_alarm(tiny_bundle, tmp_path):
    rides = [ride | {"carrier": "ZZ"} for ride in make_rides(2)]
    path = write_csv(tmp_path / "rides.csv", rides)
    assert score(tiny_bundle, path, tmp_path / "out")["num_scored"] == 2


def test_a_changed_bundle_is_refused(tiny_bundle, tmp_path):
    path = write_csv(tmp_path / "rides.csv", RIDES)
    with (tiny_bundle / layout.SCHEMA).open("a") as file:
        file.write("# one byte more\n")
    with pytest.raises(BundleRefusedError, match="files: ") as caught:
        score(tiny_bundle, path, tmp_path / "out")
    assert caught.value.exit_code == 5
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output_format": "json"}, "--format json: expected parquet or csv"),
        ({"on_bad_rows": "skip"}, "--on-bad-rows skip: expected fail or quarantine"),
        ({"max_unknown_rate": 2.0}, "--max-unknown-rate 2.0: expected a share from 0"),
    ],
)
def test_options_out_of_range(tiny_bundle, tmp_path, options, message):
    path = write_csv(tmp_path / "rides.csv", RIDES)
    with pytest.raises(ScoringUsageError, match=message):
        score(tiny_bundle, path, tmp_path / "out", **options)
