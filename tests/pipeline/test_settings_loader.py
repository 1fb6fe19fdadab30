"""YAML values to frozen dataclasses: what does not fit is refused by name."""

import dataclasses
import math
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import PipelineConfig
from pipeline.settings_loader import ConfigError, build_settings, did_you_mean
from pipeline.stage_configs import (
    DataConfig,
    EvaluationConfig,
    SpanRange,
    SplitConfig,
    Threshold,
    TrainConfig,
    TuneConfig,
    ValidationConfig,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Inner:
    depth_m: float = 1.0

    def __post_init__(self) -> None:
        if self.depth_m < 0:
            raise ConfigError(f"depth_m is {self.depth_m!r}; expected at least 0.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Outer:
    name: str
    count: int = 1
    is_on: bool = False
    ratio: float | None = None
    inner: Inner = field(default_factory=Inner)
    inners: tuple[Inner, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    free: dict[str, Any] = field(default_factory=dict)


def refusal(settings_class: type, values: object) -> str:
    with pytest.raises(ConfigError, match=r".") as caught:
        build_settings(settings_class, values)
    return str(caught.value)


def test_values_arrive_as_the_declared_types():
    built = build_settings(
        Outer,
        {
            "name": "a",
            "ratio": 2,
            "inner": None,
            "inners": [{"depth_m": 3}, {}],
            "labels": {1: "one"},
            "free": {"layers": [64, 32], "activation": "relu", "skip": None},
        },
    )

    assert built == Outer(
        name="a",
        ratio=2.0,
        inners=(Inner(depth_m=3.0), Inner()),
        labels={"1": "one"},
        free={"layers": [64, 32], "activation": "relu", "skip": None},
    )
    assert type(built.ratio) is float


KNOWN = "name, count, is_on, ratio, inner, inners, labels, free"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"name": "a", "cuont": 2},
            f"unknown setting cuont; known settings are {KNOWN}. Did you mean 'count'?",
        ),
        (
            {"name": "a", "zzz": 2},
            f"unknown setting zzz; known settings are {KNOWN}.",
        ),
        (
            {"name": "a", "inners": [{}, {"depht_m": 2}]},
            (
                "unknown setting inners[1].depht_m; known settings are depth_m. "
                "Did you mean 'depth_m'?"
            ),
        ),
        ({}, "setting name is missing."),
        (None, "setting name is missing."),
        ([1], "the configuration is [1]; expected a mapping of settings."),
        ({"name": "a", "inner": 3}, "inner is 3; expected a mapping of settings."),
        ({"name": 7}, "name is 7; expected a text."),
        ({"name": None}, "name is None; expected a text."),
        ({"name": "a", "count": True}, "count is True; expected a whole number."),
        ({"name": "a", "count": 1.0}, "count is 1.0; expected a whole number."),
        ({"name": "a", "is_on": 1}, "is_on is 1; expected true or false."),
        ({"name": "a", "ratio": "x"}, "ratio is 'x'; expected a number."),
        ({"name": "a", "ratio": False}, "ratio is False; expected a number."),
        (
            {"name": "a", "ratio": "1e-3"},
            (
                "ratio is '1e-3'; expected a number. "
                "YAML takes 1e-3 for text; write 0.001."
            ),
        ),
        ({"name": "a", "ratio": math.nan}, "ratio is nan; expected a finite number."),
        ({"name": "a", "ratio": math.inf}, "ratio is inf; expected a finite number."),
        ({"name": "a", "inners": "ab"}, "inners is 'ab'; expected a list."),
        ({"name": "a", "labels": ["x"]}, "labels is ['x']; expected a mapping."),
        ({"name": "a", "labels": {"x": 1}}, "labels.x is 1; expected a text."),
        (
            {"name": "a", "free": {"when": {1, 2}}},
            (
                "free.when is {1, 2}; expected plain values: text, finite numbers, "
                "true, false, null, and lists and mappings of these."
            ),
        ),
        (
            {"name": "a", "inners": [{}, {"depth_m": -1}]},
            "inners[1].depth_m is -1.0; expected at least 0.",
        ),
    ],
    ids=str,
)
def test_refusal_names_the_setting_the_value_and_what_was_expected(values, message):
    assert refusal(Outer, values) == message


def test_long_values_are_cut_in_messages():
    message = refusal(Outer, {"name": list(range(1000))})

    assert message == "name is [0, 1, 2, 3, 4, ...]; expected a text."


def test_numbers_too_large_for_a_float_are_refused():
    assert refusal(Outer, {"name": "a", "ratio": 10**400}).endswith(
        "expected a finite number."
    )
    assert refusal(Outer, {"name": "a", "ratio": 10**5000}) == (
        "ratio is a number of more than 4,300 digits; expected a finite number."
    )


def test_values_that_contain_themselves_are_refused():
    loop: list[Any] = []
    loop.append(loop)

    assert refusal(Outer, {"name": "a", "free": {"loop": loop}}).startswith(
        "free.loop is [["
    )


def test_nearest_name_is_offered_only_if_it_is_near():
    assert did_you_mean("orign", ["origin", "dest"]) == " Did you mean 'origin'?"
    assert did_you_mean("weather", ["origin", "dest"]) == ""


DATA = {"input_base": "in", "key": "id", "event_time": "at", "label": "late"}
AUC = {"metric": "auc", "min": 0.6}


