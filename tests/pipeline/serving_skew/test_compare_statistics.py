"""TFDV's skew comparators on logged rows, with hand-made distances."""

import numpy as np
import pyarrow as pa
import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from pipeline.serving_skew.compare_statistics import (
    compare_with_training,
    rows_needed,
)
from pipeline.serving_skew.logged_statistics import describe_log
from serving.bundle import layout
from serving.bundle.contract import RawFeature

FEATURES = (
    RawFeature(name="miles", dtype="float32", example_type="FLOAT", missing="NaN"),
    RawFeature(name="carrier", dtype="string", example_type="BYTES", missing=""),
    RawFeature(name="month", dtype="float32", example_type="INT", missing="NaN"),
)
SCHEMA = """
default_environment: "TRAINING"
default_environment: "SERVING"
feature {
  name: "carrier" type: BYTES
  skew_comparator { infinity_norm { threshold: 0.1 } }
}
feature {
  name: "miles" type: FLOAT
  skew_comparator { jensen_shannon_divergence { threshold: 0.15 } }
}
feature { name: "month" type: INT }
feature {
  name: "gate" type: BYTES not_in_environment: "SERVING"
  skew_comparator { infinity_norm { threshold: 0.1 } }
}
"""


def rows(num, *, b6=0.5, shift=0.0):
    """Returns logged rows: a share of B6, the rest UA; miles from 0 to 100."""
    carriers = ["B6"] * round(num * b6) + ["UA"] * (num - round(num * b6))
    miles = np.linspace(0, 100, num) + shift
    inputs = [
        {"miles": mile, "carrier": carrier, "month": None}
        for mile, carrier in zip(miles.tolist(), carriers, strict=True)
    ]
    kind = pa.struct(
        [("miles", pa.float32()), ("carrier", pa.string()), ("month", pa.int64())]
    )
    return pa.table({"inputs": pa.array(inputs, kind)})


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A folder with the schema and the statistics of 4,000 rows, half of them B6."""
    folder = tmp_path_factory.mktemp("bundle")
    (folder / layout.EXTRA).mkdir()
    (folder / layout.SCHEMA).write_text(SCHEMA)
    training = describe_log([rows(4000)], FEATURES)
    (folder / layout.STATISTICS).write_bytes(training.SerializeToString())
    return folder


def compare(bundle, *tables):
    return compare_with_training(bundle, describe_log(tables, FEATURES))


def test_statistics_are_of_all_tables_and_know_what_is_missing():
    found = describe_log([rows(300), rows(100, b6=1.0)], FEATURES).datasets[0]
    assert found.num_examples == 400
    by_name = {one.path.step[0]: one for one in found.features}
    top = by_name["carrier"].string_stats.top_values
    assert {one.value: one.frequency for one in top} == {"B6": 250, "UA": 150}
    assert by_name["miles"].num_stats.max == 100
    assert by_name["month"].num_stats.common_stats.num_missing == 400


def test_rows_as_in_training_are_no_skew(bundle):
    found = compare(bundle, rows(2000))
    assert [(one.feature, one.measure) for one in found.features] == [
        ("carrier", "l_infinity"),
        ("miles", "jensen_shannon"),
    ]
    assert not any(one.alarmed for one in found.features)
    assert (found.num_rows, found.not_judged) == (2000, ())


def test_a_share_that_moved_by_a_fifth_is_skew(bundle):
    carrier, miles = compare(bundle, rows(2000, b6=0.7)).features
    assert carrier.value == pytest.approx(0.2)
    assert (carrier.threshold, carrier.alarmed) == (0.1, True)
    assert miles.value < 0.01


def test_numbers_somewhere_else_are_skew(bundle):
    carrier, miles = compare(bundle, rows(2000, shift=200.0)).features
    # No value in common: the largest divergence there is, one bit.
    assert miles.value == pytest.approx(1.0, abs=0.01)
    assert (miles.alarmed, carrier.alarmed) == (True, False)


def test_few_rows_are_measured_and_not_judged(bundle):
    found = compare(bundle, rows(500, b6=0.7))
    carrier = found.features[0]
    assert carrier.value == pytest.approx(0.2)
    assert not carrier.alarmed
    (told,) = found.not_judged
    assert told == (
        "carrier: 500 rows are too few to judge a distance (l_infinity) of 0.1; "
        "expected at least 1,060"
    )


def test_no_row_compares_nothing(bundle):
    found = compare_with_training(bundle, statistics_pb2.DatasetFeatureStatisticsList())
    assert (found.features, found.num_rows) == ((), 0)


def test_a_feature_the_log_lacks_is_named(bundle):
    table = rows(2000)
    without = pa.array([{"miles": one["miles"]} for one in table["inputs"].to_pylist()])
    found = compare(bundle, pa.table({"inputs": without}))
    assert [one.feature for one in found.features] == ["miles"]
    assert found.not_judged == (
        "carrier: the log or the training statistics hold no value of it",
    )


def test_rows_needed_by_hand():
    # 2 ln(200) / 0.01 = 1059.66; chi-square 0.99 of 19: 36.19 / (8 ln 2 0.15) = 43.5.
    assert rows_needed("l_infinity", 0.1) == 1060
    assert rows_needed("jensen_shannon", 0.15) == 44


def test_chance_alone_passes_no_threshold_with_the_rows_needed():
    generator = np.random.default_rng(1)
    training = np.full(20, 0.05)
    rows_drawn = rows_needed("l_infinity", 0.05)
    drawn = generator.multinomial(rows_drawn, training, 2000) / rows_drawn
    assert (np.abs(drawn - training).max(axis=1) > 0.05).mean() <= 0.01
