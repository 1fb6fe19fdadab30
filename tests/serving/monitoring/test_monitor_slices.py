import dataclasses
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from serving.bundle.evaluation import Evaluation, Metric
from serving.monitoring.monitor import monitor_log, monitor_table
from serving.monitoring.monitor_settings import (
    EffectSizes,
    MonitorSettings,
)
from serving.monitoring.report_format import decode_report, encode_report
from tests.serving.monitoring.hourly_rides import (
    HOURLY,
    REFERENCE,
    alarm_ids,
    monitored,
    rides,
)
from tests.serving.monitoring.log_rows import (
    START,
    log_table,
    named_tests,
    reference_of,
)

KEPT = Path(__file__).parents[1] / "bundles" / "v2"


def sliced(drift_hour=None):
    """Four hours of 4,000 rides; in one of them, UA's miles are kilometres."""
    inputs, probability = rides(16_000)
    hours = np.repeat(np.arange(4), 4000)
    if drift_hour is not None:
        inputs["miles"] = [
            value * 1.609344 if carrier == "UA" and hour == drift_hour else value
            for value, carrier, hour in zip(
                inputs["miles"], inputs["carrier"], hours, strict=True
            )
        ]
    return inputs, {"hours": hours, "probability": probability}


SLICED = MonitorSettings(
    window="1h", history=0, slices=("carrier",), min_slice_rows=500
)


def test_slices_are_values_with_rows_enough():
    inputs, more = sliced()
    windows = monitored(inputs, SLICED, **more).windows
    names = [window.slice for window in windows if window.start == START]
    assert names == ["", "carrier=B6", "carrier=EV", "carrier=UA"]  # DL has 400 rows
    ua = next(window for window in windows if window.slice == "carrier=UA")
    assert ua.num_rows == sum(carrier == "UA" for carrier in inputs["carrier"][:4000])


def test_rows_without_a_value_are_no_slice():
    inputs, _ = rides(1500)
    inputs["carrier"] = [""] * 600 + [None] * 600 + ["UA"] * 300
    settings = dataclasses.replace(SLICED, min_slice_rows=300)
    report = monitored(inputs, settings)
    assert [window.slice for window in report.windows] == ["", "carrier=UA"]


def test_a_number_can_be_sliced_by_its_values():
    inputs, _ = rides(1000)
    inputs["month"] = [4] * 500 + [5] * 500
    reference = reference_of(inputs)
    settings = dataclasses.replace(SLICED, slices=("month",))
    report = monitor_table(log_table(inputs), reference, settings)
    names = [window.slice for window in report.windows]
    assert names == ["", "month=4", "month=5"]


def test_a_prediction_that_is_no_number_is_a_missing_one():
    inputs, probability = rides(1000)
    probability[:10] = [np.inf] * 5 + [np.nan] * 5
    report = monitored(inputs, probability=probability)
    assert report.windows[0].prediction.missing_rate == pytest.approx(0.01)
    assert decode_report(encode_report(report)) == report


def test_a_slice_that_is_not_in_the_log_is_refused():
    with pytest.raises(ValueError, match=r"slices has 'airline'.*carrier, miles"):
        monitored(rides(5)[0], MonitorSettings(slices=("airline",)))


def test_a_slice_is_compared_with_its_own_first_window():
    inputs, more = sliced()
    windows = [
        window
        for window in monitored(inputs, SLICED, **more).windows
        if window.slice == "carrier=UA"
    ]
    assert windows[0].features[0].tests == ()
    assert "later ones are compared with it" in windows[0].features[0].note
    assert windows[1].features[0].reference.startswith("first window of carrier=UA")
    assert all(not window.alarms for window in windows)


def test_a_drift_of_one_slice_is_found_there():
    inputs, more = sliced(drift_hour=2)
    settings = dataclasses.replace(SLICED, effects=EffectSizes(ks=0.2, psi=0.2))
    found = {
        (window.start - START, window.slice): alarm_ids(window)
        for window in monitored(inputs, settings, **more).windows
        if window.alarms
    }
    assert found == {(timedelta(hours=2), "carrier=UA"): ["drift:miles:carrier=UA"]}


def test_what_all_rows_tell_is_not_told_again_of_each_slice():
    inputs, more = sliced(drift_hour=2)
    inputs["miles"][8000:12000] = [None] * 4000
    windows = monitored(inputs, SLICED, **more).windows
    alarmed = [window.slice for window in windows if window.alarms]
    assert alarmed == [""]
    ua = [w for w in windows if w.slice == "carrier=UA"][2]
    assert named_tests(ua.features[1], "missing")["binomial"].alarmed


