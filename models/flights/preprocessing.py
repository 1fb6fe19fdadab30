"""Transform stage: raw flights to what the network reads; runs in Beam and in serving.

Only three passes over the data are analyzed (moments, quantiles, one vocabulary), each
over a matrix of columns: Beam's price is per analyzer, not per column.
"""

import math
from collections.abc import Mapping

import tensorflow as tf
import tensorflow_transform as tft

from models.flights import features
from models.flights.features import transformed_name

CLIP_STANDARD_DEVIATIONS = 4.0
"""Scaled numbers end here: a broken sensor moves a prediction only so far."""

QUANTILE_EPSILON = 0.001
"""Largest error of a quantile's rank, as a fraction of the rows."""

NEXT_TO_NO_WEIGHT = 1e-6
"""Weight of a made-up row in `_quantiles`; a real row weighs 1."""

ORIGIN_UTC_OFFSET_H = -5.0
"""Standard time of New York, where all three origins lie."""

EARLIEST_BLOCK_MIN = -120.0
"""Start of the day into which block_min is folded; see `_block_min`."""

MINUTES_PER_DAY = 1440.0
DAYS_PER_MONTH = 365.25 / 12

Raw = Mapping[str, tf.Tensor | tf.SparseTensor]


def preprocessing_fn(inputs: Raw) -> dict[str, tf.Tensor]:
    """Scales and buckets numbers, puts cycles on a circle and indexes categories.

    What is learned is learned from the analyzed (training) split alone. A missing
    number stays out of the mean, the variance and the quantiles; scaled, it becomes
    0.0, the mean of those present. A missing text is the category "".

    Args:
        inputs: One batch of raw features, each sparse [batch, <=1], as declared in
            data/flights/schema.pbtxt; unit and range of each are in
            data/flights/columns.py. Others than these are ignored:

            carrier, tailnum, origin, dest, plane_type, plane_manufacturer,
                plane_model, plane_engine: string. UTF-8.
            month, day_of_month, day_of_week, sched_dep_minute, sched_arr_minute,
                flight_number, plane_year, plane_engines, plane_seats: int64.
            the other `features.FEATURE_KEYS`: float32.
            is_late: int64. The label, 0 or 1. May be absent, as in serving.

    Returns:
        One batch of transformed features, all dense and rank 1:

            {key}_xf for DENSE_FLOAT_FEATURE_KEYS: float32 [batch]. Standard
                deviations from the training mean (biased variance), clipped to
                [-4, 4]; 0.0 where missing, where all training values are equal or
                where there are none.
            {key}_missing_xf for MISSING_FEATURE_KEYS: float32 [batch]. 1.0 where
                missing, else 0.0.
            {key}_sin_xf, {key}_cos_xf for CYCLIC_FEATURE_PERIODS: float32 [batch],
                in [-1, 1]; both 0.0 where missing.
            {key}_bucket_xf for BUCKET_FEATURE_KEYS: int64 [batch]. The number of
                training quantiles (of NUM_BUCKETS) that are <= the value, in
                [0, NUM_BUCKETS); a value on a boundary is in the upper bucket.
                MISSING_BUCKET where missing. Without any training value all
                quantiles are 0.
            {key}_xf for CATEGORY_KEYS: int64 [batch]. Index in the vocabulary that
                all categories share, most frequent first, in [0, vocabulary_size);
                vocabulary_size + (place in CATEGORY_KEYS) if the value was in fewer
                than VOCABULARY_FREQUENCY_THRESHOLD training rows, or missing so
                rarely.
            month_xf, day_of_month_xf: int64 [batch]. As they came; 0 where missing.
            is_late_xf: int64 [batch]. As it came, 0 where missing; only if given.

        An empty batch gives empty tensors.

    Raises:
        KeyError: If one of `features.FEATURE_KEYS` is not in `inputs`. Raised while
            the graph is traced, before any record is read.

    Example:
        Temperatures of 40, 60, missing and 80 °F give temp_f_xf of about -1.225,
        0.0, 0.0 and 1.225 and temp_f_missing_xf of 0, 0, 1 and 0
        (tests/models/flights/test_preprocessing.py runs exactly these rows).

    Source:
        https://www.tensorflow.org/tfx/transform/get_started
    """
    numbers = _numbers(inputs)
    outputs = {
        **_scaled(numbers),
        **_missing_indicators(numbers),
        **_cycles(numbers),
        **_buckets(numbers),
        **_categories(_texts(inputs, numbers)),
    }
    groups = {key: inputs[key] for key in features.GROUP_FEATURE_KEYS}
    outputs |= _named_after(_dense(groups, 0))
    if features.LABEL_KEY in inputs:
        # By itself: in serving, whatever depends on the label is left out.
        label = {features.LABEL_KEY: inputs[features.LABEL_KEY]}
        outputs |= _named_after(_dense(label, 0))
    return outputs


