"""What a decision says of itself, and what no sequence of decisions may do."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipeline.retraining.decision import decide
from pipeline.retraining.evidence import History
from pipeline.retraining.policy import RetrainingConfig
from tests.pipeline.retraining.cases import (
    NOW,
    alarm,
    evidence,
    report,
    run,
    window,
)
from tests.pipeline.retraining.policies import (
    BLESSED_2,
    DRIFT,
    MORE,
    QUIET,
    SPANS,
    decided,
)


def test_every_hold_is_named_at_once():
    history = History(runs=(BLESSED_2,), starts=(NOW,) * 4)
    found = decided(QUIET, evidence([1, 2], asked="x", going_on=("run-9",)), history)
    assert [hold.kind for hold in found.holds] == [
        "going_on",
        "max_runs",
        "nothing_changed",
    ]


def test_the_sentence_of_the_bound_says_when_the_next_run_may_start():
    starts = tuple(NOW - timedelta(hours=back) for back in (30, 20, 9, 5, 1))
    found = decided(SPANS, MORE, History(runs=(BLESSED_2,), starts=starts))
    assert "4 runs were started in the last 24 hours" in found.sentence
    assert "the next may start at 2026-03-10 16:00 UTC" in found.sentence


def test_a_run_names_its_spans_and_where_its_model_goes():
    policy = RetrainingConfig(window_spans=2, push="held", warm_start=True)
    found = decided(policy, evidence([2, 3]), History(runs=(run([1, 2]),)))
    assert found.overrides == {
        "data.spans": {"newest": 2, "last": 3},
        "deployment.push": "held",
        "train.warm_start": True,
    }


def test_findings_hold_windows_values_and_thresholds():
    windows = [window(day, [alarm(impact=0.04)]) for day in (1, 2)]
    found = decided(DRIFT, evidence([1, 2, 3], report=report(*windows)))
    (finding,) = found.findings
    assert finding.numbers["min_impact"] == 0.02
    assert finding.numbers["windows"][1] == {
        "start": "2013-04-02T00:00:00+00:00",
        "end": "2013-04-03T00:00:00+00:00",
        "rows": 900,
        "alarms": [
            {
                "kind": "drift",
                "feature": "humidity_pct",
                "value": 0.3,
                "threshold": 0.1,
                "impact": 0.04,
            }
        ],
        "with_impact": 1,
    }
    assert "2 of the last 2 windows" in finding.sentence
    assert "drift of humidity_pct, impact 0.04" in finding.sentence


STEPS = st.tuples(
    st.integers(0, 12 * 60),  # minutes since the step before
    st.lists(st.integers(1, 6), max_size=4, unique=True),
    st.sampled_from(["code-1", "code-2"]),
    st.sampled_from(["pushed", "not blessed", "failed", "interrupted", "killed"]),
    st.booleans(),
)


@given(
    limit=st.integers(1, 4),
    steps=st.lists(STEPS, max_size=40),
)
def test_never_more_runs_than_allowed_in_any_24_hours(limit, steps):
    policy = RetrainingConfig(
        max_runs_per_day=limit,
        max_refused_runs=50,
        min_new_rows=1,
        schedule="* * * * *",
    )
    now, starts, runs = NOW, [], []
    for minutes, numbers, code, state, is_asked in steps:
        now += timedelta(minutes=minutes)
        seen = evidence(numbers, code=code, asked="now" if is_asked else "")
        history = History(runs=tuple(runs), starts=tuple(starts))
        if decide(policy, seen, history, now).action == "run":
            starts.append(now)
            if state != "killed":
                runs.append(run(numbers, state, code, run_id=f"run-{len(starts)}"))
    for start in starts:
        assert count_within_a_day(starts, start) <= limit


def count_within_a_day(starts: list[datetime], last: datetime) -> int:
    return sum(last - timedelta(hours=24) < start <= last for start in starts)
