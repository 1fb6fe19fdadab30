"""preprocessing_fn on rows small enough to work out by hand.

The analyzed split is 400 flights, UA_1545 with these changes:

    temp_f            40, 60, missing, 80 in turn: mean 60 of the 300 present,
                      variance (400 + 0 + 400) / 3, standard deviation 16.3299
    precip_in         missing in all
    visibility_miles  10 in all
    humidity_pct      1 to 100, each four times
    carrier           AA 100 times, ZZ 99 times, missing once, UA 200 times
"""

from collections.abc import Iterator

import numpy as np
import pytest
import tensorflow as tf

from models.flights import features
from models.flights.preprocessing import preprocessing_fn
from tests.models.flights import rows as raw
from tests.models.flights.conftest import Transformed

pytestmark = pytest.mark.beam


def _analyzed() -> Iterator[raw.Row]:
    temperatures = (40.0, 60.0, None, 80.0)
    carriers = ["AA"] * 100 + ["ZZ"] * 99 + [None] + ["UA"] * 200
    for place, carrier in enumerate(carriers):
        yield {
            **raw.UA_1545,
            "temp_f": temperatures[place % 4],
            "precip_in": None,
            "humidity_pct": 1.0 + place % 100,
            "carrier": carrier,
        }


SENT = {
    "40 degrees": {"temp_f": 40.0, "humidity_pct": 1.0},
    "60 degrees": {"temp_f": 60.0, "humidity_pct": 100.0},
    "no temperature": {"temp_f": None, "humidity_pct": None},
    "80 degrees": {"temp_f": 80.0, "carrier": "AA"},
    "1000 degrees": {"temp_f": 1000.0, "carrier": "ZZ"},
    "new carrier": {"carrier": "NEW", "precip_in": 0.5},
    "hazy": {"visibility_miles": 9.99},
    "overnight": {"sched_dep_minute": 1430, "sched_arr_minute": 130, "dest": "SJU"},
    "honolulu": {
        "sched_dep_minute": 600,
        "sched_arr_minute": 960,
        "dest_utc_offset_h": -10.0,
    },
    "nothing": dict.fromkeys(raw.UA_1545),
}


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, float]]:
    """Transformed features of each row in SENT."""
    directory = tmp_path_factory.mktemp("by_hand")
    sent = [{**raw.UA_1545, **changes} for changes in SENT.values()]
    raw.transform(list(_analyzed()), sent, directory)
    columns = Transformed(rows=sent, directory=directory).columns
    return {
        name: {key: values[place].item() for key, values in columns.items()}
        for place, name in enumerate(SENT)
    }


def _vocabulary_size(rows: dict[str, dict[str, float]]) -> int:
    """carrier=NEW is out of vocabulary, in the slot of CATEGORY_KEYS' first key."""
    assert features.CATEGORY_KEYS[0] == "carrier"
    return int(rows["new carrier"]["carrier_xf"])


def test_numbers_are_standard_deviations_from_the_mean_of_those_present(by_hand):
    scores = [
        by_hand[row]["temp_f_xf"]
        for row in ("40 degrees", "60 degrees", "no temperature", "80 degrees")
    ]
    # (40 - 60) / 16.3299, 0, filled with the mean, (80 - 60) / 16.3299
    assert scores == pytest.approx([-1.224745, 0.0, 0.0, 1.224745], abs=1e-5)


def test_missing_numbers_are_marked(by_hand):
    assert by_hand["no temperature"]["temp_f_missing_xf"] == 1.0
    assert by_hand["60 degrees"]["temp_f_missing_xf"] == 0.0
    # UA_1545 has no gusts.
    assert by_hand["60 degrees"]["wind_gust_mph_missing_xf"] == 1.0


def test_numbers_far_out_are_clipped(by_hand):
    assert by_hand["1000 degrees"]["temp_f_xf"] == 4.0


def test_one_distinct_value_scales_to_zero(by_hand):
    assert by_hand["40 degrees"]["visibility_miles_xf"] == 0.0


def test_a_column_without_any_value_scales_to_zero_even_where_a_value_comes(by_hand):
    assert by_hand["40 degrees"]["precip_in_xf"] == 0.0
    assert by_hand["new carrier"]["precip_in_xf"] == 0.0