def _dense(
    columns: Mapping[str, tf.SparseTensor], default: float | str
) -> dict[str, tf.Tensor]:
    """Returns every column as rank 1, missing values filled.

    A batch whose rows are all missing may come as [batch, 0]: so all columns get the
    shape [batch, 1].
    """
    first = next(iter(columns.values()))
    shape = tf.stack([first.dense_shape[0], 1])
    dense = {}
    for key, column in columns.items():
        one_column = tf.SparseTensor(column.indices, column.values, shape)
        filling = tf.cast(default, column.dtype)
        dense[key] = tf.squeeze(tf.sparse.to_dense(one_column, filling), axis=1)
    return dense


def _numbers(inputs: Raw) -> dict[str, tf.Tensor]:
    """Returns all numbers, raw and derived, as float32 [batch]; NaN if missing."""
    columns = {
        key: tf.cast(inputs[key], tf.float32)
        for key in features.FEATURE_KEYS
        if inputs[key].dtype != tf.string
    }
    numbers = _dense(columns, math.nan)
    numbers["block_min"] = _block_min(numbers)
    numbers["sched_dep_hour"] = tf.floor(numbers["sched_dep_minute"] / 60.0)
    whole_months = numbers["month"] - 1.0
    numbers["day_of_year"] = whole_months * DAYS_PER_MONTH + numbers["day_of_month"]
    return numbers


