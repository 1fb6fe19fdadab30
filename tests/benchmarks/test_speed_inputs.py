"""The rows and the use case that every rival gets."""

import csv

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from benchmarks import speed_inputs
from benchmarks.speed_inputs import PACKAGE, read_span
from benchmarks.speed_result import ROOT
from data.flights.columns import arrow_schema
from data.spans import list_spans
from pipeline.config import load_config


@pytest.fixture(scope="module")
def two_years(year, tmp_path_factory):
    target = tmp_path_factory.mktemp("years")
    speed_inputs.write_years(year, target, 2)
    return target


def test_the_second_year_holds_the_rows_of_the_first_365_days_later(two_years):
    assert list_spans(two_years) == list(range(1, 25))
    first = read_span(two_years / "span-3")
    second = read_span(two_years / "span-15")
    same = [n for n in first.column_names if n not in {"event_time", "flight_id"}]
    assert second.select(same).equals(first.select(same))
    days = pc.days_between(first["event_time"], second["event_time"])
    assert pc.unique(days).to_pylist() == [365]
    assert first["flight_id"][0].as_py()[:8] == "2013-03-"
    assert second["flight_id"][0].as_py() == "2014" + first["flight_id"][0].as_py()[4:]
    assert second.schema.equals(first.schema)


def test_csv_holds_the_labelled_rows_of_each_split(year, tmp_path):
    speed_inputs.write_csv(year, 11, 2, tmp_path)
    found = {
        split: sorted(int(p.stem[5:]) for p in (tmp_path / split).iterdir())
        for split in ("train", "eval")
    }
    assert found == {"train": list(range(1, 10)), "eval": [10, 11]}
    rows = read_span(year / "span-2")
    with (tmp_path / "train" / "span-2.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0]) == arrow_schema().names
    assert 0 < len(lines) == len(rows) - rows["is_late"].null_count < len(rows)


def test_csv_text_shows_each_columns_type(year, tmp_path):
    speed_inputs.write_csv(year, 1, 0, tmp_path)
    with (tmp_path / "train" / "span-1.csv").open() as file:
        lines = list(csv.DictReader(file))
    for field in arrow_schema():
        texts = {line[field.name] for line in lines} - {""}
        if pa.types.is_integer(field.type):
            assert all(text.lstrip("-").isdecimal() for text in texts), field.name
        if pa.types.is_floating(field.type):
            assert all("." in text or "e" in text for text in texts), field.name


def test_a_new_span_moves_files_between_splits_and_rewrites_none(year, tmp_path):
    speed_inputs.write_csv(year, 11, 2, tmp_path)
    before = (tmp_path / "eval" / "span-10.csv").stat().st_mtime_ns
    speed_inputs.write_csv(year, 12, 2, tmp_path)
    assert (tmp_path / "train" / "span-10.csv").stat().st_mtime_ns == before
    assert sorted(p.name for p in (tmp_path / "eval").iterdir()) == [
        "span-11.csv",
        "span-12.csv",
    ]


def test_the_project_is_the_use_case_by_another_name(year, tmp_path):
    config = load_config(speed_inputs.write_project(tmp_path, year, 12, 2))
    ours = load_config(ROOT / "models" / "flights" / "flights.yaml")
    assert config.train.run_fn == f"{PACKAGE}.trainer.run_fn"
    assert config.train.hyperparameters == ours.train.hyperparameters
    assert config.evaluation == ours.evaluation
    assert config.validation == ours.validation
    assert config.work_dir == str(tmp_path / "work")
    copied = (tmp_path / "project" / PACKAGE / "model.py").read_text()
    original = (ROOT / "models" / "flights" / "model.py").read_text()
    assert copied.replace(PACKAGE, "models.flights") == original


def test_the_edit_changes_one_line_of_the_copy(year, tmp_path):
    config = speed_inputs.write_project(tmp_path, year, 12, 2)
    path = config.parent / PACKAGE / "model.py"
    before = path.read_text().splitlines()
    speed_inputs.edit_model(config)
    after = path.read_text().splitlines()
    assert sum(one != two for one, two in zip(before, after, strict=True)) == 1
    with pytest.raises(ValueError, match=r"'stddev=0\.05' 0 times, expected once"):
        speed_inputs.edit_model(config)
