"""What a file's name stands for, and how many rows it has."""

from pathlib import Path

import pytest

from data.file_formats import FORMATS, count_rows, format_of
from pipeline import data_config


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.parquet", "parquet"),
        ("a.csv", "csv"),
        ("a.csv.gz", "csv"),
        ("a.feather", "feather"),
        ("a.arrow", "feather"),
        ("a.orc", "orc"),
        ("manifest.json", None),
        ("a.gz", None),
        ("csv", None),
    ],
)
def test_suffix_stands_for_the_format(name, expected):
    assert format_of(Path(name)) == expected


def test_settings_know_all_formats():
    assert data_config.FORMATS == FORMATS


def test_misshapen_rows_count_as_rows(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1,2\n3\n4,5,6\n7,8\n")

    assert count_rows(path) == 4
