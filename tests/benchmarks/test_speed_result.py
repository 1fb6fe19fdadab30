"""The results of a bench, as they lie on disk."""

import pytest

from benchmarks import speed_result
from benchmarks.speed_result import Case, ResultFile, source_digest

COLD = {"rival": "slipway", "scenario": "cold"}
EDIT = {"rival": "slipway", "scenario": "model edit"}


@pytest.fixture
def file(tmp_path):
    return ResultFile(tmp_path / "work" / "results.jsonl")


def test_a_result_reads_as_it_was_written(file, make_result):
    result = make_result(COLD, nodes=[("trainer", "done", 2.5)])
    file.add(result)
    assert file.read() == {Case(**COLD): result}


def test_the_newest_result_of_a_case_counts(file, make_result):
    file.add(make_result(COLD, wall_s=1.0))
    file.add(make_result(COLD, wall_s=2.0))
    assert [result.usage.wall_s for result in file.read().values()] == [2.0]


def test_a_line_cut_short_is_no_result_and_spoils_no_other(file, make_result, tmp_path):
    file.add(make_result(COLD))
    path = tmp_path / "work" / "results.jsonl"
    path.write_text(path.read_text() + make_result(EDIT).to_json()[:50])
    assert list(file.read()) == [Case(**COLD)]
    file.add(make_result(EDIT))
    assert list(file.read()) == [Case(**COLD), Case(**EDIT)]


def test_forgotten_cases_are_gone(file, make_result):
    file.add(make_result(COLD))
    file.add(make_result(EDIT))
    file.forget([Case(**COLD)])
    assert list(file.read()) == [Case(**EDIT)]


def test_a_result_counts_for_the_sources_it_was_measured_on(
    file, make_result, tmp_path, monkeypatch
):
    source = tmp_path / "pipeline" / "dag.py"
    source.parent.mkdir()
    source.write_text("before")
    monkeypatch.setattr(speed_result, "ROOT", tmp_path)
    sources = dict.fromkeys(speed_result.RIVALS, ("pipeline",))
    monkeypatch.setattr(speed_result, "_SOURCES", sources)
    file.add(make_result(COLD, source=source_digest("slipway")))
    assert list(file.read_current()) == [Case(**COLD)]
    source.write_text("after!")
    assert file.read_current() == {}
