"""Planted anomalies of each kind, through TFDV's own statistics and validation."""

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from components.anomaly_gate.finding import Finding
from components.anomaly_gate.judge import SplitEvidence, judge_split
from components.anomaly_gate.severities import load_severity_rules

REQUIRED = "presence { min_fraction: 1 min_count: 1 }"
CARRIER = """feature {
  name: "carrier" type: BYTES
  string_domain { value: "AA" value: "B6" value: "DL" value: "UA" }
  distribution_constraints { min_domain_mass: %s }
}"""
DISTANCE = 'feature { name: "distance" type: FLOAT float_domain { min: 0 max: 200 } }'
HOUR = 'feature { name: "hour" type: INT int_domain { min: 0 max: 23 } }'
FAR = [9999.0, *(float(number % 100) for number in range(9799))]


def only(findings: list[Finding]) -> Finding:
    assert len(findings) == 1, findings
    return findings[0]


def facts(finding: Finding) -> tuple[str, str, int | None, int | None]:
    return finding.kind, finding.severity, finding.count, finding.total


def test_missing_column(find):
    schema = HOUR + f'feature {{ name: "gone" type: BYTES {REQUIRED} }}'
    finding = only(find(schema, {"hour": [1] * 9800}))
    assert facts(finding) == ("missing_column", "stop", 9800, 9800)
    assert finding.expected == "text (BYTES) in every row"
    assert finding.sentence == (
        "gone (train): the column is not in the data, so it is missing from all 9,800 "
        "rows; expected text (BYTES) in every row"
    )


def test_column_without_a_value(find):
    schema = 'feature { name: "gone" type: FLOAT presence { min_fraction: 0.9 } }'
    finding = only(find(schema, {"gone": [None] * 98}))
    assert facts(finding) == ("missing_column", "stop", 98, 98)
    assert finding.sentence == (
        "gone (train): the column holds no value, so it is missing from all 98 rows; "
        "expected decimal numbers (FLOAT) in at least 90.0 % of the rows"
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [(["1.5", "2", None], "text (BYTES)"), ([1, 2, None], "whole numbers (INT)")],
    ids=["text", "integers"],
)
def test_wrong_type(find, values, words):
    finding = only(find('feature { name: "delay" type: FLOAT }', {"delay": values}))
    assert facts(finding) == ("wrong_type", "stop", 2, 3)
    assert finding.sentence == (
        f"delay (train): holds {words} in 2 of 3 rows; expected decimal numbers (FLOAT)"
    )


def test_text_for_numbers_is_not_also_out_of_range(find):
    finding = only(find(DISTANCE, {"distance": ["far", "near"]}))
    assert finding.kind == "wrong_type"


def test_integers_for_floats_are_held_against_the_range_too(find):
    wrong_type, out_of_range = find(DISTANCE, {"distance": [1, 999]})
    assert wrong_type.kind == "wrong_type"
    assert facts(out_of_range) == ("out_of_range", "stop", 1, 2)


def test_too_many_values_in_a_row_is_a_wrong_type_in_tfdvs_words(find):
    schema = 'feature { name: "delay" type: INT value_count { min: 1 max: 1 } }'
    finding = only(find(schema, {"delay": [[1, 2], 1]}))
    assert facts(finding) == ("wrong_type", "stop", None, None)
    assert finding.sentence == (
        "delay (train): some examples have more values than expected"
    )


@pytest.mark.parametrize(
    ("presence", "expected"),
    [
        ("min_fraction: 0.5", "text (BYTES) in at least 50.0 % of the rows"),
        ("min_fraction: 0.1 min_count: 50", "text (BYTES) in at least 50 rows"),
    ],
    ids=["fraction", "count"],
)
def test_too_many_missing(find, presence, expected):
    schema = f'feature {{ name: "wind" type: BYTES presence {{ {presence} }} }}'
    finding = only(find(schema, {"wind": ["x"] * 20 + [None] * 80}))
    assert facts(finding) == ("too_many_missing", "stop", 80, 100)
    assert finding.sentence == (
        f"wind (train): missing from 80 of 100 rows (80.0 %); expected {expected}"
    )


@pytest.mark.parametrize(
    "min_domain_mass", [1.0, 0.9], ids=["flagged", "hidden by TFDV"]
)
def test_out_of_domain_above_the_share(find, min_domain_mass):
    carriers = ["ZZ"] * 300 + ["YY"] * 11 + ["AA"] * 9489
    finding = only(find(CARRIER % min_domain_mass, {"carrier": carriers}))
    assert facts(finding) == ("out_of_domain", "stop", 311, 9800)
    assert finding.examples == ("'ZZ' (300)", "'YY' (11)")
    assert finding.sentence == (
        "carrier (train): 311 of 9,800 values (3.2 %) are outside its domain, for "
        "example 'ZZ' (300), 'YY' (11); expected one of 4 known values such as 'AA', "
        "'B6'; at most 1.0 % is allowed"
    )


