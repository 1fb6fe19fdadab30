import re

import pytest

from components.anomaly_gate.severities import load_severity_rules


@pytest.mark.parametrize(
    ("kind", "severity"),
    [
        ("missing_column", "stop"),
        ("wrong_type", "stop"),
        ("too_many_missing", "stop"),
        ("new_column", "warn"),
        ("drift", "warn"),
        ("other", "stop"),
    ],
)
def test_default_severity_of_a_kind_that_is_not_counted(kind: str, severity: str):
    assert load_severity_rules("{}", 0.01).severity(kind, 0.0) == severity


@pytest.mark.parametrize("kind", ["out_of_domain", "out_of_range"])
@pytest.mark.parametrize(
    ("fraction", "severity"),
    [(0.005, "warn"), (0.01, "warn"), (0.0101, "stop"), (None, "stop")],
    ids=["below", "at the bound", "above", "not known"],
)
def test_a_counted_kind_stops_only_above_the_allowed_share(kind, fraction, severity):
    assert load_severity_rules("{}", 0.01).severity(kind, fraction) == severity
    explicit = load_severity_rules(f'{{"{kind}": "stop"}}', 0.01)
    assert explicit.severity(kind, fraction) == severity


def test_a_share_of_zero_stops_at_the_first_value():
    assert load_severity_rules("{}", 0.0).severity("out_of_domain", 1e-9) == "stop"


@pytest.mark.parametrize("severity", ["stop", "warn", "ignore"])
def test_a_setting_replaces_the_default(severity: str):
    rules = load_severity_rules(f'{{"new_column": "{severity}"}}', 0.01)
    assert rules.severity("new_column", None) == severity
    assert rules.severity("wrong_type", None) == "stop"


@pytest.mark.parametrize("severity", ["warn", "ignore"])
def test_a_lenient_setting_holds_above_the_share_too(severity: str):
    rules = load_severity_rules(f'{{"out_of_range": "{severity}"}}', 0.01)
    assert rules.severity("out_of_range", 1.0) == severity


@pytest.mark.parametrize(
    ("text", "fraction", "message"),
    [
        (
            '{"typo": "stop"}',
            0.01,
            "severities names the kind 'typo'; kinds are missing_column, wrong_type, ",
        ),
        (
            '{"drift": "loud"}',
            0.01,
            "severities.drift is 'loud'; it can be stop, warn, ignore.",
        ),
        (
            "{}",
            1.5,
            "max_out_of_domain_fraction is 1.5; expected a fraction from 0 to 1.",
        ),
    ],
    ids=["kind", "severity", "fraction"],
)
def test_rules_refuse_what_they_do_not_know(text: str, fraction: float, message: str):
    with pytest.raises(ValueError, match=re.escape(message)):
        load_severity_rules(text, fraction)
