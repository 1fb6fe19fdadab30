from datetime import UTC, datetime, timedelta

import pytest

from serving.monitoring.monitor_settings import (
    EffectSizes,
    FeatureSettings,
    MonitorSettings,
    reference_window,
    window_length,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30m", timedelta(minutes=30)),
        ("6h", timedelta(hours=6)),
        ("1d", timedelta(days=1)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_a_length_is_a_number_and_a_unit(text, expected):
    assert window_length(text) == expected


@pytest.mark.parametrize("text", ["", "d", "0d", "1.5h", "1 d", "-1h", "1y", "01d"])
def test_what_is_no_length_is_refused(text):
    with pytest.raises(ValueError, match="expected a whole number of m, h, d or w"):
        MonitorSettings(window=text)


def test_a_reference_window_has_a_start_and_an_end():
    assert reference_window("training") is None
    assert reference_window("window 2013-04-01 2013-05-01T06:00:00+02:00") == (
        datetime(2013, 4, 1, tzinfo=UTC),
        datetime(2013, 5, 1, 4, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    "text",
    [
        "window",
        "window 2013-04-01",
        "window 2013-05-01 2013-04-01",
        "window 2013-04-01 2013-04-01",
        "window yesterday today",
        "rows 2013-04-01 2013-05-01",
    ],
)
def test_what_is_no_reference_is_refused(text):
    with pytest.raises(ValueError, match="expected 'training' or 'window START END'"):
        MonitorSettings(reference=text)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"clock": "label_time"}, "clock is 'label_time'"),
        ({"level": 0.0}, "level is 0.0"),
        ({"level": 1.0}, "level is 1.0"),
        ({"confidence": 95.0}, "confidence is 95.0"),
        ({"min_rows": 0}, "min_rows is 0"),
        ({"min_slice_rows": 0}, "min_slice_rows is 0"),
        ({"min_labelled": 0}, "min_labelled is 0"),
        ({"history": -1}, "history is -1"),
        ({"min_impact": -0.1}, "min_impact is -0.1"),
        ({"critical_impact": float("nan")}, "critical_impact is nan"),
        ({"critical_rate": float("inf")}, "critical_rate is inf"),
        ({"quality_drop": {"auc": -1.0}}, "quality_drop.auc is -1.0"),
    ],
)
def test_a_setting_out_of_its_range_is_named_with_its_value(settings, message):
    with pytest.raises(ValueError, match=message):
        MonitorSettings(**settings)


@pytest.mark.parametrize("name", ["missing", "ks", "chi_square"])
def test_no_size_of_effect_is_negative(name):
    with pytest.raises(ValueError, match=f"{name} is -0.1"):
        EffectSizes(**{name: -0.1})
    with pytest.raises(ValueError, match=f"{name} is -0.1"):
        FeatureSettings(**{name: -0.1})


@pytest.mark.parametrize("effect", [0.5, float("inf"), float("nan")])
def test_a_row_is_at_most_one_measurement(effect):
    with pytest.raises(ValueError, match="design_effect is"):
        FeatureSettings(design_effect=effect)


def test_a_feature_may_differ_from_the_others():
    settings = MonitorSettings(
        effects=EffectSizes(ks=0.1, psi=0.2),
        features={
            "temp_f": FeatureSettings(ks=0.4, design_effect=20.0),
            "month": FeatureSettings(ignore="seasons"),
            "miles": FeatureSettings(psi=0.0),
        },
    )
    assert settings.effect("temp_f", "ks") == 0.4
    assert settings.effect("temp_f", "psi") == 0.2
    assert settings.effect("miles", "psi") == 0.0
    assert settings.effect("carrier", "ks") == 0.1
    assert settings.design_effect("temp_f") == 20.0
    assert settings.design_effect("carrier") is None
    assert settings.ignore_reason("month") == "seasons"
    assert settings.ignore_reason("carrier") == ""