@pytest.mark.parametrize(
    "min_domain_mass", [1.0, 0.9], ids=["flagged", "hidden by TFDV"]
)
def test_out_of_domain_below_the_share_warns(find, min_domain_mass):
    carriers = ["ZZ"] + ["AA"] * 9799
    finding = only(find(CARRIER % min_domain_mass, {"carrier": carriers}))
    assert facts(finding) == ("out_of_domain", "warn", 1, 9800)
    assert finding.sentence.startswith(
        "carrier (train): 1 of 9,800 values (<0.1 %) is outside its domain, for "
        "example 'ZZ' (1); "
    )


def test_a_share_of_zero_allows_none(find):
    columns = {"carrier": ["ZZ"] + ["AA"] * 9799}
    finding = only(find(CARRIER % 1.0, columns, max_fraction=0.0))
    assert finding.severity == "stop"
    assert finding.sentence.endswith("; none is allowed")


def test_bytes_that_are_not_utf8_are_counted(find):
    columns = {"carrier": [b"\xff\xfe"] * 5 + [b"AA"] * 95}
    finding = only(find(CARRIER % 1.0, columns))
    assert facts(finding) == ("out_of_domain", "stop", 5, 100)
    assert finding.examples == ("bytes that are not UTF-8 (5)",)


def test_a_long_domain_is_counted_in_the_rows(find):
    """TFDV lists 1,000 texts; the rows tell which of the others are known."""
    values = " ".join(f'value: "v{number}"' for number in range(1490))
    schema = f'feature {{ name: "tail" type: BYTES string_domain {{ {values} }} }}'
    tails = [f"v{number}" for number in range(1500)] + [b"\xff"]
    columns = {"tail": [tail if tail == b"\xff" else tail.encode() for tail in tails]}
    finding = only(find(schema, columns))
    assert facts(finding) == ("out_of_domain", "warn", 11, 1501)
    assert finding.examples[:2] == ("'v1490' (1)", "'v1491' (1)")


def test_a_long_domain_whose_rows_are_all_known_is_no_finding(find):
    values = " ".join(f'value: "v{number}"' for number in range(1500))
    schema = f'feature {{ name: "tail" type: BYTES string_domain {{ {values} }} }}'
    columns = {"tail": [f"v{number}" for number in range(1500)]}
    assert find(schema, columns) == []
    assert find(schema, columns, with_rows=False) == []


def test_one_far_value_is_counted_in_the_rows_and_warns(find):
    finding = only(find(DISTANCE, {"distance": FAR}))
    assert facts(finding) == ("out_of_range", "warn", 1, 9800)
    assert finding.sentence == (
        "distance (train): 1 of 9,800 values (<0.1 %) is outside its range, for "
        "example 9999 (1); observed 0 to 9999; expected 0 to 200; at most 1.0 % is "
        "allowed"
    )


def test_without_rows_a_range_gets_an_upper_bound_and_stops(find):
    finding = only(find(DISTANCE, {"distance": FAR}, with_rows=False))
    assert facts(finding) == ("out_of_range", "stop", 882, 9800)
    assert finding.sentence == (
        "distance (train): at most about 882 of 9,800 values (9.0 %) are outside its "
        "range; observed 0 to 9999; expected 0 to 200; at most 1.0 % is allowed"
    )


def test_integers_out_of_range(find):
    hours = [24] * 100 + [-1] * 96 + [number % 24 for number in range(9604)]
    finding = only(find(HOUR, {"hour": hours}))
    assert facts(finding) == ("out_of_range", "stop", 196, 9800)
    assert finding.examples == ("24 (100)", "-1 (96)")
    assert "; observed -1 to 24; expected 0 to 23; " in finding.sentence


@pytest.mark.filterwarnings("ignore::RuntimeWarning:numpy", "ignore::RuntimeWarning")
def test_nan_and_infinity_are_counted_where_the_schema_refuses_them(find):
    schema = """feature { name: "distance" type: FLOAT
        float_domain { min: 0 disallow_nan: true disallow_inf: true } }"""
    values = [float("nan")] * 5 + [1.0] * 94 + [float("inf")]
    finding = only(find(schema, {"distance": values}))
    assert facts(finding) == ("out_of_range", "stop", 6, 100)
    assert finding.examples == ("NaN (5)", "inf (1)")
    assert finding.expected == "at least 0 and no NaN and no infinity"


def test_nan_is_not_counted_where_the_schema_allows_it(find):
    values = [float("nan")] * 5 + [1.0] * 94 + [999.0]
    finding = only(find(DISTANCE, {"distance": values}))
    assert facts(finding) == ("out_of_range", "warn", 1, 100)


def test_nan_alone_needs_no_rows(find):
    schema = 'feature { name: "d" type: FLOAT float_domain { disallow_nan: true } }'
    values = [float("nan")] * 5 + [1.0] * 995
    finding = only(find(schema, {"d": values}, with_rows=False))
    assert facts(finding) == ("out_of_range", "warn", 5, 1000)


