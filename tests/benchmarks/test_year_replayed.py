"""The replay's parts: faults, spans, quality, and what the page and the JSON say."""

import json
import math
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from benchmarks.year_replayed.__main__ import read_settings
from benchmarks.year_replayed.feed_client import _requests
from benchmarks.year_replayed.feed_faults import FEED_FAULTS, in_km, unknown
from benchmarks.year_replayed.feed_faults import without_column as without
from benchmarks.year_replayed.feed_watch import FeedWatch
from benchmarks.year_replayed.year_page import render_year_page
from benchmarks.year_replayed.year_quality import year_quality
from benchmarks.year_replayed.year_record import (
    PlantedFault,
    TriedVersion,
    YearEvent,
    YearRecord,
)
from benchmarks.year_replayed.year_rows import (
    SpanLanding,
    days_of,
    labels_of,
    read_span,
)
from benchmarks.year_replayed.year_summary import YearSummary, summary_document
from data.spans import list_spans, load_manifest, verify_span
from serving.monitoring.report_format import Alarm, MonitorReport, ReferenceFacts
from serving.monitoring.report_format import Window as ReportWindow

DAY = date(2013, 5, 20)


@pytest.fixture(scope="module")
def may(year):
    return read_span(year, 5)


def test_a_column_that_is_gone_is_missing_in_every_row_and_nothing_else_changes(may):
    changed = without("sched_arr_minute")(may)
    assert changed["sched_arr_minute"].null_count == len(may)
    assert changed.schema == may.schema
    assert changed.drop_columns("sched_arr_minute").equals(
        may.drop_columns("sched_arr_minute")
    )


def test_kilometres_are_miles_times_1_609344(may):
    miles = may["distance_miles"].to_numpy()
    assert in_km("distance_miles")(may)["distance_miles"].to_numpy() == pytest.approx(
        miles * 1.609344, rel=1e-6
    )


def test_three_of_ten_rows_get_a_carrier_nobody_knows(may):
    carriers = unknown("carrier")(may)["carrier"].to_pylist()
    assert carriers.count("ZZ") / len(carriers) == pytest.approx(0.3, abs=0.1)
    others = zip(carriers, may["carrier"].to_pylist(), strict=True)
    assert all(now in ("ZZ", then) for now, then in others)


def test_each_day_holds_its_own_rows_in_order(may):
    days = days_of(may)
    assert sum(len(rows) for _, rows in days) == len(may)
    assert [day for day, _ in days] == sorted({day for day, _ in days})
    for day, rows in days:
        times = rows["event_time"].to_pylist()
        assert {time.date() for time in times} == {day}
        assert times == sorted(times)


def test_labels_are_known_a_day_after_departure_and_cancelled_flights_have_none(may):
    labels = labels_of(may)
    known = [row for row in may.to_pylist() if row["is_late"] is not None]
    assert len(labels) == len(known) < len(may)
    assert labels["label_time"][0].as_py() == known[0]["event_time"] + timedelta(days=1)


def test_a_span_arrives_broken_and_again_repaired_as_its_next_version(year, tmp_path):
    landing = SpanLanding(year, tmp_path / "spans")
    broken = in_km("distance_miles")(read_span(year, 5))
    assert landing.land(5, broken) == 1
    first = load_manifest(tmp_path / "spans", 5)
    assert landing.land(5) == 2
    second = load_manifest(tmp_path / "spans", 5)
    assert list_spans(tmp_path / "spans") == [5]
    assert (first.version, second.version) == (1, 2)
    assert first.digest != second.digest
    assert second.files == load_manifest(year, 5).files
    verify_span(tmp_path / "spans", 5)


def test_a_request_never_spans_two_hours_and_names_each_row(may):
    rows = may.slice(0, 40)
    sent = [_read_request(request) for request in _requests(rows, 4)]
    keys = [key for request in sent for key in request["keys"]]
    assert keys == rows["flight_id"].to_pylist()
    hours = dict(
        zip(
            keys,
            (t.replace(minute=0) for t in rows["event_time"].to_pylist()),
            strict=True,
        )
    )
    for request in sent:
        assert len({hours[key] for key in request["keys"]}) == 1
        assert len(request["keys"]) <= 4
        assert all(len(v) == len(request["keys"]) for v in request["inputs"].values())
    gusts = [value for request in sent for value in request["inputs"]["wind_gust_mph"]]
    assert any(math.isnan(value) for value in gusts)


