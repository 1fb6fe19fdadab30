import dataclasses
from datetime import UTC, datetime

import pytest

from serving.bundle.strict_json import FormatError
from serving.monitoring.report_format import (
    Alarm,
    Deployment,
    FeatureFinding,
    Histogram,
    Interval,
    Measured,
    MonitorReport,
    Quality,
    ReferenceFacts,
    Skew,
    SkewDifference,
    SkewFeature,
    Test,
    Window,
    decode_report,
    encode_report,
    read_report,
    write_report,
)

NOON = datetime(2013, 4, 1, 12, tzinfo=UTC)
TEST = Test(
    name="binomial",
    about="unknown",
    statistic=0.3,
    p_value=1e-9,
    p_adjusted=1e-7,
    interval=Interval(low=0.25, high=0.35),
    threshold=0.02,
    formula="30/100 - 0/1000",
    num_rows=100,
    reference_rows=1000,
    alarmed=True,
)
FINDING = FeatureFinding(
    feature="carrier",
    kind="categorical",
    num_rows=100,
    missing_rate=0.0,
    reference_missing_rate=None,
    unknown_rate=0.3,
    tests=(TEST,),
    impact=0.01,
    mean_shift=-0.01,
    histogram=Histogram(labels=("UA",), reference_shares=(1.0,), shares=(0.7,)),
)
REPORT = MonitorReport(
    model="flights",
    created_at=NOON,
    reference=ReferenceFacts(
        source="training",
        version=3,
        bundle_digest="ab",
        num_examples=1000,
        predictions="first window of version 3",
        untested={"tailnum": "not in the log"},
    ),
    settings={"window": "1d"},
    windows=(
        Window(
            start=NOON,
            end=NOON,
            slice="",
            num_rows=100,
            num_labelled=50,
            versions={"3": 100},
            features=(FINDING,),
            prediction=None,
            quality=Quality(
                metrics={"auc": Measured(value=None), "log_loss": Measured(value=0.5)},
                coverage=0.5,
                num_rows=50,
            ),
            estimate=None,
            alarms=(
                Alarm(
                    id="unknown:carrier",
                    severity="critical",
                    kind="unknown",
                    feature="carrier",
                    slice="",
                    message="…",
                    value=0.3,
                    threshold=0.02,
                ),
            ),
        ),
    ),
    skew=Skew(
        num_replayed=10,
        num_different=1,
        differences=(SkewDifference(feature="miles_xf", num_rows=1, example="…"),),
        features=(
            SkewFeature(
                feature="miles",
                measure="l_infinity",
                value=0.2,
                threshold=0.1,
                alarmed=True,
            ),
        ),
    ),
    deployments=(Deployment(time=NOON, version=3),),
)


def test_a_report_is_the_same_after_writing_and_reading(tmp_path):
    write_report(REPORT, tmp_path / "report.json")
    assert read_report(tmp_path / "report.json") == REPORT


def test_times_are_written_with_their_offset():
    assert b'"created_at": "2013-04-01T12:00:00+00:00"' in encode_report(REPORT)


def test_a_time_without_an_offset_is_refused():
    text = encode_report(REPORT).replace(b"T12:00:00+00:00", b"T12:00:00")
    with pytest.raises(FormatError, match="created_at"):
        decode_report(text)


def test_a_number_that_json_does_not_know_is_refused():
    finding = dataclasses.replace(FINDING, impact=float("nan"))
    window = dataclasses.replace(REPORT.windows[0], features=(finding,))
    with pytest.raises(ValueError, match="JSON compliant"):
        encode_report(dataclasses.replace(REPORT, windows=(window,)))


@pytest.mark.parametrize("version", [b"2", b"true", b"null", b'"1"'])
def test_another_format_version_is_refused(version):
    text = encode_report(REPORT).replace(
        b'"format_version": 1', b'"format_version": ' + version
    )
    with pytest.raises(FormatError, match="format_version is"):
        decode_report(text)


def test_an_unknown_field_is_named():
    text = encode_report(REPORT).replace(b'"num_labelled"', b'"num_labeled"')
    with pytest.raises(FormatError, match="num_label"):
        decode_report(text)
