"""What is decided, case by case: triggers, holds, and what stands between them."""

from datetime import timedelta

import pytest

from pipeline.retraining.evidence import History
from pipeline.retraining.policy import DriftTrigger, RetrainingConfig
from tests.pipeline.retraining.cases import (
    NOW,
    alarm,
    evidence,
    measured,
    report,
    run,
    window,
)
from tests.pipeline.retraining.policies import (
    BLESSED_2,
    DRIFT,
    ESTIMATED,
    LOSS,
    LOW_AUC,
    MONDAYS,
    MORE,
    ONCE,
    QUALITY,
    QUIET,
    SPANS,
    decided,
)


@pytest.mark.parametrize(
    ("policy", "seen", "history", "action"),
    [
        pytest.param(QUIET, MORE, ONCE, "no", id="no trigger is configured"),
        pytest.param(SPANS, evidence([1]), History(), "run", id="the first run"),
        pytest.param(SPANS, MORE, ONCE, "run", id="a new span"),
        pytest.param(SPANS, evidence([1, 2]), ONCE, "no", id="no new span"),
        pytest.param(
            RetrainingConfig(new_spans=2), MORE, ONCE, "no", id="one span of two"
        ),
        pytest.param(
            RetrainingConfig(new_spans=2),
            evidence([1, 2, 3, 4]),
            ONCE,
            "run",
            id="two spans of two",
        ),
        pytest.param(
            SPANS,
            MORE,
            History(runs=(BLESSED_2, run([1, 2, 3], "not blessed", run_id="run-2"))),
            "no",
            id="a new span that a refused run has read",
        ),
        pytest.param(
            SPANS,
            MORE,
            History(runs=(BLESSED_2, run([1, 2, 3], "interrupted", run_id="run-2"))),
            "run",
            id="a new span that only an interrupted run has read",
        ),
        pytest.param(MONDAYS, MORE, ONCE, "run", id="due since the last run"),
        pytest.param(
            MONDAYS,
            MORE,
            History(runs=(run([1, 2], hours_ago=20),)),
            "no",
            id="a run since it was due",
        ),
        pytest.param(
            MONDAYS,
            MORE,
            History(runs=(BLESSED_2,), starts=(NOW - timedelta(hours=20),)),
            "no",
            id="a killed start since it was due",
        ),
        pytest.param(QUIET, evidence([1, 2, 3], asked="try it"), ONCE, "run"),
    ],
)
def test_spans_schedule_and_people_ask(policy, seen, history, action):
    assert decided(policy, seen, history).action == action


@pytest.mark.parametrize(
    ("policy", "windows", "action"),
    [
        pytest.param(DRIFT, [], "no", id="no window"),
        pytest.param(DRIFT, [window(1), window(2)], "no", id="calm"),
        pytest.param(DRIFT, [window(1, [alarm()])], "no", id="one window of two"),
        pytest.param(
            DRIFT,
            [window(1, [alarm()]), window(2), window(3, [alarm()])],
            "run",
            id="two of the last three",
        ),
        pytest.param(
            DRIFT,
            [window(1, [alarm()]), window(2), window(3), window(4, [alarm()])],
            "no",
            id="two of the last four",
        ),
        pytest.param(
            DRIFT,
            [window(day, [alarm(impact=0.02)]) for day in (1, 2)],
            "run",
            id="impact just reached",
        ),
        pytest.param(
            DRIFT,
            [window(day, [alarm(impact=0.0199)]) for day in (1, 2)],
            "held",
            id="drift without impact",
        ),
        pytest.param(
            DRIFT,
            [window(day, [alarm(impact=None)]) for day in (1, 2)],
            "held",
            id="drift of unknown impact",
        ),
        pytest.param(
            DRIFT,
            [window(day, [alarm("missing", 0.5)]) for day in (1, 2)],
            "no",
            id="missing values are a broken feed, no reason to learn it",
        ),
        pytest.param(
            DRIFT,
            [window(day, [alarm("unknown"), alarm("prediction")]) for day in (1, 2)],
            "run",
            id="unknown values and a moved prediction",
        ),
        pytest.param(
            QUALITY,
            [window(1, metrics=[measured(0.6, 0.04)])],
            "run",
            id="the whole interval is below",
        ),
        pytest.param(
            QUALITY,
            [window(1, metrics=[measured(0.6, 0.06)])],
            "no",
            id="the interval reaches the limit",
        ),
        pytest.param(
            QUALITY,
            [window(1, metrics=[measured(0.5, 0.01)]), window(2)],
            "run",
            id="the newest window with labels is not the newest",
        ),
        pytest.param(
            QUALITY,
            [
                window(1, metrics=[measured(0.5, 0.01)]),
                window(2, metrics=[measured(0.7, 0.01)]),
            ],
            "no",
            id="it was bad, it is good",
        ),
        pytest.param(
            QUALITY,
            [window(1, metrics=[measured(0.5, 0.01, is_estimate=True)])],
            "held",
            id="an estimate does not count",
        ),
        pytest.param(
            ESTIMATED,
            [window(1, metrics=[measured(0.5, 0.01, is_estimate=True)])],
            "run",
            id="an estimate counts where it is allowed to",
        ),
        pytest.param(
            ESTIMATED,
            [
                window(
                    1,
                    metrics=[
                        measured(0.7, 0.01),
                        measured(0.5, 0.01, is_estimate=True),
                    ],
                )
            ],
            "no",
            id="labels outweigh an estimate",
        ),
        pytest.param(
            LOSS,
            [window(1, metrics=[measured(0.6, 0.05, "log_loss")])],
            "run",
            id="log loss wholly above",
        ),
        pytest.param(
            LOSS,
            [window(1, metrics=[measured(0.4, 0.05, "log_loss")])],
            "no",
            id="log loss below",
        ),
    ],
)
def test_drift_and_quality_ask(policy, windows, action):
    assert decided(policy, evidence([1, 2, 3], report=report(*windows))).action == (
        action
    )


