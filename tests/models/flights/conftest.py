"""One Transform run and one exported model on real rows, for all tests here."""

import dataclasses
import functools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from data.flights.source import load_table, slice_evenly
from models.flights import features, trainer
from models.row_store import RowStore
from tests.models.flights import rows as raw

NUM_ROWS = 1200

TRAIN_CONFIG = {
    "seed": 7,
    "batch_size": 128,
    "max_epochs": 2,
    "patience_epochs": 1,
    "learning_rate": 0.002,
    "holdout_fraction": 0.1,
    "class_weight": "none",
    "hyperparameters": {"units": 16},
    # The pipeline passes its whole train section, so these come along.
    "run_fn": "models.flights.trainer.run_fn",
    "features": "models.flights.features",
}


@dataclasses.dataclass(frozen=True)
class Transformed:
    """Real raw rows, and the folder that rows.transform filled from them."""

    rows: list[raw.Row]
    directory: Path

    @property
    def graph(self) -> tft.TFTransformOutput:
        return tft.TFTransformOutput(str(self.directory / "graph"))

    @property
    def files(self) -> list[str]:
        return [str(self.directory / "transformed-*.gz")]

    @functools.cached_property
    def store(self) -> RowStore:
        folder = self.directory / "rows"
        folder.mkdir()
        return trainer.read_training_rows(self.files, self.graph, folder)

    @property
    def columns(self) -> dict[str, np.ndarray]:
        store = self.store
        return {
            **dict(zip(store.float_keys, store.floats.T, strict=True)),
            **dict(zip(store.integer_keys, store.integers.T, strict=True)),
        }


@pytest.fixture(scope="session")
def flight_rows() -> list[raw.Row]:
    """Rows from all over 2013 with a label; about one in six lacks its aircraft."""
    table = load_table()
    table = table.filter(table["is_late"].is_valid())
    table = slice_evenly(table, NUM_ROWS)
    seconds = table["event_time"].cast("int64")
    table = table.set_column(1, "event_time", seconds)
    return table.to_pylist()


@pytest.fixture(scope="session")
def transformed(
    flight_rows: list[raw.Row], tmp_path_factory: pytest.TempPathFactory
) -> Transformed:
    directory = tmp_path_factory.mktemp("transform")
    raw.transform(flight_rows, flight_rows, directory)
    return Transformed(rows=flight_rows, directory=directory)


def fn_args(
    transformed: Transformed, output: Path, **overrides: Any
) -> SimpleNamespace:
    """Returns the attributes of TFX's FnArgs that run_fn and tuner_fn read."""
    graph = str(transformed.directory / "graph")
    attributes = {
        "train_files": transformed.files,
        "transform_output": graph,
        "transform_graph_path": graph,
        "serving_model_dir": str(output / "model"),
        "model_run_dir": str(output / "run"),
        "working_dir": str(output / "tuning"),
        "custom_config": TRAIN_CONFIG,
        "hyperparameters": None,
        "base_model": None,
    }
    return SimpleNamespace(**{**attributes, **overrides})


@pytest.fixture(scope="session")
def exported(
    transformed: Transformed, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """What run_fn leaves behind: model/ and run/."""
    output = tmp_path_factory.mktemp("exported")
    trainer.run_fn(fn_args(transformed, output))
    return output


@pytest.fixture(scope="session")
def signatures(exported: Path) -> dict[str, Any]:
    loaded = tf.saved_model.load(str(exported / "model"))
    names = ("serving_default", "serving_examples", "transform_features")
    # The loaded object must outlive its signatures.
    return {"loaded": loaded, **{name: loaded.signatures[name] for name in names}}


@pytest.fixture(scope="session")
def examples(flight_rows: list[raw.Row]) -> tf.Tensor:
    """The rows as a request holds them: without the label."""
    without = (features.LABEL_KEY,)
    return tf.constant([raw.serialize(row, without=without) for row in flight_rows])
