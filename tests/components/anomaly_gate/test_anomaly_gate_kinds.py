import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2

from components.anomaly_gate.anomaly_kinds import (
    KIND_OF_TYPE,
    KINDS,
    OTHER,
    kind_of,
)
from components.anomaly_gate.explain import REMEDIES
from components.anomaly_gate.severities import DEFAULT_SEVERITIES


def test_every_tfdv_type_has_a_kind_and_no_other_name_has_one():
    types = anomalies_pb2.AnomalyInfo.DESCRIPTOR.enum_types_by_name["Type"].values
    assert set(KIND_OF_TYPE) == {value.name for value in types}


def test_every_kind_has_types_a_default_and_a_remedy():
    assert set(KIND_OF_TYPE.values()) == set(KINDS)
    assert set(DEFAULT_SEVERITIES) == set(KINDS)
    assert set(REMEDIES) == set(KINDS)


@pytest.mark.parametrize(
    ("anomaly_type", "kind"),
    [
        ("SCHEMA_MISSING_COLUMN", "missing_column"),
        ("FEATURE_TYPE_NOT_PRESENT", "missing_column"),
        ("UNEXPECTED_DATA_TYPE", "wrong_type"),
        ("FEATURE_TYPE_HIGH_NUMBER_VALUES", "wrong_type"),
        ("FEATURE_TYPE_LOW_FRACTION_PRESENT", "too_many_missing"),
        ("ENUM_TYPE_UNEXPECTED_STRING_VALUES", "out_of_domain"),
        ("FLOAT_TYPE_BIG_FLOAT", "out_of_range"),
        ("FLOAT_TYPE_HAS_NAN", "out_of_range"),
        ("SCHEMA_NEW_COLUMN", "new_column"),
        ("COMPARATOR_L_INFTY_HIGH", "drift"),
        ("COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH", "drift"),
        ("NO_DATA_IN_SPAN", "other"),
    ],
)
def test_kind_of_says_what_a_type_is_about(anomaly_type: str, kind: str):
    assert kind_of(anomaly_type) == kind


def test_a_type_of_a_later_tfdv_is_other():
    assert kind_of("TYPE_OF_TOMORROW") == OTHER
