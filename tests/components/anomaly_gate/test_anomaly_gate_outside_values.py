import math

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from components.anomaly_gate.domains import (
    NumberDomain,
    TextDomain,
    declared_domain,
)
from components.anomaly_gate.outside_values import (
    AT_LEAST,
    AT_MOST,
    EXACTLY,
    find_outside,
)


def text_statistics(total: int, **counts: int) -> statistics_pb2.FeatureNameStatistics:
    statistics = statistics_pb2.FeatureNameStatistics(type="STRING")
    statistics.string_stats.common_stats.tot_num_values = total
    for label, count in counts.items():
        statistics.string_stats.rank_histogram.buckets.add(
            label=label, sample_count=count
        )
    return statistics


def number_statistics(text: str) -> statistics_pb2.FeatureNameStatistics:
    return text_format.Parse(text, statistics_pb2.FeatureNameStatistics())


def test_texts_outside_are_counted_most_frequent_first():
    counts = {"AA": 50, "b": 1, "c": 2, "d": 3, "e": 4, "f": 5, "g": 5}
    outside = find_outside(text_statistics(70, **counts), TextDomain(values=("AA",)))
    assert outside is not None
    assert (outside.count, outside.total, outside.bound) == (20, 70, EXACTLY)
    assert outside.examples == ("'f' (5)", "'g' (5)", "'e' (4)", "'d' (3)", "'c' (2)")


def test_nothing_outside_is_none():
    assert find_outside(text_statistics(5, AA=5), TextDomain(values=("AA",))) is None


def test_unlisted_texts_are_outside_where_every_allowed_one_is_listed():
    outside = find_outside(text_statistics(12, AA=5, b=4), TextDomain(values=("AA",)))
    assert outside is not None
    assert (outside.count, outside.bound) == (7, AT_LEAST)


def test_unlisted_texts_leave_a_lower_bound_where_they_may_be_allowed():
    domain = TextDomain(values=("AA", "rare"))
    outside = find_outside(text_statistics(12, AA=5, b=4), domain)
    assert outside is not None
    assert (outside.count, outside.bound) == (4, AT_LEAST)


def test_a_list_shorter_than_the_distinct_values_is_no_exact_count():
    # TFDV's sketch spreads the counts of values it dropped over those it kept.
    statistics = text_statistics(12, AA=7, b=5)
    statistics.string_stats.unique = 3
    outside = find_outside(statistics, TextDomain(values=("AA", "c")))
    assert outside is not None
    assert (outside.count, outside.bound) == (5, AT_LEAST)


def test_a_far_value_is_bounded_by_the_tighter_histogram():
    # TFDV's histograms of 979 values below 100 and one of 9999: see the module.
    statistics = number_statistics(
        """
        type: FLOAT num_stats {
          common_stats { tot_num_values: 980 } min: 0 max: 9999
          histograms { type: STANDARD
            buckets { low_value: 0 high_value: 5000 sample_count: 975 }
            buckets { low_value: 5000 high_value: 9999 sample_count: 5 } }
          histograms { type: QUANTILES
            buckets { low_value: 0 high_value: 90 sample_count: 882 }
            buckets { low_value: 90 high_value: 9999 sample_count: 98 } }
        }"""
    )
    outside = find_outside(statistics, NumberDomain(low=0, high=200))
    assert outside is not None
    assert (outside.count, outside.total, outside.bound) == (98, 980, AT_MOST)
    assert outside.observed == "0 to 9999"


def test_numbers_without_a_histogram_may_all_be_outside():
    statistics = number_statistics(
        "num_stats { common_stats { tot_num_values: 10 } min: -1 max: 3 }"
    )
    outside = find_outside(statistics, NumberDomain(low=0))
    assert outside is not None
    assert (outside.count, outside.fraction) == (10, 1.0)


@pytest.mark.parametrize(
    ("allows_nan", "count"), [(True, None), (False, 10)], ids=["allowed", "refused"]
)
def test_nothing_but_nan_is_judged_by_nan_alone(allows_nan: bool, count: int | None):
    # TFDV leaves min and max at 0 here, below the least allowed number.
    statistics = number_statistics(
        "num_stats { common_stats { tot_num_values: 10 } histograms { num_nan: 10 } }"
    )
    outside = find_outside(statistics, NumberDomain(low=2, allows_nan=allows_nan))
    assert (outside.count if outside else None) == count


def test_a_domain_of_another_type_of_value_is_not_measured():
    assert find_outside(text_statistics(5, AA=5), NumberDomain(low=0)) is None


@pytest.mark.parametrize(
    ("feature", "domain", "words"),
    [
        ("", None, None),
        ('domain: "nowhere"', None, None),
        (
            'domain: "named"',
            TextDomain(values=("a", "b", "c", "d")),
            "one of 4 known values such as 'a', 'b'",
        ),
        ('string_domain { value: "x" value: "y" }', None, "'x' or 'y'"),
        ("string_domain { }", None, "no value, for the domain is empty"),
        ("int_domain { min: 0 max: 23 }", NumberDomain(low=0, high=23), "0 to 23"),
        ("int_domain { max: 5 }", NumberDomain(high=5), "at most 5"),
        (
            "float_domain { min: 0.5 disallow_nan: true disallow_inf: true }",
            NumberDomain(low=0.5, allows_nan=False, allows_inf=False),
            "at least 0.5 and no NaN and no infinity",
        ),
        ("type: INT bool_domain { }", NumberDomain(low=0, high=1), "0 to 1"),
        (
            'type: BYTES bool_domain { true_value: "Y" false_value: "N" }',
            TextDomain(values=("Y", "N")),
            "'Y' or 'N'",
        ),
    ],
)
def test_declared_domain_reads_each_form_of_the_schema(feature, domain, words):
    schema = text_format.Parse(
        f'feature {{ name: "f" {feature} }} string_domain {{ name: "named" '
        'value: "a" value: "b" value: "c" value: "d" }',
        schema_pb2.Schema(),
    )
    found = declared_domain(schema, schema.feature[0])
    assert (found.in_words if found else None) == words
    if domain:
        assert found == domain


def test_infinity_is_outside_a_bound_and_where_it_is_refused():
    assert not NumberDomain(high=10).allows(math.inf)
    assert not NumberDomain(allows_inf=False).allows(-math.inf)
    assert NumberDomain().allows(math.inf)