def test_a_window_of_the_log_can_be_the_reference():
    inputs, more = sliced()
    inputs["miles"] = [value * 1.609344 for value in inputs["miles"]]
    by_training = monitored(inputs, HOURLY, **more)
    assert all("drift:miles" in alarm_ids(window) for window in by_training.windows)
    chosen = "window 2013-04-01T00:00 2013-04-01T01:00"
    settings = dataclasses.replace(SLICED, reference=chosen)
    report = monitored(inputs, settings, **more)
    assert all(window.alarms == () for window in report.windows)
    assert report.reference.source == chosen
    assert report.reference.num_examples == 4000
    assert report.reference.predictions == f"the rows of {chosen}"
    last = report.windows[-1]
    assert last.slice == "carrier=UA"
    assert last.features[0].reference == f"the rows of {chosen}"
    assert last.features[1].tests


def test_a_reference_window_without_rows_is_refused():
    settings = dataclasses.replace(HOURLY, reference="window 2012-01-01 2012-02-01")
    with pytest.raises(ValueError, match="has 0 rows of that time; expected min_rows"):
        monitored(rides(500)[0], settings)


def test_quality_and_estimate_are_those_of_the_windows_labels():
    inputs, probability = rides(4000)
    generator = np.random.default_rng(8)
    label = (generator.random(4000) < probability).astype(float)
    hours = np.repeat([0, 1], 2000)
    late = [
        None if hour and place % 2 else value
        for place, (hour, value) in enumerate(zip(hours, label.tolist(), strict=True))
    ]
    first, second = monitored(
        inputs, hours=hours, probability=probability, label=late
    ).windows
    assert (first.num_labelled, second.num_labelled) == (2000, 1000)
    assert second.quality.coverage == pytest.approx(0.5)
    assert second.quality.metrics["auc"].low < second.quality.metrics["auc"].high
    assert first.estimate is None  # nothing earlier to learn from
    assert second.estimate.is_estimate


def test_a_model_that_became_worse_than_its_evaluation_is_an_alarm():
    inputs, probability = rides(3000)
    label = (np.random.default_rng(8).random(3000) < 0.2).astype(float)
    evaluation = Evaluation(
        verdict="",
        confidence=0.95,
        metrics=(Metric(name="auc", value=0.75, low=0.74, high=0.76),),
        checks=(),
    )
    (window,) = monitor_table(
        log_table(inputs, probability=probability, label=label),
        dataclasses.replace(REFERENCE, evaluation=evaluation),
        HOURLY,
    ).windows
    assert alarm_ids(window) == ["quality:auc"]
    assert window.alarms[0].severity == "critical"


def test_a_report_survives_being_written():
    inputs, more = sliced(drift_hour=2)
    report = monitored(inputs, SLICED, **more)
    assert decode_report(encode_report(report)) == report


def test_the_order_of_rows_does_not_matter():
    inputs, more = sliced(drift_hour=2)
    order = np.random.default_rng(1).permutation(16_000)
    table = log_table(inputs, **more)
    straight = monitor_table(table, REFERENCE, HOURLY).windows
    mixed = monitor_table(table.take(order), REFERENCE, HOURLY).windows
    for one, other in zip(straight, mixed, strict=True):
        assert [(found.missing_rate, found.tests) for found in other.features] == [
            (found.missing_rate, found.tests) for found in one.features
        ]


class _Log:
    """A PredictionLog of one table that tells what was asked of it."""

    def __init__(self, table):
        self.table, self.asked = table, []

    def read(self, since, until, *, clock, with_labels):
        self.asked.append((since, until, clock, with_labels))
        return self.table


def test_a_log_is_read_back_to_the_reference_window():
    inputs, _ = rides(600)
    inputs["month"] = [4] * 600
    log = _Log(log_table(inputs, hours=np.repeat([0, 50], 300)))
    settings = dataclasses.replace(
        HOURLY, reference="window 2013-04-01 2013-04-02", clock="time"
    )
    since = START + timedelta(hours=48)
    report = monitor_log(log, KEPT, settings, since=since)
    assert log.asked == [(START, None, "time", True)]
    assert [window.start for window in report.windows] == [START + timedelta(hours=50)]
    assert report.model == "rides"
    assert len(report.reference.bundle_digest) == 64
