"""Impossible settings of the data are refused with value and remedy."""

import pytest

from pipeline.data_config import DataConfig, SpanRange, SplitConfig
from pipeline.settings_loader import ConfigError, build_settings

DATA = {"input_base": "in", "key": "id", "event_time": "at", "label": "late"}


@pytest.mark.parametrize(
    ("settings_class", "values", "message"),
    [
        (
            SpanRange,
            {"first": 5, "first_date": "2013-01-31"},
            "first_date is '2013-01-31' beside first 5; give one of the two.",
        ),
        (
            SpanRange,
            {"last_date": "31.1.2013"},
            "last_date is '31.1.2013'; expected a date such as '2013-01-31'.",
        ),
        (
            SplitConfig,
            {"by": "group", "eval_fraction": 0.2},
            (
                "column is None, and by is 'group'; by: group needs a column, "
                "the others take none."
            ),
        ),
        (
            DataConfig,
            {**DATA, "columns": ["id", "at"]},
            "columns leaves out 'late', which is the data's label.",
        ),
        (
            DataConfig,
            {**DATA, "exclude_columns": ["at"]},
            "exclude_columns leaves out 'at', which is the data's event_time.",
        ),
        (
            DataConfig,
            {**DATA, "where": [["miles", "=>", 3]]},
            (
                "where[0][1] is '=>'; it can be ==, !=, <, <=, >, >=, in, not in."
                " Did you mean '>'?"
            ),
        ),
        (
            DataConfig,
            {**DATA, "where": [["miles", "in", 3]]},
            "where[0][2] is 3; expected a list of values for 'in'.",
        ),
        (
            DataConfig,
            {**DATA, "on_bad_rows": "skip"},
            "on_bad_rows is 'skip'; it can be fail, quarantine.",
        ),
        (
            DataConfig,
            {**DATA, "pattern": "day={YYYY}"},
            (
                "pattern is 'day={YYYY}', which names a part of a date; expected "
                "{YYYY}, {MM} and {DD}."
            ),
        ),
        (
            DataConfig,
            {**DATA, "versions": {"3": 0}},
            ("versions.3 is 0; expected a span's number and a version of at least 1."),
        ),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_impossible_settings_are_refused(settings_class, values, message):
    with pytest.raises(ConfigError) as refusal:
        build_settings(settings_class, values)

    assert str(refusal.value) == message


def test_dates_select_the_spans_of_their_days():
    # date +%s -d 2013-01-01 -u, divided by 86,400
    wanted = SpanRange(first_date="2013-01-01", last_date="2013-01-03")

    assert wanted.select([15705, 15706, 15708, 15709]) == [15706, 15708]


def test_settings_become_the_layout_and_the_projection():
    config = build_settings(
        DataConfig, {**DATA, "versions": {3: 2}, "exclude_columns": ["tail"]}
    )

    assert config.layout().versions == {3: 2}
    assert config.keeps("late")
    assert not config.keeps("tail")
