"""A cron expression is read as the cluster that gets it reads it."""

import pytest

from pipeline.settings_loader import ConfigError
from pipeline.submit.cron import (
    check_cron,
    check_kubeflow_cron,
    check_vertex_cron,
    expand_cron,
)


@pytest.mark.parametrize(
    "text",
    [
        "0 0 * * * *",
        "0 */15 9-17 1,15 * MON-FRI",
        "30 0 0 ? 1-6/2 sun",
        "0 0 0 1 * ?",
        "0 0 0 * jan,DEC 0",
    ],
)
def test_six_fields_are_kubeflows(text):
    assert check_kubeflow_cron(f" {text} ") == text


def test_five_fields_would_be_read_as_seconds_and_are_refused():
    with pytest.raises(
        ConfigError,
        match=r"^--recurring is '0 \* \* \* \*', which has 5 fields; Kubeflow's cron "
        r"has 6, seconds first\. Write '0 0 \* \* \* \*'\.$",
    ):
        check_kubeflow_cron("0 * * * *")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("60 0 * * * *", "second '60'"),
        ("0 60 * * * *", "minute '60'"),
        ("0 0 24 * * *", "hour '24'"),
        ("0 0 0 0 * *", "day of month '0'"),
        ("0 0 0 32 * *", "day of month '32'"),
        ("0 0 0 1 13 *", "month '13'"),
        ("0 0 0 1 mon *", "month 'mon'"),
        ("0 0 0 * * 7", "day of week '7'"),
        ("0 0 9-5 * * *", "hour '9-5'"),
        ("0 */0 * * * *", "minute '*/0'"),
        ("0 1,,2 * * * *", "minute '1,,2'"),
        ("0 ? * * * *", "minute '?'"),
        ("0 1;2 * * * *", "minute '1;2'"),
        ("0 ² * * * *", "minute '²'"),
    ],
)
def test_field_out_of_its_range_is_named(text, field):
    with pytest.raises(ConfigError, match=r"^--recurring is ") as caught:
        check_kubeflow_cron(text)
    assert f"its {field} is not made of numbers from" in str(caught.value)


@pytest.mark.parametrize("text", ["", "* * *", "0 0 0 0 0 0 0", "@hourly"])
def test_other_number_of_fields_is_refused(text):
    with pytest.raises(ConfigError, match=r"fields; expected 6: second, minute, hour"):
        check_kubeflow_cron(text)
    with pytest.raises(ConfigError, match=r"fields; expected 5: minute, hour, day of"):
        check_vertex_cron(text)


@pytest.mark.parametrize(
    "text",
    ["0 * * * *", "30 4 * * 7", "TZ=Europe/Berlin 0 4 * * *", "CRON_TZ=UTC 0 4 1 * *"],
)
def test_five_fields_are_vertexs_with_a_zone_if_it_likes(text):
    assert check_vertex_cron(text) == text


def test_six_fields_are_not_vertexs():
    with pytest.raises(ConfigError, match=r"^--schedule is .* which has 6 fields"):
        check_vertex_cron("0 0 * * * *")


def test_setting_of_five_fields_is_named():
    check_cron("schedule", "*/5 0-6 * JAN,MAR MON-FRI")
    with pytest.raises(ConfigError, match=r"^schedule is '0 24 \* \* \*'; its hour"):
        check_cron("schedule", "0 24 * * *")


def test_fields_expand_to_the_values_they_name():
    found = expand_cron("*/20 1,3-5 10/10 JAN,MAR-MAY SUN,5-7")
    assert found == (
        {0, 20, 40},
        {1, 3, 4, 5},
        {10, 20, 30},
        {1, 3, 4, 5},
        {0, 5, 6},
    )
    assert expand_cron("* * ? * 0")[2] == set(range(1, 32))
