import dataclasses
import json
import logging

import keras
import numpy as np
import pytest

from models import fitting, input_fn
from models.flights import features, trainer, tuner
from models.flights.model import build_hyperparameters
from tests.models.flights import conftest

pytestmark = pytest.mark.beam


def _settings(**overrides):
    return fitting.build_settings({**conftest.TRAIN_CONFIG, **overrides}, tuned=None)


def _train(store, graph, **overrides):
    size = trainer.vocabulary_size(graph)
    return trainer.train_network(store, size, _settings(**overrides))


@pytest.fixture(scope="module")
def store(transformed):
    return transformed.store


def test_loss_falls_on_32_rows(store, transformed):
    few = dataclasses.replace(
        store, floats=store.floats[:32], integers=store.integers[:32]
    )
    _, summary = _train(
        few, transformed.graph, batch_size=32, max_epochs=30, holdout_fraction=0.0
    )
    losses = summary["history"]["loss"]
    assert losses[-1] < 0.7 * losses[0]
    assert summary["rows"] == {"train": 32, "holdout": 0}


def test_the_same_seed_gives_the_same_weights(store, transformed):
    first, second = (_train(store, transformed.graph)[0] for _ in range(2))
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        assert one.tobytes() == other.tobytes()


def test_another_seed_gives_other_weights(store, transformed):
    first, second = (
        _train(store, transformed.graph, seed=seed, max_epochs=1)[0] for seed in (1, 2)
    )
    assert not np.array_equal(first.get_weights()[0], second.get_weights()[0])


def test_the_best_epoch_is_kept(store, transformed):
    model, summary = _train(store, transformed.graph, learning_rate=0.05, max_epochs=6)
    _, aside = input_fn.split_holdout(
        store, group_keys=features.GROUP_KEYS, fraction=0.1, seed=7
    )
    (holdout,) = trainer.build_dataset(store, aside, 8192).as_numpy_iterator()
    inputs, label = holdout
    metric = keras.metrics.AUC()
    metric.update_state(label, model.predict_on_batch(inputs)[:, 0])
    auc = float(metric.result())
    assert auc == pytest.approx(max(summary["history"]["val_auc"]), abs=1e-6)


def test_run_fn_writes_a_summary(exported):
    summary = json.loads((exported / "run" / fitting.SUMMARY_FILE).read_text("utf-8"))
    assert summary["epochs"] == len(summary["history"]["val_auc"]) <= 2
    assert sum(summary["rows"].values()) == conftest.NUM_ROWS
    assert summary["hyperparameters"]["units"] == 16
    assert summary["seconds"]["total"] > 0
    assert 0 < summary["input_busy_fraction"] < 1


def test_each_epoch_is_logged(store, transformed, caplog):
    with caplog.at_level(logging.INFO, logger=fitting.__name__):
        _train(store, transformed.graph, max_epochs=1)
    assert "epoch 1: loss 0." in caplog.text
    assert "val_auc 0." in caplog.text


def test_an_unknown_hyperparameter_is_named():
    with pytest.raises(ValueError, match=r"train\.hyperparameters\.unit; known"):
        build_hyperparameters({"unit": 3})


def test_tuner_searches_and_run_fn_reads_its_choice(transformed, tmp_path):
    config = {**conftest.TRAIN_CONFIG, "max_trials": 1, "max_epochs": 1}
    args = conftest.fn_args(transformed, tmp_path, custom_config=config)
    result = tuner.tuner_fn(args)
    result.tuner.search(**result.fit_kwargs)
    best = result.tuner.get_best_hyperparameters()[0].get_config()
    settings = fitting.build_settings(config, best)
    assert settings.learning_rate == best["values"]["learning_rate"]
    assert build_hyperparameters(settings.hyperparameters).units in (32, 64, 128)


def test_tuner_refuses_to_rank_without_a_holdout(transformed, tmp_path):
    config = {**conftest.TRAIN_CONFIG, "holdout_fraction": 0.0}
    args = conftest.fn_args(transformed, tmp_path, custom_config=config)
    with pytest.raises(ValueError, match="holds out no row"):
        tuner.tuner_fn(args)


def test_the_network_is_an_ordinary_keras_model(store, transformed):
    model, _ = _train(store, transformed.graph, max_epochs=1)
    assert isinstance(model, keras.Model)
    assert model.output_shape == (None, 1)
