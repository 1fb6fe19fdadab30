"""A warm start: table rows follow their terms, other weights their names."""

import json
from itertools import count

import numpy as np
import pytest
import tensorflow as tf

from models import input_fn
from models.flights import features, trainer
from models.flights.model import build_hyperparameters, build_network
from models.flights.warm_start import NUM_BUCKET_ROWS, TABLES, table_rows
from models.warm_start import BaseModel, read_base_model, start_from
from tests.models.flights import conftest

CARRIER = features.CATEGORY_KEYS.index("carrier")
ORIGIN = features.CATEGORY_KEYS.index("origin")
OLD = (b"carrier=UA", b"origin=JFK", b"carrier=AA", b"origin=EWR")
NEW = (b"origin=EWR", b"carrier=UA", b"carrier=HA", b"origin=JFK", b"origin=LGA")


def network(num_terms, **hyperparameters):
    return build_network(num_terms, build_hyperparameters(hyperparameters))


def as_base(model, terms):
    weights = {each.path: each.numpy() for each in model.weights}
    return BaseModel(folder="base", weights=weights, vocabulary=terms)


def scrambled(model):
    """Gives every weight values that no initializer gives."""
    numbers = count(1)
    for each in model.weights:
        values = np.random.default_rng(next(numbers)).normal(size=each.shape)
        each.assign(0.1 * values)
    return model


def test_rows_are_found_by_term_and_new_terms_begin_out_of_vocabulary():
    rows = table_rows(OLD, NEW)
    slots = len(OLD)
    terms = rows.sources[NUM_BUCKET_ROWS : NUM_BUCKET_ROWS + len(NEW)]
    assert list(terms - NUM_BUCKET_ROWS) == [3, 0, slots + CARRIER, 1, slots + ORIGIN]
    assert list(rows.sources[:NUM_BUCKET_ROWS]) == list(range(NUM_BUCKET_ROWS))
    out_of_vocabulary = rows.sources[NUM_BUCKET_ROWS + len(NEW) :]
    num_categories = len(features.CATEGORY_KEYS)
    assert list(out_of_vocabulary) == list(
        range(NUM_BUCKET_ROWS + slots, NUM_BUCKET_ROWS + slots + num_categories)
    )
    assert rows.num_base_rows == NUM_BUCKET_ROWS + len(OLD) + num_categories
    assert rows.counts == {"terms_kept": 3, "terms_new": 2, "terms_gone": 1}


def test_term_of_no_category_is_refused():
    with pytest.raises(ValueError, match="b'weather=fog' belongs to no category"):
        table_rows(OLD, (b"weather=fog",))


def inputs_for(terms, chosen):
    """Rows in which each category has one of the chosen terms, where one is its own."""
    index = {term: place for place, term in enumerate(terms)}
    rng = np.random.default_rng(0)
    buckets = rng.integers(0, 21, (len(chosen), len(features.BUCKET_INPUT_KEYS)))
    categories = [
        [
            index.get(term, len(terms) + place)
            if term.startswith(f"{key}=".encode())
            else len(terms) + place
            for place, key in enumerate(features.CATEGORY_KEYS)
        ]
        for term in chosen
    ]
    return {
        input_fn.FLOATS: rng.normal(
            size=(len(chosen), len(features.FLOAT_INPUT_KEYS))
        ).astype(np.float32),
        input_fn.INTEGERS: np.hstack([buckets, categories]).astype(np.int32),
    }


def test_before_training_it_answers_as_its_base_did_for_every_term():
    base, model = scrambled(network(len(OLD))), network(len(NEW))
    start_from(model, as_base(base, OLD), dict.fromkeys(TABLES, table_rows(OLD, NEW)))
    asked = [*NEW, b"carrier=nobody knows"]
    # b"origin=LGA" and b"carrier=HA" are out of the old vocabulary and in the new one.
    before = base.predict(inputs_for(OLD, asked), verbose=0)
    after = model.predict(inputs_for(NEW, asked), verbose=0)
    np.testing.assert_array_equal(after, before)
    assert len(np.unique(after)) == len(asked)