@pytest.mark.parametrize(
    ("settings_class", "values", "message"),
    [
        (SpanRange, {"first": 0}, "first is 0; expected at least 1."),
        (SpanRange, {"first": 5, "last": 2}, "last is 2, before first 5."),
        (
            SpanRange,
            {"first": 5, "newest": 2},
            "newest is 2 beside first 5; give one of the two.",
        ),
        (
            SplitConfig,
            {"eval_spans": 1, "eval_fraction": 0.2},
            "eval_spans and eval_fraction: give exactly one of the two.",
        ),
        (SplitConfig, {}, "eval_spans and eval_fraction: give exactly one of the two."),
        (
            SplitConfig,
            {"by": "hash", "eval_spans": 1},
            "eval_spans needs by: time; a hash split takes eval_fraction.",
        ),
        (
            SplitConfig,
            {"by": "hsah", "eval_fraction": 0.2},
            "by is 'hsah'; it can be time, hash, group. Did you mean 'hash'?",
        ),
        (
            SplitConfig,
            {"eval_fraction": 1},
            "eval_fraction is 1.0; expected a fraction between 0 and 1.",
        ),
        (
            DataConfig,
            {**DATA, "format": "paruqet"},
            (
                "format is 'paruqet'; it can be parquet, csv, feather, orc. "
                "Did you mean 'parquet'?"
            ),
        ),
        (
            DataConfig,
            {**DATA, "label": "at"},
            (
                "label is 'at', which is the key or the event_time; "
                "expected the column to predict."
            ),
        ),
        (
            ValidationConfig,
            {"schema": "s", "severities": {"drift": "stpo"}},
            (
                "severities.drift is 'stpo'; it can be stop, warn, ignore. "
                "Did you mean 'stop'?"
            ),
        ),
        (
            TrainConfig,
            {"run_fn": "a.b", "features": "a", "learning_rate": 0},
            "learning_rate is 0.0; expected more than 0.",
        ),
        (
            TrainConfig,
            {"run_fn": "a.b", "features": "a", "batch_size": 0},
            "batch_size is 0; expected at least 1.",
        ),
        (
            TuneConfig,
            {"enabled": True},
            "tuner_fn is missing; tuning is enabled and needs it.",
        ),
        (
            Threshold,
            {"metric": "acu", "min": 0.6},
            (
                "metric is 'acu'; it can be auc, auc_precision_recall, "
                "binary_accuracy, binary_crossentropy, calibration, "
                "example_count, mean_label, mean_prediction. Did you mean 'auc'?"
            ),
        ),
        (
            Threshold,
            {"metric": "auc"},
            "metric 'auc' has no bound; give min, max, max_decrease or max_increase.",
        ),
        (
            Threshold,
            {"metric": "auc", "min": 0.9, "max": 0.1},
            "min is 0.9, above max 0.1: no value can pass.",
        ),
        (
            EvaluationConfig,
            {"slices": ["origin"], "thresholds": [AUC, {**AUC, "slice": "orign"}]},
            (
                "thresholds[1].slice is 'orign', which is not one of slices: origin. "
                "Did you mean 'origin'?"
            ),
        ),
        (
            EvaluationConfig,
            {"thresholds": [{**AUC, "slice": "origin"}]},
            "thresholds[0].slice is 'origin', which is not one of slices: none.",
        ),
        (
            EvaluationConfig,
            {"slices": ["a", "a"], "thresholds": [AUC]},
            "slices is a, a; expected each column once.",
        ),
        (
            EvaluationConfig,
            {"thresholds": []},
            (
                "thresholds is empty; without one every model would be pushed. "
                "Add for example {metric: auc, min: 0.6}."
            ),
        ),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_impossible_settings_are_refused(settings_class, values, message):
    assert refusal(settings_class, values) == message


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.dates(),
    st.datetimes(),
)
yaml_values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner), st.dictionaries(st.one_of(st.text(), st.integers()), inner)
    ),
    max_leaves=12,
)


def like(settings_class: type) -> st.SearchStrategy[dict[str, Any]]:
    """Mappings with this class's own keys: plausible at the top, wild below."""
    names = [entry.name for entry in dataclasses.fields(settings_class)]
    sections = {
        entry.name: like(entry.type)
        for entry in dataclasses.fields(settings_class)
        if dataclasses.is_dataclass(entry.type)
    }
    plausible = st.sampled_from(
        [0, 1, 0.5, -1, "auc", "time", "a.b", True, ["a"], [AUC], {}]
    )
    return st.fixed_dictionaries(
        {},
        optional={
            name: sections.get(name, plausible) | plausible | yaml_values
            for name in names
        },
    )


@given(values=yaml_values | like(PipelineConfig))
@settings(max_examples=300, deadline=None)
def test_arbitrary_values_give_settings_or_a_config_error(values):
    # Anything but a ConfigError fails the test.
    with suppress(ConfigError):
        assert isinstance(build_settings(PipelineConfig, values), PipelineConfig)


@given(
    number=st.integers(-(10**300), 10**300)
    | st.floats(allow_nan=False, allow_infinity=False)
)
def test_any_finite_number_fits_a_float_setting(number):
    ratio = build_settings(Outer, {"name": "a", "ratio": number}).ratio

    assert ratio == float(number)
