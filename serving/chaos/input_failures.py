"""Rows whose categories the model has never seen: a feed that changed its codes.

The bundle is sound; what fails comes in with the rows. So the rows lie beside the copy,
and the guard that is asked is the one that batch scoring asks.
"""

import json
from collections import Counter
from pathlib import Path

from tensorflow_metadata.proto.v0 import statistics_pb2

from serving.bundle import layout
from serving.bundle.contract import read_contract
from serving.bundle.golden_batch import read_golden_batch
from serving.chaos.failure_mode import NotApplicableError, Refusal
from serving.input_statistics import (
    TrainingFeature,
    check_unknown_rates,
    count_unknown,
    training_features,
)

# As many rows as a small file to be scored has.
_NUM_ROWS = 1000
_TENTHS_UNKNOWN = 3
_UNKNOWN = "as-of-today"
_FEED = "feed.json"


def feed_unknown_categories(bundle: Path) -> str:
    """Writes golden rows over and over, one category unknown in three of ten."""
    features = read_contract(bundle).contract.raw_features
    training = _training(bundle)
    texts = [
        place
        for place, feature in enumerate(features)
        if feature.name in training and training[feature.name].categories is not None
    ]
    if not texts:
        raise NotApplicableError("no feature has categories that are all known")
    golden = read_golden_batch(bundle).rows
    rows = [list(golden[place % len(golden)].raw) for place in range(_NUM_ROWS)]
    # A missing value is not replaced, so the feature with the fewest of them.
    chosen = max(texts, key=lambda place: sum(row[place] is not None for row in rows))
    present = [row for row in rows if row[chosen] is not None]
    for place, row in enumerate(present):
        if place % 10 < _TENTHS_UNKNOWN:
            row[chosen] = _UNKNOWN
    feed = {
        features[place].name: Counter(row[place] or "" for row in rows)
        for place in texts
    }
    (bundle.parent / _FEED).write_text(json.dumps(feed), encoding="utf-8")
    name = features[chosen].name
    return f"{name!r} is {_UNKNOWN!r} in {_TENTHS_UNKNOWN}0 % of {len(present):,} rows"


def examine_feed(bundle: Path) -> Refusal | None:
    """Asks the guard of batch scoring about the rows beside the copy."""
    training = _training(bundle)
    feed = json.loads((bundle.parent / _FEED).read_text(encoding="utf-8"))
    findings = check_unknown_rates(count_unknown(feed, training), training)
    if not findings:
        return None
    return Refusal(guard="input_statistics", reason=f"{findings[0].sentence}.")


def _training(bundle: Path) -> dict[str, TrainingFeature]:
    message = statistics_pb2.DatasetFeatureStatisticsList()
    message.ParseFromString((bundle / layout.STATISTICS).read_bytes())
    return training_features(message)
