import pytest

from data.flights.columns import COLUMNS
from models.flights import features
from models.flights.model import PACKED_INPUTS, ModelHyperparameters, build_network
from tests.models.flights import rows as raw


def test_features_are_those_of_the_span_in_its_order():
    in_span = tuple(column.name for column in COLUMNS if column.role == "feature")
    assert in_span == features.FEATURE_KEYS


def test_features_and_label_are_in_the_schema():
    in_schema = {feature.name for feature in raw.load_schema().feature}
    assert in_schema >= {*features.FEATURE_KEYS, features.LABEL_KEY}


def test_every_feature_is_used():
    used = {
        *features.DENSE_FLOAT_FEATURE_KEYS,
        *features.CYCLIC_FEATURE_PERIODS,
        *features.VOCAB_FEATURE_KEYS,
        *(key for pair in features.CROSS_FEATURE_KEYS for key in pair),
        *features.GROUP_FEATURE_KEYS,
    }
    assert used >= set(features.FEATURE_KEYS)


@pytest.mark.beam
def test_transform_writes_every_feature_and_nothing_else(transformed):
    written = set(transformed.graph.transformed_feature_spec())
    label = features.TRANSFORMED_LABEL_KEY
    assert written == {*features.TRANSFORMED_FEATURE_KEYS, label}


def test_the_network_reads_every_feature_but_the_days():
    network = build_network(100, ModelHyperparameters())
    widths = {name: given.shape[1] for name, given in network.input.items()}
    assert widths == {name: len(keys) for name, keys in PACKED_INPUTS.items()}
    read = {key for keys in PACKED_INPUTS.values() for key in keys}
    assert read == set(features.MODEL_INPUT_KEYS)
    unread = {*features.TRANSFORMED_FEATURE_KEYS} - {*features.MODEL_INPUT_KEYS}
    assert unread == {"month_xf", "day_of_month_xf"}
