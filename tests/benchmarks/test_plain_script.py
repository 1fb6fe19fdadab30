"""The plain script does the same job: its features, its network, its rows."""

import json
import sys

import numpy as np
import pytest

from benchmarks.rivals import plain_script
from benchmarks.rivals.plain_script import Encoder, build_network, read_rows
from benchmarks.speed_inputs import write_project
from models.flights import features
from models.flights.model import ModelHyperparameters
from models.flights.model import build_network as build_ours


@pytest.fixture(scope="module")
def train(year):
    return read_rows(year, range(1, 11))


@pytest.fixture(scope="module")
def encoder(train):
    return Encoder(train)


def test_unlabelled_rows_are_left_out(train):
    assert train["is_late"].isna().sum() == 0
    assert 1900 < len(train) < 2000


def test_numbers_are_those_of_the_use_case(train):
    rows = train.iloc[:4].copy()
    rows["temp_f"] = [40.0, 60.0, np.nan, 80.0]
    numbers, _ = Encoder(rows).encode(rows)
    assert numbers.shape == (4, len(features.FLOAT_INPUT_KEYS))
    assert numbers.dtype == np.float32
    # The example of models.flights.preprocessing.
    found = numbers[:, features.FLOAT_INPUT_KEYS.index("temp_f_xf")]
    np.testing.assert_allclose(found, [-1.2247, 0.0, 0.0, 1.2247], atol=1e-4)
    missing = numbers[:, features.FLOAT_INPUT_KEYS.index("temp_f_missing_xf")]
    assert missing.tolist() == [0, 0, 1, 0]
    sine = numbers[:, features.FLOAT_INPUT_KEYS.index("sched_dep_minute_sin_xf")]
    angle = rows["sched_dep_minute"].to_numpy(float) * 2 * np.pi / 1440
    np.testing.assert_allclose(sine, np.sin(angle), atol=1e-6)


def test_buckets_are_counted_from_the_quantiles_below(train):
    rows = train.iloc[:21].copy()
    rows["temp_f"] = [*np.arange(20.0), np.nan]
    _, indices = Encoder(rows).encode(rows)
    # 20 values in 20 buckets: one each; the last row has none.
    assert indices[:, 0].tolist() == list(range(21))


def test_each_category_has_rows_of_the_table_to_itself(train, encoder):
    _, indices = encoder.encode(train)
    num_inputs = len(features.BUCKET_INPUT_KEYS) + len(features.CATEGORY_INPUT_KEYS)
    assert indices.shape == (len(train), num_inputs)
    lows, highs = indices.min(axis=0), indices.max(axis=0)
    assert (highs[:-1] < lows[1:]).all()
    assert lows[0] >= 0
    assert highs[-1] < encoder.table_size


def test_rare_and_unseen_values_share_their_categorys_own_row(train, encoder):
    place = len(features.BUCKET_INPUT_KEYS) + features.CATEGORY_KEYS.index("carrier")
    rows = train.iloc[:2].copy()
    rows["carrier"] = ["OO", "no such carrier"]
    _, indices = encoder.encode(rows)
    assert indices[0, place] == indices[1, place]
    common = train["carrier"].value_counts().index[0]
    rows["carrier"] = common
    assert encoder.encode(rows)[1][0, place] < indices[0, place]


def test_the_network_has_the_use_cases_parameters():
    vocabulary_size = 500
    ours = build_ours(vocabulary_size, ModelHyperparameters())
    num_buckets = len(features.BUCKET_INPUT_KEYS) * (features.NUM_BUCKETS + 1)
    num_categories = len(features.CATEGORY_INPUT_KEYS)
    script = build_network(
        len(features.FLOAT_INPUT_KEYS),
        len(features.BUCKET_INPUT_KEYS) + num_categories,
        num_buckets + vocabulary_size + num_categories,
    )
    assert script.count_params() == ours.count_params()


def test_the_script_trains_saves_and_judges(year, tmp_path, monkeypatch):
    config = write_project(tmp_path, year, 12, 2)
    answer, model = tmp_path / "answer.json", tmp_path / "model.keras"
    arguments = map(str, ("script", config, year, "1-12", model, answer))
    monkeypatch.setattr(sys, "argv", list(arguments))
    assert plain_script.main() == 0
    found = json.loads(answer.read_text())
    assert [node["node_id"] for node in found["nodes"]] == [
        "read",
        "features",
        "train",
        "save and evaluate",
    ]
    assert 0.5 < found["auc"] < 0.8
    assert model.stat().st_size > 10_000
