"""schema.pbtxt agrees with columns.py, and every month of 2013 agrees with it.

The rules of TFDV that the schema uses (presence, ranges, domains) are checked here
without TFDV, whose import takes longer than all tests of this folder.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

import data.flights
from data.flights.columns import COLUMNS

PATH = Path(data.flights.__file__).with_name("schema.pbtxt")
SCHEMA = text_format.Parse(PATH.read_text(encoding="utf-8"), schema_pb2.Schema())
FEATURES = {feature.name: feature for feature in SCHEMA.feature}
DOMAINS = {domain.name: list(domain.value) for domain in SCHEMA.string_domain}
TYPES = {
    "string": schema_pb2.BYTES,
    "float32": schema_pb2.FLOAT,
    "int64": schema_pb2.INT,
    "timestamp[s, tz=UTC]": schema_pb2.INT,
}


def test_features_are_the_columns_in_order():
    assert [(f.name, f.type) for f in SCHEMA.feature] == [
        (column.name, TYPES[column.dtype]) for column in COLUMNS
    ]


def test_only_label_and_slice_columns_are_absent_in_serving():
    assert list(SCHEMA.default_environment) == ["TRAINING", "SERVING"]
    assert {f.name: list(f.not_in_environment) for f in SCHEMA.feature} == {
        column.name: ["SERVING"] if column.role in ("label", "slice") else []
        for column in COLUMNS
    }


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_feature_parses_to_at_most_one_value(column):
    feature = FEATURES[column.name]
    is_required = column.missing_fraction == 0

    assert not feature.HasField("shape")
    assert feature.value_count.max == 1
    assert feature.value_count.min == int(is_required)
    assert (feature.presence.min_fraction == 1) == is_required


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_every_month_keeps_the_contract(flights_table, column):
    feature = FEATURES[column.name]
    for month in range(1, 13):
        in_month = pc.equal(flights_table["month"], month)
        values = flights_table[column.name].filter(in_month)
        present = values.drop_null()

        assert len(present) / len(values) >= feature.presence.min_fraction
        assert share_in_domain(feature, present) >= (
            feature.distribution_constraints.min_domain_mass
        )


def share_in_domain(feature: schema_pb2.Feature, present: pa.ChunkedArray) -> float:
    if pa.types.is_timestamp(present.type):
        present = present.cast(pa.int64())
    kind = feature.WhichOneof("domain_info")
    if kind is None:
        return 1.0
    if kind == "domain":
        inside = pc.is_in(present, value_set=pa.array(DOMAINS[feature.domain]))
    else:
        limits = getattr(feature, kind)
        above = pc.greater_equal(present, pa.scalar(limits.min, present.type))
        below = pc.less_equal(present, pa.scalar(limits.max, present.type))
        inside = pc.and_(above, below)
    return pc.mean(pc.cast(inside, pa.float64())).as_py()


def test_milliseconds_are_no_event_time():
    domain = FEATURES["event_time"].int_domain

    assert not domain.min <= 1_357_035_300_000 <= domain.max


def test_drift_and_skew_thresholds_are_those_of_the_readme():
    readme = PATH.with_name("README.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:-1] for line in readme.splitlines() if "L-inf" in line]
    rows += [line.split("|")[1:-1] for line in readme.splitlines() if "Jensen" in line]
    documented = {row[0].strip(): float(row[4]) for row in rows}

    for comparator in ("drift_comparator", "skew_comparator"):
        assert documented == {
            f.name: threshold_of(getattr(f, comparator))
            for f in SCHEMA.feature
            if f.HasField(comparator)
        }


def threshold_of(comparator: schema_pb2.FeatureComparator) -> float:
    return max(
        comparator.infinity_norm.threshold,
        comparator.jensen_shannon_divergence.threshold,
    )