def test_without_a_report_drift_and_quality_are_not_known():
    policy = RetrainingConfig(new_spans=None, drift=DriftTrigger(), quality=(LOW_AUC,))
    found = decided(policy, MORE)
    assert found.action == "no"
    assert found.sentence == (
        "No: drift is not known: there is no monitor report; quality of auc is not "
        "known: there is no monitor report."
    )


@pytest.mark.parametrize(
    ("policy", "seen", "history", "hold"),
    [
        pytest.param(
            QUIET,
            evidence([1, 2], asked="again"),
            ONCE,
            "nothing_changed",
            id="same data, same code",
        ),
        pytest.param(
            SPANS, evidence([1, 2, 3], rows=999), ONCE, "few_rows", id="999 new rows"
        ),
        pytest.param(
            SPANS,
            MORE,
            History(
                runs=(BLESSED_2,),
                starts=tuple(NOW - timedelta(hours=back) for back in (1, 5, 9, 23)),
            ),
            "max_runs",
            id="four starts in 24 hours",
        ),
        pytest.param(
            SPANS,
            MORE,
            History(
                runs=(BLESSED_2,),
                starts=tuple(NOW + timedelta(hours=ahead) for ahead in (1, 2, 3, 4)),
            ),
            "max_runs",
            id="four starts in the future of a clock set back",
        ),
        pytest.param(
            SPANS,
            evidence([1, 2, 3], going_on=("run-7",)),
            ONCE,
            "going_on",
            id="a run is going on",
        ),
        pytest.param(
            QUIET, evidence([], asked="try"), History(), "no_data", id="no span"
        ),
        pytest.param(
            QUIET,
            evidence([1, 2, 3], asked="again"),
            History(
                runs=(
                    BLESSED_2,
                    run([1, 2, 3], "not blessed", run_id="run-2"),
                    run([1, 2, 3], "stopped", run_id="run-3"),
                )
            ),
            "refused",
            id="two refused runs and nothing new",
        ),
    ],
)
def test_what_holds_a_run_back(policy, seen, history, hold):
    found = decided(policy, seen, history)
    assert found.action == "held"
    assert [each.kind for each in found.holds] == [hold]
    assert found.overrides == {}
    assert found.holds[0].sentence in found.sentence


REFUSED = (
    run([1, 2, 3], "not blessed", run_id="run-2"),
    run([1, 2, 3], "failed", run_id="run-3"),
)


@pytest.mark.parametrize(
    ("policy", "seen", "history"),
    [
        pytest.param(
            QUIET,
            evidence([1, 2], asked="again", code="code-2"),
            ONCE,
            id="other code over the same data",
        ),
        pytest.param(SPANS, evidence([1, 2, 3], rows=1000), ONCE, id="1,000 new rows"),
        pytest.param(
            SPANS,
            MORE,
            History(
                runs=(BLESSED_2,),
                starts=tuple(NOW - timedelta(hours=back) for back in (1, 5, 9, 24)),
            ),
            id="the fourth start is 24 hours old",
        ),
        pytest.param(
            QUIET,
            evidence([1, 2, 3, 4], asked="again"),
            History(runs=(BLESSED_2, *REFUSED)),
            id="new data after refused runs",
        ),
        pytest.param(
            QUIET,
            evidence([1, 2, 3], asked="again", code="code-2"),
            History(runs=(BLESSED_2, *REFUSED)),
            id="new code after refused runs",
        ),
        pytest.param(
            QUIET,
            evidence([1, 2, 3], asked="again"),
            History(runs=(REFUSED[0], BLESSED_2, REFUSED[1])),
            id="a blessed run between two refused ones",
        ),
        pytest.param(
            QUIET,
            evidence([1, 2, 3], asked="again"),
            History(runs=(BLESSED_2, REFUSED[0], run([1, 2, 3], "interrupted"))),
            id="an interrupted run is no verdict",
        ),
    ],
)
def test_what_lets_a_run_go(policy, seen, history):
    assert decided(policy, seen, history).action == "run"
