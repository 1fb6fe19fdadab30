"""What the page says, without a browser."""

import re
from datetime import datetime, timedelta, timezone

import pytest

from serving.monitoring.alerts.alert_state import (
    AlertState,
    Notification,
    SetAside,
)
from serving.monitoring.page import numbers
from serving.monitoring.page.histogram_chart import columns, value_rows
from serving.monitoring.page.page import TOP_FEATURES, render_page
from serving.monitoring.page.time_axis import TimeAxis
from serving.monitoring.page.timeline_view import timeline_view
from serving.monitoring.page.value_axis import value_axis
from serving.monitoring.report_format import Histogram
from tests.serving.monitoring.sample_reports import (
    alarm,
    calm_window,
    day,
    feature,
    report,
    window,
)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.3042, "30 %"),
        (0.0042, "0.42 %"),
        (0.09994, "10 %"),
        (0.00001, "< 0.01 %"),
        (-0.00001, "> -0.01 %"),
        (0.0, "0 %"),
        (1.0, "100 %"),
        (None, numbers.NOTHING),
    ],
)
def test_a_share_is_shown_in_two_digits(share, text):
    assert numbers.percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.71234, "0.712"),
        (12.345, "12.3"),
        (1234.5, "1,234"),
        (3.21e-9, "3.21e-09"),
        (0, "0"),
        (None, numbers.NOTHING),
    ],
)
def test_a_number_is_shown_in_three_digits(value, text):
    assert numbers.number(value) == text


def test_a_stretch_of_whole_days_names_its_last_day():
    assert numbers.stretch(day(3), day(4)) == "3 Jul"
    assert numbers.stretch(day(3), day(10)) == "3 Jul to 9 Jul"
    hour = timedelta(hours=1)
    assert numbers.stretch(day(3) + hour, day(3) + 2 * hour) == (
        "3 Jul 01:00 to 3 Jul 02:00"
    )


@pytest.mark.parametrize(
    ("days", "labels"),
    [
        (0.25, ["1 Jul", "01:00", "02:00", "03:00", "04:00", "05:00"]),
        (3, ["1 Jul", "12:00", "2 Jul", "12:00", "3 Jul", "12:00"]),
        (61, ["1 Jul", "15 Jul", "29 Jul", "12 Aug", "26 Aug"]),
        (365, ["Jul", "Sep", "Nov", "Jan 2014", "Mar", "May"]),
        (3650, ["Jan 2014", "Jan 2016", "Jan 2018", "Jan 2020", "Jan 2022"]),
    ],
)
def test_a_time_axis_has_a_few_round_marks(days, labels):
    axis = TimeAxis(start=day(1), end=day(1) + timedelta(days=days))
    assert [tick.label for tick in axis.ticks()] == labels


def test_a_time_outside_the_axis_is_put_at_its_edge():
    axis = TimeAxis(start=day(1), end=day(11), left=10.0)
    assert axis.place(day(1) - timedelta(days=5)) == 10.0
    assert axis.place(day(6)) == 54.75
    assert axis.place(day(30)) == 99.5


@pytest.mark.parametrize(
    ("values", "from_zero", "marks"),
    [
        ([0.0, 0.31], True, [0.0, 0.1, 0.2, 0.3]),
        ([0.65, 0.75], False, [0.65, 0.7, 0.75]),
        ([921.0, 1043.0], True, [0.0, 500.0, 1000.0]),
        ([], True, [0.0, 0.5, 1.0]),
        ([0.7, 0.7], False, [0.7, 0.72, 0.74, 0.76]),
        ([-0.05, 0.08], False, [-0.05, 0.0, 0.05]),
    ],
)
def test_a_value_axis_has_a_few_round_marks(values, from_zero, marks):
    axis = value_axis(values, height=100, top=10, from_zero=from_zero)
    assert axis.marks() == pytest.approx(marks)
    for value in values:
        assert 10 <= axis.place(value) <= 110


def test_a_higher_value_lies_higher():
    axis = value_axis([0.0, 1.0], height=100, top=10, from_zero=True)
    assert axis.place(0.0) == 110
    assert axis.place(1.0) < axis.place(0.5) < axis.place(0.0)


