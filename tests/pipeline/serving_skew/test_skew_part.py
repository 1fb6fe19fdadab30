"""Skew as a part of the monitor's report."""

from datetime import UTC, datetime

from pipeline.serving_skew.compare_statistics import Distributions
from pipeline.serving_skew.proof_view import distributions_in_words, in_words
from pipeline.serving_skew.skew_part import skew_alarms, skew_of, with_skew
from serving.monitoring.report_format import (
    Alarm,
    MonitorReport,
    ReferenceFacts,
    SkewFeature,
    Window,
    decode_report,
    encode_report,
)
from serving.skew_proof.proof_report import (
    BundleProof,
    ColumnDifference,
    FileDifference,
    LineDifference,
    SkewProof,
    UnprovenRows,
    WorstRow,
)

COLUMN = ColumnDifference(
    part="transformed",
    column="carrier_xf",
    against="the bundle",
    num_rows=300,
    num_differing=90,
    worst=WorstRow(
        request_id="r0",
        row=4,
        time="2026-03-01T12:00:00+00:00",
        raw={"carrier": "B6"},
        served=4,
        replayed=1,
    ),
    cause="where it was served, line 2 cannot be the same",
)
FILE = FileDifference(
    folder="/models/rides/1",
    path="assets/carriers",
    what="changed",
    expected_sha256="a" * 64,
    found_sha256="b" * 64,
    lines=(LineDifference(line=2, reference="B6", served="QQ"),),
    num_lines=1,
)
BUNDLE = BundleProof(
    version=1,
    bundle_digest="c" * 64,
    bundle="/models/rides/1",
    replayed_on="/models/rides/1",
    num_rows=300,
    num_transformed=300,
    num_outputs=300,
    num_differing=90,
    files=(FILE,),
    columns=(COLUMN,),
)
PROOF = SkewProof(
    model="rides",
    created_at="2026-03-02T00:00:00+00:00",
    bundles=(BUNDLE,),
    unproven=(UnprovenRows(reason="no version here", num_rows=5),),
)
CARRIER = SkewFeature(
    feature="carrier", measure="l_infinity", value=0.2, threshold=0.1, alarmed=True
)
MILES = SkewFeature(
    feature="miles", measure="jensen_shannon", value=0.01, threshold=0.1, alarmed=False
)
DISTRIBUTIONS = Distributions(features=(CARRIER, MILES), num_rows=2000)
EQUAL = SkewProof(model="rides", created_at="2026-03-02T00:00:00+00:00", bundles=())


def window(start, slice_name="", alarms=()):
    return Window(
        start=datetime(2026, 3, start, tzinfo=UTC),
        end=datetime(2026, 3, start + 1, tzinfo=UTC),
        slice=slice_name,
        num_rows=10,
        num_labelled=0,
        versions={"1": 10},
        features=(),
        prediction=None,
        quality=None,
        estimate=None,
        alarms=alarms,
    )


def report(*windows):
    facts = ReferenceFacts(
        source="training",
        version=1,
        bundle_digest="c" * 64,
        num_examples=1000,
        predictions="",
    )
    return MonitorReport(
        model="rides",
        created_at=datetime(2026, 3, 3, tzinfo=UTC),
        reference=facts,
        settings={},
        windows=windows,
    )


def test_counts_and_examples_come_from_the_proof():
    skew = skew_of(PROOF, DISTRIBUTIONS)
    assert (skew.num_replayed, skew.num_different) == (300, 90)
    (difference,) = skew.differences
    assert (difference.feature, difference.num_rows) == ("carrier_xf", 90)
    assert "carrier='B6': served 4, replayed 1" in difference.example
    assert skew.features == (CARRIER, MILES)
    assert skew_of(EQUAL).features == ()


def test_a_changed_file_or_value_is_critical_and_a_distribution_a_warning():
    alarms = skew_alarms(PROOF, DISTRIBUTIONS)
    assert [(one.id, one.severity) for one in alarms] == [
        ("skew:assets/carriers", "critical"),
        ("skew:carrier_xf", "critical"),
        ("skew:carrier", "warning"),
    ]
    assert "line 2 is 'QQ', pushed was 'B6'" in alarms[0].message
    assert alarms[1].value == 90
    assert "l infinity 0.200 over 2,000 logged rows" in alarms[2].message
    assert skew_alarms(EQUAL) == ()


def test_alarms_join_those_of_the_last_window_of_all_rows():
    earlier = Alarm(
        id="drift:miles",
        severity="info",
        kind="drift",
        feature="miles",
        slice="",
        message="miles has changed",
        value=0.2,
        threshold=0.1,
    )
    found = with_skew(
        report(window(1), window(2, alarms=(earlier,)), window(2, "carrier=UA")), PROOF
    )
    assert [len(one.alarms) for one in found.windows] == [0, 3, 0]
    assert found.windows[1].alarms[-1] == earlier
    assert decode_report(encode_report(found)) == found


def test_a_report_without_windows_gets_the_part_alone():
    found = with_skew(report(), PROOF)
    assert found.skew is not None
    assert found.windows == ()


def test_a_proof_in_words_names_what_a_person_needs():
    text = in_words(PROOF)
    assert text.startswith("DIFFERENT  300 logged rows of rides replayed\n")
    assert "90 of 300 rows differ" in text
    assert "assets/carriers in /models/rides/1 is not the file that was pushed" in text
    assert "cause      where it was served, line 2 cannot be the same." in text
    assert "! 5 rows were not replayed: no version here" in text
    assert in_words(EQUAL).startswith("EQUAL  0 logged rows of rides")


def test_distributions_in_words():
    assert distributions_in_words(DISTRIBUTIONS).splitlines() == [
        "2,000 logged rows against the training statistics",
        "  SKEW       carrier: l_infinity 0.2000, the schema allows 0.1",
        "  ok         miles: jensen_shannon 0.0100, the schema allows 0.1",
    ]
