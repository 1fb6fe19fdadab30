"""Which raw feature becomes which transformed feature: the one list of names.

A raw feature may serve several groups: `sched_dep_minute` is a number, a point on the
clock and part of four crosses. Every list here is in the order in which columns lie in
the matrices of preprocessing.py; changing an order changes the model.
"""

LABEL_KEY = "is_late"

FEATURE_KEYS = (
    "month",
    "day_of_month",
    "day_of_week",
    "sched_dep_minute",
    "sched_arr_minute",
    "carrier",
    "flight_number",
    "tailnum",
    "origin",
    "dest",
    "distance_miles",
    "temp_f",
    "dewpoint_f",
    "humidity_pct",
    "wind_dir_deg",
    "wind_speed_mph",
    "wind_gust_mph",
    "precip_in",
    "pressure_hpa",
    "visibility_miles",
    "plane_year",
    "plane_type",
    "plane_manufacturer",
    "plane_model",
    "plane_engines",
    "plane_seats",
    "plane_engine",
    "dest_lat_deg",
    "dest_lon_deg",
    "dest_alt_ft",
    "dest_utc_offset_h",
)
"""Raw features: what a serving request holds. Keys, times and the label are not."""

DERIVED_FLOAT_FEATURE_KEYS = ("block_min",)
"""Computed from raw features: scheduled minutes from gate to gate."""

DENSE_FLOAT_FEATURE_KEYS = (
    "sched_dep_minute",
    "sched_arr_minute",
    "distance_miles",
    "temp_f",
    "dewpoint_f",
    "humidity_pct",
    "wind_speed_mph",
    "wind_gust_mph",
    "precip_in",
    "pressure_hpa",
    "visibility_miles",
    "plane_year",
    "plane_engines",
    "plane_seats",
    "dest_lat_deg",
    "dest_lon_deg",
    "dest_alt_ft",
    "dest_utc_offset_h",
    *DERIVED_FLOAT_FEATURE_KEYS,
)
"""Scaled to standard deviations from the training mean."""

MISSING_FEATURE_KEYS = (
    "temp_f",
    "wind_dir_deg",
    "wind_gust_mph",
    "pressure_hpa",
    "plane_year",
    "plane_seats",
    "dest_lat_deg",
)
"""One indicator for each source that may be missing, not for each of its columns."""

BUCKET_FEATURE_KEYS = (
    "temp_f",
    "dewpoint_f",
    "humidity_pct",
    "wind_speed_mph",
    "wind_gust_mph",
    "precip_in",
    "pressure_hpa",
    "visibility_miles",
    "block_min",
)
"""Cut at the training split's quantiles; a missing value has a bucket of its own."""

NUM_BUCKETS = 20
MISSING_BUCKET = NUM_BUCKETS

CYCLIC_FEATURE_PERIODS = {
    "sched_dep_minute": 1440.0,
    "sched_arr_minute": 1440.0,
    "day_of_week": 7.0,
    "wind_dir_deg": 360.0,
    "day_of_year": 365.25,
}
"""Period of each circular quantity, in its own unit. day_of_year is derived."""

VOCAB_FEATURE_KEYS = (
    "carrier",
    "tailnum",
    "origin",
    "dest",
    "plane_type",
    "plane_manufacturer",
    "plane_model",
    "plane_engine",
    "day_of_week",
    "sched_dep_hour",
)
"""Categories by name. sched_dep_hour is derived: sched_dep_minute // 60."""

CROSS_FEATURE_KEYS = (
    ("origin", "sched_dep_hour"),
    ("carrier", "sched_dep_hour"),
    ("day_of_week", "sched_dep_hour"),
    ("carrier", "origin"),
    ("carrier", "dest"),
    ("carrier", "flight_number"),
)
"""Pairs of categories that count as one category."""

GROUP_FEATURE_KEYS = ("month", "day_of_month")
"""Passed through to name the day of a row; the network does not see them.

Flights of one day share weather and delays, so the hold-out is made of whole days.
"""

VOCABULARY_NAME = "categories"
"""All categories share one vocabulary: one pass over the data instead of fifteen."""

VOCABULARY_FREQUENCY_THRESHOLD = 100
"""A category seen in fewer training rows is out of vocabulary."""


def transformed_name(key: str) -> str:
    """Returns the name that a feature has after Transform."""
    return f"{key}_xf"


def cross_name(keys: tuple[str, str]) -> str:
    """Returns the name of the crossing of two features, before `transformed_name`."""
    return "_x_".join(keys)


CATEGORY_KEYS = (*VOCAB_FEATURE_KEYS, *map(cross_name, CROSS_FEATURE_KEYS))
"""Every category of the shared vocabulary; the place is its out-of-vocabulary slot."""

FLOAT_INPUT_KEYS = tuple(
    transformed_name(key)
    for key in (
        *DENSE_FLOAT_FEATURE_KEYS,
        *(f"{key}_missing" for key in MISSING_FEATURE_KEYS),
        *(f"{key}_{f}" for key in CYCLIC_FEATURE_PERIODS for f in ("sin", "cos")),
    )
)
BUCKET_INPUT_KEYS = tuple(transformed_name(f"{k}_bucket") for k in BUCKET_FEATURE_KEYS)
CATEGORY_INPUT_KEYS = tuple(transformed_name(key) for key in CATEGORY_KEYS)
GROUP_KEYS = tuple(transformed_name(key) for key in GROUP_FEATURE_KEYS)

INTEGER_INPUT_KEYS = (*BUCKET_INPUT_KEYS, *CATEGORY_INPUT_KEYS)
MODEL_INPUT_KEYS = (*FLOAT_INPUT_KEYS, *INTEGER_INPUT_KEYS)
"""Transformed features that the network reads, in order."""
TRANSFORMED_FEATURE_KEYS = (*MODEL_INPUT_KEYS, *GROUP_KEYS)
"""Everything Transform writes but the label."""
TRANSFORMED_LABEL_KEY = transformed_name(LABEL_KEY)