def test_new_column(find):
    columns = {"hour": [1, 2, 3], "extra": [1.0, None, 2.0]}
    finding = only(find(HOUR, columns))
    assert facts(finding) == ("new_column", "warn", 2, 3)
    assert finding.sentence == (
        "extra (train): the schema does not know the column; it holds decimal numbers "
        "(FLOAT) in 2 of 3 rows"
    )


def test_other_keeps_tfdvs_words_and_type(find):
    schema = """
        feature { name: "late" type: BYTES unique_constraints { min: 1 max: 2 } }
        dataset_constraints { min_examples_count: 5 }"""
    dataset, feature = find(schema, {"late": ["a", "b", "c"]})
    assert facts(dataset) == ("other", "stop", None, None)
    assert dataset.sentence == (
        "dataset (train): the dataset has 3 examples, which is fewer than expected "
        "(DATASET_LOW_NUM_EXAMPLES)"
    )
    assert facts(feature) == ("other", "stop", None, None)
    assert feature.sentence == (
        "late (train): expected no more than 2 unique values but found 3 "
        "(FEATURE_TYPE_HIGH_UNIQUE)"
    )


def test_drift_warns_in_tfdvs_words(parse_schema):
    anomalies = text_format.Parse(
        """anomaly_info { key: "hour" value { path { step: "hour" } reason {
          type: COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH
          description: "The approximate Jensen-Shannon divergence is 0.3, above 0.1."
        } } }""",
        anomalies_pb2.Anomalies(),
    )
    evidence = SplitEvidence(
        split="eval",
        anomalies=anomalies,
        statistics=statistics_pb2.DatasetFeatureStatistics(num_examples=7),
    )
    rules = load_severity_rules("{}", 0.01)
    finding = only(judge_split(evidence, parse_schema(HOUR), rules))
    assert facts(finding) == ("drift", "warn", None, None)
    assert finding.sentence == (
        "hour (eval): the approximate Jensen-Shannon divergence is 0.3, above 0.1"
    )


def test_a_split_without_rows_stops(parse_schema):
    evidence = SplitEvidence(
        split="eval",
        anomalies=anomalies_pb2.Anomalies(data_missing=True),
        statistics=statistics_pb2.DatasetFeatureStatistics(),
    )
    rules = load_severity_rules("{}", 0.01)
    finding = only(judge_split(evidence, parse_schema(HOUR), rules))
    assert facts(finding) == ("other", "stop", None, None)
    assert finding.sentence == "dataset (eval): the split holds no rows"


def test_a_flagged_value_that_cannot_be_counted_stops(find):
    schema = 'feature { name: "late" type: FLOAT bool_domain { } }'
    finding = only(find(schema, {"late": [0.0, 0.5, 1.0]}))
    assert facts(finding) == ("out_of_range", "stop", None, None)


def test_clean_data_has_no_finding(find):
    columns = {"carrier": ["AA", "UA"], "hour": [0, 23], "distance": [0.0, 200.0]}
    assert find(CARRIER % 1.0 + HOUR + DISTANCE, columns) == []


def test_a_deprecated_feature_is_not_measured(find):
    schema = (CARRIER % 1.0).replace("type:", "lifecycle_stage: DEPRECATED type:")
    assert find(schema, {"carrier": ["ZZ"] * 9}) == []


@pytest.mark.parametrize(
    ("schema", "columns", "kind"),
    [
        (
            f'feature {{ name: "gone" type: INT {REQUIRED} }}',
            {"gone": [None]},
            "missing_column",
        ),
        (HOUR, {"hour": ["x"]}, "wrong_type"),
        (
            f'feature {{ name: "w" type: INT {REQUIRED} }}',
            {"w": [1, None]},
            "too_many_missing",
        ),
        (CARRIER % 1.0, {"carrier": ["ZZ", "AA"]}, "out_of_domain"),
        (HOUR, {"hour": [24, 1]}, "out_of_range"),
        (HOUR, {"hour": [1], "extra": [1]}, "new_column"),
    ],
    ids=lambda value: value if isinstance(value, str) and "{" not in value else "",
)
def test_a_setting_rules_each_kind(find, schema, columns, kind):
    for severity in ("stop", "warn"):
        found = find(schema, columns, severities=f'{{"{kind}": "{severity}"}}')
        assert facts(only(found))[:2] == (kind, severity)
    assert find(schema, columns, severities=f'{{"{kind}": "ignore"}}') == []


def test_findings_follow_the_schema_then_new_columns_by_name(find):
    columns = {"z": [1], "y": [1], "hour": [99], "carrier": ["ZZ"]}
    found = find(HOUR + CARRIER % 1.0, columns)
    assert [finding.feature for finding in found] == ["hour", "carrier", "y", "z"]