def test_rare_values_share_a_row_and_new_ones_are_shown():
    labels = tuple(f"v{place}" for place in range(20))
    then = tuple([0.1] * 10 + [0.0] * 10)
    now = tuple([0.05] * 10 + [0.0] * 9 + [0.5])
    rows = value_rows(Histogram(labels=labels, reference_shares=then, shares=now), 4)
    assert [row.label for row in rows] == ["v0", "v1", "v19", "17 others"]
    assert [(row.then, row.now, row.change) for row in rows[2:]] == [
        ("0 %", "50 %", "+50.0"),
        ("80 %", "40 %", "-40.0"),
    ]
    assert rows[2].now_width == 62.5


def test_columns_show_then_and_now_by_height():
    histogram = Histogram(
        labels=("a", "b"), reference_shares=(0.5, 0.5), shares=(0.25, 0.75)
    )
    text = str(columns(histogram, "<temp>", "f1"))
    heights = [float(found) for found in re.findall(r'height="([\d.]+)"/>', text)]
    now_a, then_a, now_b, then_b = heights
    assert now_b == 116.0
    assert (now_a / now_b, then_a / now_b) == pytest.approx((1 / 3, 2 / 3), abs=0.01)
    assert then_a == then_b
    assert "Distribution of &lt;temp&gt;" in text


def test_a_histogram_of_no_rows_has_no_columns():
    histogram = Histogram(labels=("a",), reference_shares=(0.0,), shares=(0.0,))
    assert 'height="0.0"' in str(columns(histogram, "a", "f1"))


def test_features_are_ranked_by_impact_and_most_are_folded():
    features = tuple(feature(f"f{place}", impact=place / 100) for place in range(9))
    text = render_page(report(window(1, features=features)))
    names = re.findall(r'<span class="name">(\w+)</span>', text)
    assert names == ["f8", "f7", "f6", "f5", "f4", "f3"]
    assert f"{9 - TOP_FEATURES} more features" in text


def test_each_test_comes_with_formula_and_numbers():
    text = render_page(report(window(1, alarm())))
    assert "rate now - rate then; Newcombe&#39;s interval, n = 921" in text
    assert "921 / 78,193" in text
    assert "0.25 to 0.35" in text


def test_the_table_has_the_charts_numbers():
    timeline = timeline_view(report(calm_window(1), window(2, alarm())))
    (_, first), (when, cells) = timeline.rows
    found = dict(zip(timeline.columns, cells, strict=True))
    assert when == "2 Jul"
    assert found["AUC: measured"] == "0.71 (0.69 to 0.73)"
    assert found["AUC: estimated, without labels"] == "0.7 (0.68 to 0.72)"
    assert found["Unknown values: carrier"] == "30 %"
    assert found["Rows: predictions"] == "921"
    assert len(first) == len(timeline.columns)


def test_a_line_is_not_drawn_over_windows_that_are_missing():
    found = timeline_view(report(calm_window(1), calm_window(2), calm_window(5)))
    auc = found.charts[0]
    assert str(auc.svg).count('<polyline class="line"') == 4  # two runs, two series


def test_an_alarm_says_since_when_and_one_that_is_over_is_folded():
    over = report(window(1, alarm()), calm_window(2))
    text = render_page(over)
    assert "No alarm lasts." in text
    assert "1 alarm that is over" in text
    gone = report(
        window(1, alarm()), calm_window(2), window(3, alarm()), window(4, alarm())
    )
    assert "3 Jul to 4 Jul · 3 windows in all" in render_page(gone)


def test_the_page_says_who_was_not_told():
    told = Notification(
        number=7,
        event="firing",
        model="flights",
        rule="all",
        alarm_id="unknown:carrier",
        severity="warning",
        kind="unknown",
        feature="carrier",
        slice="",
        message="",
        value=0.3,
        threshold=0.02,
        since=day(1).isoformat(),
        window_end=day(2).isoformat(),
    )
    state = AlertState(
        model="flights",
        pending={"ops": (told,)},
        errors={"ops": "answer 503: 'busy'"},
        set_aside=(SetAside(channel="ops", error="answer 400", notification=told),),
    )
    text = render_page(report(calm_window(1)), state)
    assert "answer 503: &#39;busy&#39;" in text
    assert "no. 7 to ops, unknown:carrier: answer 400" in text
    assert "Who was told" not in render_page(report(calm_window(1)), None)


def test_the_same_report_gives_the_same_page():
    found = report(calm_window(1), window(2, alarm()))
    assert render_page(found) == render_page(found)


def test_times_are_shown_in_utc():
    moment = datetime(2013, 7, 1, 22, tzinfo=timezone(timedelta(hours=2)))
    assert numbers.day(moment) == "1 July 2013 20:00"