def _block_min(numbers: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Returns scheduled minutes from gate to gate; NaN if a part of it is missing.

    Daylight saving is not counted, so some values are an hour off, a few below zero:
    the day into which they are folded begins two hours early.
    """
    hours_east = numbers["dest_utc_offset_h"] - ORIGIN_UTC_OFFSET_H
    clock_min = numbers["sched_arr_minute"] - numbers["sched_dep_minute"]
    minutes = clock_min - 60.0 * hours_east - EARLIEST_BLOCK_MIN
    return tf.math.floormod(minutes, MINUTES_PER_DAY) + EARLIEST_BLOCK_MIN


def _scaled(numbers: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    keys = features.DENSE_FLOAT_FEATURE_KEYS
    matrix = tf.stack([numbers[key] for key in keys], axis=1)
    # Mean and variance leave NaN out; scaled, NaN is NaN and becomes the mean, 0.0.
    scores = tft.scale_to_z_score(matrix, elementwise=True)
    limit = CLIP_STANDARD_DEVIATIONS
    scores = tf.clip_by_value(_where_present(scores, 0.0), -limit, limit)
    return _columns([transformed_name(key) for key in keys], scores)


def _missing_indicators(numbers: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    keys = features.MISSING_FEATURE_KEYS
    matrix = tf.stack([numbers[key] for key in keys], axis=1)
    names = [transformed_name(f"{key}_missing") for key in keys]
    return _columns(names, tf.cast(tf.math.is_nan(matrix), tf.float32))


def _cycles(numbers: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    periods = features.CYCLIC_FEATURE_PERIODS
    matrix = tf.stack([numbers[key] for key in periods], axis=1)
    # float64: in float32 the last bit of a sine depends on the row's place in
    # its batch (vector or scalar code), so Beam and serving would differ.
    factors = tf.constant(
        [2.0 * math.pi / period for period in periods.values()], tf.float64
    )
    angles = tf.cast(matrix, tf.float64) * factors
    # [batch, periods, 2]: both of a period side by side, as they are named below.
    points = tf.cast(tf.stack([tf.sin(angles), tf.cos(angles)], axis=2), tf.float32)
    names = [transformed_name(f"{key}_{f}") for key in periods for f in ("sin", "cos")]
    matrix = tf.reshape(_where_present(points, 0.0), [-1, len(names)])
    return _columns(names, matrix)


def _buckets(numbers: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    keys = features.BUCKET_FEATURE_KEYS
    matrix = tf.stack([numbers[key] for key in keys], axis=1)
    boundaries = _quantiles(matrix)
    is_reached = matrix[:, :, tf.newaxis] >= boundaries[tf.newaxis]
    buckets = tf.reduce_sum(tf.cast(is_reached, tf.int64), axis=2)
    missing = tf.constant(features.MISSING_BUCKET, tf.int64)
    buckets = tf.where(tf.math.is_nan(matrix), missing, buckets)
    return _columns([transformed_name(f"{key}_bucket") for key in keys], buckets)


def _quantiles(matrix: tf.Tensor) -> tf.Tensor:
    """Returns the boundaries between buckets, float32 [columns, NUM_BUCKETS - 1].

    tft.quantiles leaves out NaN but fails on a column of nothing else. So a row of
    zeros of next to no weight joins every batch: the boundaries of a column without
    values are then 0, those of others do not move.
    """
    zeros = tf.zeros([1, matrix.shape[1]])
    ones = tf.ones_like(matrix[:, 0])
    return tft.quantiles(
        tf.concat([matrix, zeros], axis=0),
        features.NUM_BUCKETS,
        QUANTILE_EPSILON,
        weights=tf.concat([ones, [NEXT_TO_NO_WEIGHT]], axis=0),
        reduce_instance_dims=False,
    )


def _texts(inputs: Raw, numbers: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns what crosses are made of, and other categories, as string [batch]."""
    crossed = {key for pair in features.CROSS_FEATURE_KEYS for key in pair}
    single = sorted({*features.VOCAB_FEATURE_KEYS, *crossed})
    texts = _dense({key: inputs[key] for key in single if key not in numbers}, "")
    numeric = [key for key in single if key in numbers]
    matrix = tf.stack([numbers[key] for key in numeric], axis=1)
    whole = tf.cast(_where_present(matrix, -1.0), tf.int64)
    written = tf.where(whole < 0, "", tf.strings.as_string(whole))
    return texts | _columns(numeric, written)


def _categories(texts: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    keys = features.CATEGORY_KEYS
    parts = {key: [texts[key]] for key in features.VOCAB_FEATURE_KEYS}
    for pair in features.CROSS_FEATURE_KEYS:
        first, second = (texts[key] for key in pair)
        parts[features.cross_name(pair)] = [first, "|", second]
    tokens = tf.stack(
        [tf.strings.join([f"{key}=", *parts[key]]) for key in keys], axis=1
    )
    indices = tft.compute_and_apply_vocabulary(
        tokens,
        default_value=-1,
        # Of weight 1 each, tokens are counted a batch at a time; without weights TFT
        # hands Beam every token of every row.
        weights=tf.ones_like(tokens, tf.float32),
        frequency_threshold=features.VOCABULARY_FREQUENCY_THRESHOLD,
        vocab_filename=features.VOCABULARY_NAME,
        name=features.VOCABULARY_NAME,
    )
    size = tft.experimental.get_vocabulary_size_by_name(features.VOCABULARY_NAME)
    out_of_vocabulary = size + tf.range(len(keys), dtype=tf.int64)
    indices = tf.where(indices < 0, out_of_vocabulary, indices)
    return _columns([transformed_name(key) for key in keys], indices)


def _named_after(columns: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    return {transformed_name(key): values for key, values in columns.items()}


def _where_present(values: tf.Tensor, default: float) -> tf.Tensor:
    return tf.where(tf.math.is_nan(values), tf.cast(default, values.dtype), values)


def _columns(names: list[str], matrix: tf.Tensor) -> dict[str, tf.Tensor]:
    return dict(zip(names, tf.unstack(matrix, num=len(names), axis=1), strict=True))
