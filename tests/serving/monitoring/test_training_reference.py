import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from serving.bundle import layout
from serving.bundle.errors import BundleRefusedError
from serving.monitoring.training_reference import (
    bundle_reference,
    number_range,
    statistics_features,
)
from tests.serving.monitoring.log_rows import number_rule, text_rule

KEPT = Path(__file__).parents[1] / "bundles" / "v2"


def number_statistics(name, buckets, num_missing=0):
    """Statistics of one number: its deciles as (low, high, count)."""
    found = statistics_pb2.DatasetFeatureStatisticsList()
    feature = found.datasets.add().features.add(type=0)
    feature.path.step.append(name)
    stats = feature.num_stats
    stats.common_stats.num_missing = num_missing
    stats.min, stats.max = buckets[0][0], buckets[-1][1]
    # TFDV writes both kinds; the interpolated one must not be taken for the other.
    stats.histograms.add(type=statistics_pb2.Histogram.STANDARD).buckets.add(
        low_value=0, high_value=99, sample_count=12345
    )
    quantiles = stats.histograms.add(type=statistics_pb2.Histogram.QUANTILES)
    for low, high, count in buckets:
        quantiles.buckets.add(low_value=low, high_value=high, sample_count=count)
    return found


def text_statistics(name, counts, *, unique=None, rest=0, num_missing=0):
    """Statistics of one text: what is listed, and how many rows are not."""
    found = statistics_pb2.DatasetFeatureStatisticsList()
    feature = found.datasets.add().features.add(type=2)
    feature.path.step.append(name)
    stats = feature.string_stats
    stats.unique = len(counts) if unique is None else unique
    stats.common_stats.num_missing = num_missing
    stats.common_stats.num_non_missing = sum(counts.values()) + rest
    for label, count in counts.items():
        stats.rank_histogram.buckets.add(label=label, sample_count=count)
    return found


def test_a_kept_bundle_gives_every_feature_of_its_contract():
    found = bundle_reference(KEPT)
    assert list(found.features) == ["miles", "month", "carrier"]
    assert found.untested == {}
    assert (found.source, found.num_examples) == ("training", 1000)
    assert found.golden_rows.num_rows == 24
    assert found.golden_rows["inputs"].type.field("carrier").type == pa.string()
    carrier = found.features["carrier"]
    assert carrier.space.values == ("UA", "B6", "EV", "DL")
    assert carrier.counts.sum() == 1000
    assert carrier.counts[-1] == 0


def test_statistics_that_are_none_are_refused(tmp_path):
    bundle = shutil.copytree(KEPT, tmp_path / "1")
    (bundle / layout.STATISTICS).write_bytes(b"\xff\xff\xff")
    with pytest.raises(BundleRefusedError, match="holds no statistics"):
        bundle_reference(bundle)


def test_equal_deciles_become_one_bin_that_ends_there():
    # Half of the values are 0: five deciles of no width, then (0, 1], (1, 2], …
    buckets = [(0, 0, 1.0)] * 5 + [
        (0, 1, 1),
        (1, 2, 1),
        (2, 2, 1),
        (2, 3, 1),
        (3, 4, 1),
    ]
    statistics = number_statistics("miles", buckets, num_missing=3)
    found, untested = statistics_features(statistics, {"miles": number_rule("miles")})
    assert untested == {}
    reference = found["miles"]
    assert reference.space.edges.tolist() == [0, 1, 2, 3, 4]
    assert reference.counts.tolist() == [3, 5, 1, 2, 1, 1, 0, 0]
    assert (reference.space.low, reference.space.high) == (0, 4)


def test_the_bins_are_those_that_tfdv_counted():
    from tensorflow_data_validation.statistics.stats_impl import (
        generate_statistics_in_memory,
    )

    generator = np.random.default_rng(1)
    column = pa.array(np.round(generator.gamma(2, 40, 5000)).astype(np.float32))
    lists = pa.ListArray.from_arrays(pa.array(np.arange(5001, dtype=np.int32)), column)
    batch = pa.RecordBatch.from_arrays([lists], ["miles"])
    found, _ = statistics_features(
        generate_statistics_in_memory(batch), {"miles": number_rule("miles")}
    )
    reference = found["miles"]
    counted = np.bincount(reference.space.encode(column), minlength=13)
    assert reference.counts == pytest.approx(counted, abs=1e-6)


def test_a_value_that_one_row_alone_had_says_how_many_are_to_be_expected():
    counts = {"a": 50, "b": 2, "c": 1, "d": 1, "e": 1, "f": 2}
    statistics = text_statistics("tailnum", counts)
    found, _ = statistics_features(statistics, {"tailnum": text_rule("tailnum")})
    reference = found["tailnum"]
    assert reference.unknown_rows == 3
    assert reference.unknown_dispersion == pytest.approx(1 + 2 * 2 / 3)
    assert reference.least_listed == 0


def test_where_not_all_values_are_listed_nothing_is_said_of_unknown_ones():
    statistics = text_statistics(
        "tailnum", {"a": 50, "b": 20}, unique=4000, rest=930, num_missing=5
    )
    found, _ = statistics_features(statistics, {"tailnum": text_rule("tailnum")})
    reference = found["tailnum"]
    assert reference.unknown_rows is None
    assert reference.least_listed == 20
    assert reference.counts.tolist() == [5, 50, 20, 930]


def test_features_that_cannot_be_compared_are_named_with_the_reason():
    statistics = text_statistics("carrier", {"UA": 3})
    rules = {"carrier": number_rule("carrier"), "month": number_rule("month")}
    found, untested = statistics_features(statistics, rules)
    assert found == {}
    assert untested == {
        "carrier": "training_statistics.pb has no values of its type",
        "month": "training_statistics.pb does not have it",
    }


def test_no_statistics_at_all_leave_every_feature_untested():
    empty = statistics_pb2.DatasetFeatureStatisticsList()
    _, untested = statistics_features(empty, {"month": number_rule("month")})
    assert list(untested) == ["month"]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (number_rule("miles"), (5.0, 80.0)),
        (number_rule("miles", low=0), (0.0, 80.0)),
        (number_rule("miles", low=0, high=100), (0.0, 100.0)),
        (number_rule("miles", low=10, high=50), (5.0, 80.0)),
    ],
)
def test_the_range_is_the_schemas_or_else_trainings(rule, expected):
    assert number_range(rule, 5.0, 80.0) == expected


def test_the_interpolated_histogram_is_not_used():
    statistics = number_statistics("miles", [(0, 5, 10.0)])
    found, _ = statistics_features(statistics, {"miles": number_rule("miles")})
    assert found["miles"].num_rows == 10
