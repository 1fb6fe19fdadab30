"""The `retraining` section refuses what could never work, by its dotted name."""

import pytest

from pipeline.config import load_config
from pipeline.pipeline_argument import find_config
from pipeline.retraining.policy import DriftTrigger, QualityTrigger
from pipeline.settings_loader import ConfigError


def load(**section):
    return load_config(find_config("flights"), {"retraining": section}).retraining


def test_a_whole_section_is_read():
    policy = load(
        schedule="0 6 * * 1",
        new_spans=2,
        drift={"kinds": ["drift"], "min_impact": 0.02, "windows": 2, "of_last": 4},
        quality=[{"metric": "auc", "min": 0.62}, {"metric": "log_loss", "max": 0.6}],
        window_spans=3,
        push="held",
    )
    assert policy.drift == DriftTrigger(
        kinds=("drift",), min_impact=0.02, windows=2, of_last=4
    )
    assert policy.quality == (
        QualityTrigger(metric="auc", min=0.62),
        QualityTrigger(metric="log_loss", max=0.6),
    )
    assert (policy.schedule, policy.window_spans, policy.push) == (
        "0 6 * * 1",
        3,
        "held",
    )


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"schedule": "0 6 * *"}, r"retraining\.schedule is '0 6 \* \*', which has 4"),
        ({"schedule": "0 25 * * *"}, r"schedule is .* hour '25' is not made of"),
        ({"new_spans": 0}, r"retraining\.new_spans is 0; expected at least 1"),
        ({"max_runs_per_day": 0}, r"max_runs_per_day is 0; expected at least 1"),
        ({"max_refused_runs": 0}, r"max_refused_runs is 0; expected at least 1"),
        ({"min_new_rows": 0}, r"min_new_rows is 0; expected at least 1"),
        ({"push": "hold"}, r"push is 'hold'; it can be served, held\. Did you mean"),
        (
            {"drift": {"kinds": ["drifts"]}},
            r"drift\.kinds\[0\] is 'drifts'; it can be drift, unknown, prediction",
        ),
        ({"drift": {"kinds": []}}, r"drift\.kinds is empty; leave drift out"),
        ({"drift": {"min_impact": 1.5}}, r"min_impact is 1\.5; expected .* 0 to 1"),
        (
            {"drift": {"windows": 4, "of_last": 3}},
            r"drift\.of_last is 3, fewer than windows 4: it could never fire",
        ),
        ({"quality": [{"metric": "auc"}]}, r"quality\[0\]\.metric 'auc' has min None"),
        (
            {"quality": [{"metric": "auc", "min": 0.5, "max": 0.6}]},
            r"has min 0\.5 and max 0\.6; give one of the two",
        ),
        (
            {"window_spans": 2},
            r"window_spans is 2, of which data\.split\.eval_spans takes 2",
        ),
        ({"every": "1d"}, r"unknown setting retraining\.every; known settings are"),
    ],
)
def test_what_cannot_work_is_refused(section, message):
    with pytest.raises(ConfigError, match=message):
        load(**section)


def test_monitoring_settings_are_refused_by_their_dotted_name():
    with pytest.raises(ConfigError, match=r"^monitoring\.level is 3\.0; expected"):
        load_config(find_config("flights"), {"monitoring.level": 3})


def test_push_place_is_checked():
    with pytest.raises(ConfigError, match=r"deployment\.push is 'kept'; it can be"):
        load_config(find_config("flights"), {"deployment.push": "kept"})
