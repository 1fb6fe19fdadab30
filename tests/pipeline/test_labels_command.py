"""`slipway labels add`: which columns, which log, which words."""

import json

import pytest
import typer
from typer.testing import CliRunner

from pipeline.labels_command import labels
from serving.prediction_log.logged_request import ClientFacts
from tests.serving.prediction_log.rides_log import ride, written


@pytest.fixture
def add(tmp_path):
    """A function that adds a file's text to a log of two rows, k0 and k1."""
    requests = [ride(f"r{n}", facts=ClientFacts(key=f"k{n}")) for n in range(2)]
    written(tmp_path / "log", requests)
    app = typer.Typer()
    app.add_typer(labels)

    def run(text, *arguments, model="rides"):
        file = tmp_path / "arrived.csv"
        file.write_text(text)
        given = ["labels", "add", str(file), "--model", model]
        return CliRunner().invoke(
            app, [*given, "--log", str(tmp_path / "log"), *arguments]
        )

    return run


def test_it_says_what_became_of_the_rows(add):
    result = add("key,label\nk0,1\nk7,0\n,1\n")
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [
        "3 rows, key key, label label",
        "added      2",
        "unchanged  0",
        "changed    0",
        "no label   1 without a key or a label",
        "matched    1 rows have a logged prediction",
        "unmatched  1 are kept for predictions that may come, such as k7",
    ]


def test_columns_are_those_named(add):
    result = add("ride,late\nk1,1\n", "--key", "ride", "--label", "late", "--json")
    assert json.loads(result.output)["num_matched"] == 1


def test_a_pipelines_own_columns_are_found(add):
    result = add("flight_id,is_late\nf1,1\n", model="flights")
    assert "key flight_id, label is_late" in result.output


def test_a_file_that_cannot_be_read_is_told(add):
    result = add("", "--key", "a", "--label", "b")
    assert result.exception.exit_code == 2
    assert "arrived.csv cannot be read" in str(result.exception)
