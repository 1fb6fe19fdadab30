"""Which runs a bench does, and how it goes on after an interruption."""

import json

import pytest

from benchmarks.pipeline_speed import Bench
from benchmarks.speed_plan import Extent, build_plan, estimate_s
from benchmarks.speed_result import Case, Node
from benchmarks.speed_rivals import RivalError, auc_of_record


class Rivals:
    """Stands for the rivals' processes: notes each run, fails where it is told to."""

    def __init__(self, make_usage, error_at=None, error=KeyboardInterrupt):
        self.runs = []
        self._usage, self._error_at, self._error = make_usage(), error_at, error

    def __call__(self, rival, config, last):
        work = config.parents[1] / "work"
        is_first = not work.exists()
        work.mkdir(exist_ok=True)
        self.runs.append((rival, last, is_first))
        if len(self.runs) == self._error_at:
            raise self._error
        return self._usage, ([Node(node_id="n", state="done", wall_s=1.0)], "", 0.7)


@pytest.fixture
def bench(year, tmp_path):
    (tmp_path / "year").symlink_to(year, target_is_directory=True)

    def make(extent, rivals):
        plan = build_plan(extent)
        return Bench(tmp_path, plan, run=rivals, write_year=lambda _: None)

    return make


ONE = Extent(repeats=1, stock_repeats=0, scales=(1,))
OURS_RUNS = [("slipway", 12, first) for first in (True, False, False, False)]
OTHER_RUNS = [
    ("plain script", 12, True),
    ("stock TFX", 12, True),
    ("slipway", 11, True),
    ("slipway", 12, False),
]


def test_each_run_finds_what_the_one_before_it_left(bench, make_usage, tmp_path):
    rivals = Rivals(make_usage)
    assert bench(ONE, rivals).run(1) == []
    assert rivals.runs == OURS_RUNS + OTHER_RUNS
    # What a sequence needed is gone, its results stay.
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == [
        "year",
        "years",
    ]


def test_what_was_measured_is_not_measured_again(bench, make_usage):
    bench(ONE, Rivals(make_usage)).run(1)
    again = Rivals(make_usage)
    bench(ONE, again).run(1)
    assert again.runs == []


def test_a_run_cut_off_is_done_again_from_the_start_of_its_folder(bench, make_usage):
    with pytest.raises(KeyboardInterrupt):
        bench(ONE, Rivals(make_usage, error_at=3)).run(1)
    again = Rivals(make_usage)
    bench(ONE, again).run(1)
    assert again.runs == OURS_RUNS + OTHER_RUNS


def test_sequences_before_the_interruption_stay(bench, make_usage):
    with pytest.raises(KeyboardInterrupt):
        bench(ONE, Rivals(make_usage, error_at=6)).run(1)
    again = Rivals(make_usage)
    bench(ONE, again).run(1)
    assert again.runs == OTHER_RUNS[1:]


def test_one_rival_that_fails_does_not_stop_the_others(bench, make_usage):
    rivals = Rivals(make_usage, error_at=5, error=RivalError("script ended with 1"))
    assert bench(ONE, rivals).run(1) == ["script ended with 1"]
    assert len(rivals.runs) == 8


def test_more_rows_are_further_spans(bench, make_usage):
    rivals = Rivals(make_usage)
    bench(Extent(repeats=1, stock_repeats=0, scales=(1, 2)), rivals).run(2)
    assert rivals.runs[8:] == [("slipway", 24, True), ("plain script", 24, True)]


def test_the_plan_repeats_what_it_is_told_to():
    cases = [
        case
        for sequence in build_plan(Extent(stock_scale=True))
        for case in sequence.cases
    ]
    assert len(set(cases)) == len(cases)
    counted = {
        (rival, scenario): sum(
            (case.rival, case.scenario, case.scale) == (rival, scenario, 1)
            for case in cases
        )
        for rival, scenario in (
            ("slipway", "cold"),
            ("slipway", "twelfth span"),
            ("stock TFX", "cold"),
            ("stock TFX", "model edit"),
            ("plain script", "cold"),
        )
    }
    assert list(counted.values()) == [3, 3, 3, 1, 3]
    assert sum(case.scale == 10 for case in cases) == 3


def test_an_estimate_is_the_median_of_the_same_or_grows_with_the_rows(make_result):
    walls = {1: 10.0, 2: 50.0, 3: 20.0}
    results = {}
    for repeat, wall_s in walls.items():
        case = {"rival": "slipway", "scenario": "cold", "repeat": repeat}
        results[Case(**case)] = make_result(case, wall_s)
    assert estimate_s(Case(rival="slipway", scenario="cold", repeat=4), results) == 20.0
    tenfold = Case(rival="slipway", scenario="cold", scale=10)
    assert estimate_s(tenfold, results) == 200.0


def test_the_auc_is_that_of_the_verdict_on_all_rows(tmp_path):
    checks = [
        {"metric": "auc", "slice": "origin=JFK", "value": 0.5},
        {"metric": "calibration", "slice": "all rows", "value": 1.1},
        {"metric": "auc", "slice": "all rows", "value": 0.7183},
    ]
    (tmp_path / "verdict.json").write_text(json.dumps({"checks": checks}))
    silent = {"outputs": {"model": [{"uri": str(tmp_path / "none")}]}}
    judged = {"outputs": {"blessing": [{"uri": str(tmp_path)}]}}
    assert auc_of_record({"nodes": [silent, judged]}) == 0.7183
    assert auc_of_record({"nodes": [silent]}) is None