def _read_request(request):
    head, _, body = request.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    assert int(headers["content-length"]) == len(body)
    return {"keys": headers["x-slipway-key"].split(","), **json.loads(body)}


# -- the feed ---------------------------------------------------------------------


def report_of(day, *alarms):
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    window = ReportWindow(
        start=start, end=start + timedelta(days=1), slice="", num_rows=900,
        num_labelled=0, versions={"1": 900}, features=(), prediction=None,
        quality=None, estimate=None, alarms=alarms,
    )  # fmt: skip
    facts = ReferenceFacts(
        source="training", version=1, bundle_digest="", num_examples=1, predictions=""
    )
    return MonitorReport(
        model="flights",
        created_at=start,
        reference=facts,
        settings={},
        windows=(window,),
    )


def alarm_of(kind, feature, severity="critical"):
    return Alarm(
        id=f"{kind}:{feature}", severity=severity, kind=kind, feature=feature, slice="",
        message=f"{feature} alarms", value=1.0, threshold=0.02,
    )  # fmt: skip


def test_a_fault_lasts_until_the_day_after_its_alarm(may):
    watch = FeedWatch(FEED_FAULTS)
    fault = watch.fault_on(DAY)
    assert fault.feature == "sched_arr_minute"
    for day in (DAY, DAY + timedelta(days=1)):
        watch.send(fault, day, may)
        watch.sent(fault, 30, 900)
        seen = [] if day == DAY else [alarm_of("missing", "sched_arr_minute")]
        found = watch.look(fault, day, report_of(day, *seen))
        assert (found is None) == (day == DAY)
    assert watch.fault_on(DAY + timedelta(days=2)) is None
    record = watch.record_of(fault)
    assert (record.num_requests, record.num_rows, record.num_looks) == (60, 1800, 2)
    assert record.caught_by == "monitor: critical missing"


@pytest.mark.parametrize(
    "alarm",
    [
        alarm_of("missing", "carrier"),
        alarm_of("drift", "sched_arr_minute"),
        alarm_of("missing", "sched_arr_minute", "info"),
    ],
)
def test_an_alarm_of_something_else_does_not_tell_the_fault(may, alarm):
    watch = FeedWatch(FEED_FAULTS)
    fault = watch.fault_on(DAY)
    watch.send(fault, DAY, may)
    watch.sent(fault, 30, 900)
    assert watch.look(fault, DAY, report_of(DAY, alarm)) is None
    assert not watch.record_of(fault).is_caught


# -- quality ----------------------------------------------------------------------


def scored(**changes):
    """Two days of four flights: one model ranks perfectly, one is one pair off."""
    rows = pd.DataFrame(
        {
            "month": [4] * 8,
            "day": ["a"] * 4 + ["b"] * 4,
            "label": [0.0, 0.0, 1.0, 1.0] * 2,
            "renewed": [0.1, 0.2, 0.8, 0.9] * 2,
            "never": [0.1, 0.6, 0.5, 0.9] * 2,
            "version": [1, 1, 2, 2] * 2,
        }
    )
    return rows.assign(**changes)


def test_auc_log_loss_and_calibration_are_those_of_the_definitions():
    month, mean = year_quality(scored())
    assert month.renewed["auc"].value == 1.0
    assert month.never["auc"].value == pytest.approx(0.75)  # 12 of 16 pairs
    assert month.gain["auc"].value == pytest.approx(0.25)
    expected = -np.log([0.9, 0.8, 0.8, 0.9]).mean()
    assert month.renewed["log_loss"].value == pytest.approx(expected)
    assert month.never["calibration"].value == pytest.approx(2.1 / 2)
    assert month.versions == {"1": 4, "2": 4}
    assert mean.gain["auc"].value == month.gain["auc"].value


def test_ties_count_half():
    month, _ = year_quality(scored(renewed=0.5))
    assert month.renewed["auc"].value == 0.5


