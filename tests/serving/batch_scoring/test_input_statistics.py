"""Unknown categories are found where rows prove them, and only there."""

import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from serving.input_statistics import (
    CategoryCounts,
    check_unknown_rates,
    count_unknown,
    merge_counts,
    training_features,
    wilson_low,
)
from tests.serving.tiny_rides import statistics, train_rows


def parse(text):
    return statistics_pb2.DatasetFeatureStatisticsList.FromString(text)


@pytest.fixture(scope="module")
def training():
    return training_features(parse(statistics(train_rows())))


def test_training_features(training):
    # train_rows leaves out every 25th carrier, every 50th month, every 20th distance.
    assert training["carrier"].categories == {"UA", "B6", "EV", "DL"}
    assert training["carrier"].missing_fraction == pytest.approx(0.04)
    assert training["month"].categories is None
    assert training["month"].missing_fraction == pytest.approx(0.02)
    assert training["miles"].missing_fraction == pytest.approx(0.05)


def test_an_incomplete_histogram_makes_no_categories():
    text = parse(statistics(train_rows()))
    stats = next(
        feature.string_stats
        for feature in text.datasets[0].features
        if feature.WhichOneof("stats") == "string_stats"
    )
    del stats.rank_histogram.buckets[3:]
    assert training_features(text)["carrier"].categories is None


def test_long_or_undecodable_values_make_no_categories():
    text = parse(statistics(train_rows()))
    for feature in text.datasets[0].features:
        if feature.WhichOneof("stats") == "string_stats":
            feature.string_stats.rank_histogram.buckets[0].label = "__BYTES_VALUE__"
    assert training_features(text)["carrier"].categories is None


def test_no_statistics_know_nothing():
    assert training_features(statistics_pb2.DatasetFeatureStatisticsList()) == {}


def test_counts_by_hand(training):
    values = {"carrier": {"UA": 5, "ZZ": 2, "": 9, "YY": 3}, "month": {"1": 4}}
    counts = count_unknown(values, training)
    assert counts == {
        "carrier": CategoryCounts(
            num_values=10, num_unknown=5, examples={"YY": 3, "ZZ": 2}
        )
    }
    assert counts["carrier"].unknown_fraction == 0.5
    merged = merge_counts([counts, counts, {}])
    assert merged["carrier"].num_values == 20
    assert merged["carrier"].examples == {"YY": 6, "ZZ": 4}
    assert merge_counts([]) == {}


def test_wilson_by_hand():
    # 95 %: 1 of 10 gives 0.018 to 0.404 (Brown, Cai and DasGupta 2001, and scipy).
    assert wilson_low(1, 10, z=1.959964) == pytest.approx(0.01787, abs=1e-5)
    assert wilson_low(0, 10) == 0.0
    assert wilson_low(0, 0) == 0.0


@pytest.mark.parametrize(
    ("unknown", "values", "is_found"),
    [
        (2, 2, False),  # too few to prove anything
        (3, 3, True),
        (300, 1000, True),
        (210, 1000, False),  # above the limit, but by chance perhaps
        (200, 1000, False),
        (0, 0, False),
    ],
)
def test_few_rows_give_no_alarm(training, unknown, values, is_found):
    counts = count_unknown(
        {"carrier": {"UA": values - unknown, "ZZ": unknown}}, training
    )
    findings = check_unknown_rates(counts, training, 0.2)
    assert bool(findings) is is_found


def test_a_finding_says_feature_rate_and_examples(training):
    counts = count_unknown({"carrier": {"UA": 700, "ZZ": 200, "YY": 100}}, training)
    (finding,) = check_unknown_rates(counts, training, 0.2)
    assert finding.sentence == (
        "30.0% of the values of feature 'carrier' (300 of 1,000) were in no training "
        "row, such as 'ZZ', 'YY'; at most 20.0% may be"
    )
    assert check_unknown_rates(counts, training, 1.0) == []