def test_a_column_without_any_value_still_has_buckets(by_hand):
    assert 0 <= by_hand["new carrier"]["precip_in_bucket_xf"] < features.NUM_BUCKETS


def test_smallest_and_largest_value_are_in_the_first_and_last_bucket(by_hand):
    assert by_hand["40 degrees"]["humidity_pct_bucket_xf"] == 0
    assert by_hand["60 degrees"]["humidity_pct_bucket_xf"] == 19


def test_a_value_on_a_boundary_is_in_the_upper_bucket(by_hand):
    # All training values are 10, so all 19 boundaries are: 10 has reached each of
    # them, 9.99 none.
    assert by_hand["40 degrees"]["visibility_miles_bucket_xf"] == 19
    assert by_hand["hazy"]["visibility_miles_bucket_xf"] == 0


def test_a_missing_value_has_its_own_bucket(by_hand):
    row = by_hand["no temperature"]
    assert row["humidity_pct_bucket_xf"] == features.MISSING_BUCKET == 20


def test_categories_at_the_threshold_are_in_the_vocabulary(by_hand):
    # AA came 100 times, the threshold; ZZ 99 times.
    size = _vocabulary_size(by_hand)
    assert by_hand["80 degrees"]["carrier_xf"] < size
    assert by_hand["1000 degrees"]["carrier_xf"] == size


def test_unseen_and_rare_missing_categories_share_their_features_own_slot(by_hand):
    size = _vocabulary_size(by_hand)
    assert by_hand["nothing"]["carrier_xf"] == size
    dest_slot = features.CATEGORY_KEYS.index("dest")
    assert by_hand["overnight"]["dest_xf"] == size + dest_slot


def test_each_category_of_one_row_has_its_own_index(by_hand):
    for row in by_hand.values():
        indices = [row[key] for key in features.CATEGORY_INPUT_KEYS]
        assert len(set(indices)) == len(indices)


def test_time_of_day_lies_on_a_circle(by_hand):
    # 600 of 1440 minutes are 150 degrees.
    row = by_hand["honolulu"]
    assert row["sched_dep_minute_sin_xf"] == pytest.approx(0.5, abs=1e-6)
    assert row["sched_dep_minute_cos_xf"] == pytest.approx(-0.8660254, abs=1e-6)


def test_day_of_year_counts_from_new_year(by_hand):
    # Day 1 of 365.25 is 0.98563 degrees.
    row = by_hand["60 degrees"]
    assert row["day_of_year_sin_xf"] == pytest.approx(0.0172016, abs=1e-6)


def test_missing_time_lies_in_the_middle_of_the_circle(by_hand):
    assert by_hand["nothing"]["sched_dep_minute_sin_xf"] == 0.0
    assert by_hand["nothing"]["sched_dep_minute_cos_xf"] == 0.0


def test_groups_and_label_come_through(by_hand):
    row = by_hand["60 degrees"]
    assert (row["month_xf"], row["day_of_month_xf"], row["is_late_xf"]) == (1, 1, 0)


def test_every_feature_is_finite_when_all_are_missing(by_hand):
    assert set(by_hand["nothing"]) == {
        *features.TRANSFORMED_FEATURE_KEYS,
        features.TRANSFORMED_LABEL_KEY,
    }
    assert np.isfinite(list(by_hand["nothing"].values())).all()


def test_block_time_counts_time_zones_and_midnight():
    from models.flights.preprocessing import _block_min

    minutes = _block_min(
        {
            # Newark to Houston: 499 - 315 + 60. To San Juan, over midnight, an hour
            # ahead in winter: 130 - 1430 + 1440 - 60. To Honolulu: 360 + 300. To
            # Burlington by a clock that is off: -10 stays -10.
            "sched_dep_minute": tf.constant([315.0, 1430.0, 600.0, 610.0, np.nan]),
            "sched_arr_minute": tf.constant([499.0, 130.0, 960.0, 600.0, 600.0]),
            "dest_utc_offset_h": tf.constant([-6.0, -4.0, -10.0, -5.0, -5.0]),
        }
    ).numpy()
    assert minutes[:4].tolist() == [244.0, 80.0, 660.0, -10.0]
    assert np.isnan(minutes[4])


def test_a_feature_that_the_schema_lacks_is_named():
    with pytest.raises(KeyError, match="month"):
        preprocessing_fn({})