def test_the_same_days_are_drawn_for_both_models():
    """Days differ much, the models never: only a paired interval is that narrow."""
    generator = np.random.default_rng(0)
    days = np.repeat(np.arange(30), 20)
    hard = generator.random(30)[days]
    label = (generator.random(600) < 0.4).astype(float)
    signal = np.clip(label * hard + generator.random(600) * 0.8, 0.01, 1.79) / 1.8
    rows = pd.DataFrame(
        {
            "month": 4, "day": days.astype(str), "label": label, "renewed": signal,
            "never": signal, "version": 1,
        }
    )  # fmt: skip
    month, _ = year_quality(rows)
    assert month.gain["auc"].low == month.gain["auc"].high == 0.0
    assert month.renewed["auc"].high - month.renewed["auc"].low > 0.01


def test_every_month_has_the_same_weight_in_the_mean():
    may = scored(month=5, renewed=[0.9, 0.8, 0.2, 0.1] * 2)
    *_, mean = year_quality(pd.concat([scored(), may, may.assign(day="c")]))
    assert mean.renewed["auc"].value == pytest.approx((1.0 + 0.0) / 2)


# -- page and JSON ----------------------------------------------------------------


def summary_of(**changes):
    months = year_quality(pd.concat([scored(), scored(month=5)]))
    fault = PlantedFault(
        name="a bad model <script>", began=date(2013, 4, 20),
        caught_by="rollout: metric", message="worse", num_requests=12, num_rows=12,
        num_all_rows=120, num_looks=2,
        is_undone=True,
    )  # fmt: skip
    record = YearRecord(
        events=[
            YearEvent(day=date(2013, 4, 1), kind="deployed", title="v1"),
            YearEvent(
                day=date(2013, 4, 9), kind="alarm", title="drift",
                numbers={"severity": "warning"},
            ),
        ],
        faults=[fault],
        rollouts=[
            TriedVersion(
                version=2, began=date(2013, 4, 20), ended=date(2013, 4, 22),
                verdict="rollback", reason="worse", is_planted=True,
            ),
            TriedVersion(version=3, began=date(2013, 5, 20)),
        ],
    )  # fmt: skip
    fields = {
        "record": record, "months": tuple(months[:-1]), "mean": months[-1],
        "alarms": (), "num_windows": 30, "num_alarmed": 1, "settings": {},
    }  # fmt: skip
    return YearSummary(**{**fields, **changes})


def test_the_page_names_the_verdict_and_runs_and_loads_nothing():
    page = render_year_page(summary_of())
    assert "Renewed models were better than the one never renewed" in page
    assert "1 of 1 planted faults were caught" in page
    assert "<script" not in page.replace("&lt;script", "")
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


def test_a_fault_that_nobody_undid_makes_the_year_no_good_one():
    summary = summary_of()
    assert summary.is_good
    summary.record.faults[0].is_undone = False
    assert (summary.is_good, summary.missed) == (False, ["a bad model <script>"])
    assert "Not caught: a bad model &lt;script&gt;" in render_year_page(summary)


def test_models_that_are_no_better_make_the_year_no_good_one():
    months = year_quality(scored(renewed=scored()["never"]))
    assert not summary_of(mean=months[-1]).is_good


def test_the_json_has_all_of_it():
    document = json.loads(json.dumps(summary_document(summary_of()), allow_nan=False))
    assert document["format_version"] == 1
    assert document["is_good"] is True
    assert document["record"]["faults"][0]["num_rows"] == 12
    assert [month["month"] for month in document["months"]] == [4, 5]
    assert document["mean"]["gain"]["auc"]["low"] <= 0.25


@pytest.mark.parametrize("months", ["5-6", "4-13", "x", "6-4"])
def test_months_that_cannot_be_replayed_are_refused(months, capsys):
    with pytest.raises(SystemExit):
        read_settings(["--months", months])
    assert "is no range of months from 4 on" in capsys.readouterr().err


def test_the_settings_of_the_pipeline_can_be_used():
    from pipeline.config import load_config
    from pipeline.pipeline_argument import find_config

    settings = read_settings(["--window-spans", "3", "--work", "/somewhere"])
    config = load_config(find_config("flights"), settings.pipeline_overrides())
    assert config.retraining.push == "held"
    assert config.retraining.window_spans == 3
    assert config.monitoring.features["month"].ignore