def test_weights_of_another_shape_are_named_and_stay_as_they_were():
    base, model = scrambled(network(len(OLD), units=32)), network(len(NEW), units=64)
    before = {each.path: each.numpy() for each in model.weights}
    warm = start_from(
        model, as_base(base, OLD), dict.fromkeys(TABLES, table_rows(OLD, NEW))
    )
    width = len(features.FLOAT_INPUT_KEYS) + 4 * len(features.INTEGER_INPUT_KEYS)
    assert warm.fresh["hidden_0/kernel"] == (
        f"its shape is ({width}, 64); the base's is ({width}, 32)"
    )
    assert "deep_logit/bias" in warm.copied
    assert set(TABLES) <= set(warm.copied)
    for each in model.weights:
        is_kept = np.array_equal(each.numpy(), before[each.path])
        assert is_kept == (each.path in warm.fresh)


def test_another_embedding_width_is_another_shape():
    base, model = network(len(OLD), embedding_dim=2), network(len(NEW))
    warm = start_from(
        model, as_base(base, OLD), dict.fromkeys(TABLES, table_rows(OLD, NEW))
    )
    assert "deep/embeddings" in warm.fresh
    assert "wide/embeddings" in warm.copied


def test_a_layer_more_has_no_weight_to_start_from():
    base, model = network(4, num_layers=1), network(4, num_layers=2)
    warm = start_from(
        model, as_base(base, OLD), dict.fromkeys(TABLES, table_rows(OLD, OLD))
    )
    assert warm.fresh["hidden_1/kernel"] == "the base has no weight of this name"


def test_a_table_that_its_vocabulary_does_not_explain_is_not_used():
    """As of a base made by code with other features."""
    model = network(len(NEW))
    base = as_base(network(len(OLD) + 1), OLD)
    warm = start_from(model, base, dict.fromkeys(TABLES, table_rows(OLD, NEW)))
    assert "its vocabulary makes" in warm.fresh["deep/embeddings"]
    assert warm.rows == {}


@pytest.mark.beam
class TestExported:
    """With what run_fn wrote."""

    def test_an_exported_model_names_its_weights_and_terms(self, exported):
        folder = str(exported / "model")
        base = read_base_model(folder, features.VOCABULARY_NAME)
        model = network(
            len(base.vocabulary), **conftest.TRAIN_CONFIG["hyperparameters"]
        )
        shapes = {each.path: tuple(each.shape) for each in model.weights}
        assert {name: base.weights[name].shape for name in shapes} == shapes
        names = {term.partition(b"=")[0].decode() for term in base.vocabulary}
        assert names <= set(features.CATEGORY_KEYS)
        assert "carrier" in names

    def test_an_export_that_numbered_its_weights_warms_nothing(self, tmp_path):
        root = tf.Module()
        root.variables_ = [tf.Variable([1.0, 2.0])]
        tf.saved_model.save(root, str(tmp_path))
        base = read_base_model(str(tmp_path), features.VOCABULARY_NAME)
        assert (base.weights, base.vocabulary) == ({}, ())
        warm = start_from(network(1), base, {})
        assert (warm.copied, len(warm.fresh)) == ((), 10)

    def test_no_saved_model_is_no_base(self, tmp_path):
        assert read_base_model(str(tmp_path), features.VOCABULARY_NAME) is None

    def test_training_goes_on_where_the_base_ended(
        self, transformed, exported, tmp_path
    ):
        arguments = conftest.fn_args(
            transformed, tmp_path, base_model=str(exported / "model")
        )
        trainer.run_fn(arguments)
        cold, warm = (
            json.loads((folder / "run" / "training_summary.json").read_text())
            for folder in (exported, tmp_path)
        )
        assert cold["warm_start"] is None
        assert warm["warm_start"]["fresh"] == {}
        assert len(warm["warm_start"]["copied"]) == 10
        assert warm["warm_start"]["rows"]["terms_new"] == 0
        assert warm["history"]["loss"][0] < 0.9 * cold["history"]["loss"][0]
