"""Tells which raw features a transformed one is made of, by trying.

The graph could be read, but its functions hide what flows where. The golden rows hold
every kind of value: if no answer changes when a raw feature is left out of all of
them, the transformed feature does not depend on it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from serving.bundle.contract import RawFeature
from serving.bundle.golden_batch import GoldenBatch
from serving.skew_proof.example_encoder import encode_examples
from serving.skew_proof.replays import Arrays, BundleReplay


def feature_inputs(
    replay: BundleReplay, golden: GoldenBatch, features: Sequence[RawFeature]
) -> dict[str, tuple[str, ...]]:
    """Returns transformed feature to the raw features it depends on, in their order.

    Args:
        replay: The model.
        golden: The bundle's golden batch.
        features: The contract's raw features.

    Raises:
        ModelRefusedError: The model fails on the golden rows.
    """
    columns = {
        name: pa.array([row.raw[place] for row in golden.rows])
        for place, name in enumerate(golden.raw_features)
    }
    whole = _transformed(replay, columns, features, len(golden.rows))
    found: dict[str, list[str]] = {name: [] for name in whole}
    for feature in features:
        rest = {name: held for name, held in columns.items() if name != feature.name}
        without = _transformed(replay, rest, features, len(golden.rows))
        for name in _changed(whole, without):
            found[name].append(feature.name)
    return {name: tuple(raw) for name, raw in found.items()}


def _transformed(
    replay: BundleReplay,
    columns: Mapping[str, pa.Array],
    features: Sequence[RawFeature],
    num_rows: int,
) -> Arrays:
    return replay.transform(encode_examples(columns, features, num_rows))


def _changed(whole: Arrays, without: Arrays) -> list[str]:
    return [
        name
        for name, values in whole.items()
        if not np.array_equal(values, without[name], equal_nan=values.dtype.kind == "f")
    ]
