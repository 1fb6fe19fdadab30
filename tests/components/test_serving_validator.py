"""The fresh process's end, whatever it is, becomes a report."""

import sys
from pathlib import Path

import pytest
import tensorflow as tf

from components.serving_validator import fresh_process
from components.serving_validator.example_rows import write_request_rows
from components.serving_validator.fresh_process import check_in_fresh_process


def fake_interpreter(tmp_path, script):
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("kill -9 $$", "died with exit code -9: no output"),
        ("echo 'no memory' >&2; exit 1", "died with exit code 1: no memory"),
        ("sleep 30", "took more than 1 s"),
    ],
    ids=["killed", "crashed", "hung"],
)
def test_process_that_dies_or_hangs_is_a_refusal(tmp_path, monkeypatch, script, reason):
    monkeypatch.setattr(sys, "executable", fake_interpreter(tmp_path, script))
    monkeypatch.setattr(fresh_process, "TIMEOUT_S", 1)

    report = check_in_fresh_process("model", Path("rows"))

    assert report["is_servable"] is False
    assert reason in report["reason"]


def test_report_of_the_process_is_passed_on(tmp_path, monkeypatch):
    script = 'echo noise; echo \'{"is_servable": true, "reason": ""}\''
    monkeypatch.setattr(sys, "executable", fake_interpreter(tmp_path, script))
    assert check_in_fresh_process("model", Path("rows"))["is_servable"] is True


def test_request_rows_hold_no_label(tmp_path):
    split = tmp_path / "Split-eval"
    split.mkdir()
    options = tf.io.TFRecordOptions(compression_type="GZIP")
    with tf.io.TFRecordWriter(str(split / "data-00000.gz"), options) as writer:
        for value in range(5):
            feature = tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
            features = tf.train.Features(feature={"x": feature, "is_late": feature})
            writer.write(tf.train.Example(features=features).SerializeToString())
    rows_file = tmp_path / "rows.tfrecord"

    count = write_request_rows(
        str(tmp_path), "eval", rows_file, num_rows=3, drop=["is_late"]
    )

    rows = [
        tf.train.Example.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(str(rows_file))
    ]
    assert count == len(rows) == 3
    assert [dict(row.features.feature).keys() for row in rows] == [{"x"}] * 3
