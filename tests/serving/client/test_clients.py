"""The four clients against our server: the same calls, the same answers."""

import concurrent.futures
import dataclasses
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from serving.bundle.contract import read_contract
from serving.bundle.golden_batch import read_golden_batch
from serving.client.errors import (
    InvalidRequestError,
    ModelNotFoundError,
    UnavailableError,
)
from serving.client.grpc_client import GrpcClient
from serving.client.model_info import TensorInfo
from serving.client.rest_client import RestClient
from serving.client.retries import RetryPolicy

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def golden(built_tiny_bundle):
    return read_golden_batch(built_tiny_bundle)


def test_golden_rows_get_their_answers(connect, served, golden, built_tiny_bundle):
    rows = [dict(zip(golden.raw_features, row.raw, strict=True)) for row in golden.rows]
    assert any(None in row.values() for row in rows)
    prediction = connect(served, "rides").predict(rows)
    expected = {
        name: [row.outputs[place] for row in golden.rows]
        for place, name in enumerate(golden.outputs)
    }
    labels = [label.decode() for label in prediction.outputs["label"]]
    assert labels == expected["label"]
    assert prediction.outputs["probability"].dtype == np.float32
    np.testing.assert_allclose(
        prediction.outputs["probability"], expected["probability"], rtol=1e-5
    )
    assert prediction.model_version == 1
    assert prediction.bundle_digest == read_contract(built_tiny_bundle).digest
    assert len(prediction.request_id) == 32
    assert prediction.rows()[0]["label"] == expected["label"][0]


def test_columns_get_the_rows_answers(connect, served):
    client = connect(served, "rides")
    columns = {
        "miles": np.array([10.5, np.nan, 99.0]),
        "month": [1, None, 12],
        "carrier": ["UA", None, b"\xff"],
    }
    rows = [
        dict(zip(columns, row, strict=True))
        for row in zip(
            [10.5, None, 99.0], [1, None, 12], ["UA", "", b"\xff"], strict=True
        )
    ]
    by_columns, by_rows = client.predict_columns(columns), client.predict(rows)
    for name, values in by_rows.outputs.items():
        np.testing.assert_array_equal(by_columns.outputs[name], values)


def test_single_output_keeps_its_name_and_dtype(connect, served):
    prediction = connect(served, "linear").predict([{"x": 1.0}, {"x": 3.0}])
    assert list(prediction.outputs) == ["y"]
    assert prediction.outputs["y"].dtype == np.float32
    assert prediction.outputs["y"].tolist() == [5.5, 6.5]
    assert prediction.bundle_digest is None


def test_scalars_and_matrices_go_both_ways(connect, served):
    client = connect(served, "odd")
    scalar = client.predict_columns({"one": 1.5}, signature="scalar")
    assert scalar.outputs["y"].shape == ()
    assert scalar.outputs["y"] == 2.5
    pair = client.predict_columns(
        {"words": [["a", "b"], ["ü", ""]], "x": [1, float("inf")]}, signature="pair"
    )
    assert pair.outputs["joined"].tolist() == [b"ab", "ü".encode()]
    assert pair.outputs["x"].tolist() == [1.0, float("inf")]


def test_version_and_label_choose_who_answers(connect, served):
    rows = [{"x": 0.0}]
    assert connect(served, "linear").predict(rows).model_version == 4
    by_version = connect(served, "linear", version=3).predict(rows)
    by_label = connect(served, "linear", label="stable").predict(rows)
    assert by_version.model_version == by_label.model_version == 3
    assert by_version.outputs["y"] == by_label.outputs["y"] == [2.0]


def test_classify_and_regress(connect, served):
    client = connect(served, "half")
    examples = [{"x": 2.0}, {"x": [6.0]}, {"x": None}]
    classified = client.classify(examples, signature="classify")
    assert classified.results == ((("3.0", 3.0),), (("5.0", 5.0),), (("2.0", 2.0),))
    assert classified.model_version == 1
    regressed = client.regress(examples, signature="regress")
    assert regressed.values.dtype == np.float32
    assert regressed.values.tolist() == [3.0, 5.0, 2.0]
    assert len(regressed.request_id) == 32


def test_example_with_mixed_values_is_refused_before_it_is_sent(connect, served):
    client = connect(served, "half")
    with pytest.raises(InvalidRequestError, match="'x' has float, str") as caught:
        client.regress([{"x": [1.0, "2"]}], signature="regress")
    assert caught.value.attempts == 0
    with pytest.raises(InvalidRequestError, match="there are no examples"):
        client.classify([], signature="classify")


def test_status_and_metadata(connect, served):
    client = connect(served, "linear")
    found = {version.version: version for version in client.status()}
    assert set(found) == {3, 4}
    assert (found[4].state, found[4].error_code) == ("AVAILABLE", "OK")
    (only,) = connect(served, "linear", label="stable").status()
    assert only.version == 3
    metadata = client.metadata()
    signature = metadata.signatures["serving_default"]
    assert metadata.version == 4
    assert signature.inputs == {"x": TensorInfo(dtype="DT_FLOAT", shape=(-1,))}
    assert signature.method_name == "tensorflow/serving/predict"


def test_ready_means_that_a_version_serves(connect, served):
    assert connect(served, "linear").is_ready() is True
    assert connect(served, "linear", version=3).is_ready() is True
    assert connect(served, "linear", version=9).is_ready() is False
    assert connect(served, "linear", label="canary").is_ready() is False
    assert connect(served, "absent").is_ready() is False


def test_absent_model_is_an_error_of_its_own(connect, served):
    with pytest.raises(ModelNotFoundError, match="absent") as caught:
        connect(served, "absent").predict([{"x": 1.0}])
    assert caught.value.attempts == 1


@pytest.mark.parametrize(
    ("row", "signature", "message"),
    [
        ({"z": 1.0}, "serving_default", "z"),
        ({"x": "a"}, "serving_default", "float|DT_FLOAT"),
        ({"x": 1.0}, "absent", "no signature 'absent'; it has 'serving_default'"),
    ],
    ids=["name", "type", "signature"],
)
def test_request_that_does_not_fit_is_refused(connect, served, row, signature, message):
    client = connect(served, "linear")
    with pytest.raises(InvalidRequestError, match=message):
        client.predict([row], signature=signature)
    # A second time, when the signatures are known.
    with pytest.raises(InvalidRequestError, match=message):
        client.predict([row], signature=signature)


def test_nobody_listens(connect):
    class Nobody:
        rest = grpc = "127.0.0.1:1"

    quick = RetryPolicy(initial_backoff_s=0.001)
    with pytest.raises(UnavailableError) as caught:
        connect(Nobody, "m", retries=quick).status()
    assert caught.value.attempts == 3
    assert connect(Nobody, "m").is_ready() is False


def test_new_version_with_other_dtypes_is_noticed(connect, tmp_path):
    import tensorflow as tf

    from tests.serving.client.running_server import RunningServer
    from tests.serving.server.small_models import PREDICT, v1, write_linear, write_v1

    def build():
        word = v1.placeholder(tf.string, [None], "x")
        length = tf.strings.length(word)
        return {"serving_default": ({"x": word}, {"n": length}, PREDICT)}

    write_linear(tmp_path / "m" / "1")
    write_v1(tmp_path / "elsewhere" / "2", build)
    flags = ("--model_name=m", f"--model_base_path={tmp_path / 'm'}")
    with RunningServer(*flags, "--file_system_poll_wait_seconds=0.05") as server:
        client = connect(server, "m")
        assert client.predict([{"x": 2.0}]).outputs["y"].tolist() == [3.0]
        (tmp_path / "elsewhere" / "2").rename(tmp_path / "m" / "2")
        end_s = time.monotonic() + 10
        while {found.version: found.state for found in client.status()} != {
            1: "END",
            2: "AVAILABLE",
        }:
            assert time.monotonic() < end_s
            time.sleep(0.02)
        prediction = client.predict([{"x": "four"}])
        assert prediction.outputs["n"].tolist() == [4]
        assert prediction.outputs["n"].dtype == np.int32
        assert prediction.model_version == 2


def test_answer_of_a_version_that_is_gone_since_is_an_answer(
    connect, served, monkeypatch
):
    client = connect(served, "linear")
    client.predict([{"x": 1.0}])
    calls = getattr(client, "_client", client)._calls
    known = calls._newest
    calls._known = {}
    calls._newest = dataclasses.replace(known, version=known.version + 100)
    # Nobody can be asked about the version that answers.
    gone = calls._wire.metadata(987654)
    monkeypatch.setattr(calls._wire, "metadata", lambda _version: gone)
    assert client.predict([{"x": 1.0}]).outputs["y"].tolist() == [5.5]


def test_signatures_are_asked_for_once(connect, served, monkeypatch):
    client = connect(served, "linear")
    client.predict([{"x": 1.0}])
    core = getattr(client, "_client", client)
    monkeypatch.setattr(core._calls._wire, "metadata", None)
    assert client.predict([{"x": 1.0}]).outputs["y"].tolist() == [5.5]


@pytest.mark.parametrize("kind", ["rest", "grpc"])
def test_threads_share_a_client(served, kind):
    made = {"rest": RestClient, "grpc": GrpcClient}[kind]
    with (
        made(getattr(served, kind), "linear") as client,
        concurrent.futures.ThreadPoolExecutor(16) as pool,
    ):
        rows = [{"x": float(x)} for x in range(200)]
        predicted = list(pool.map(lambda row: client.predict([row]), rows))
    expected = [x / 2 + 5 for x in range(200)]
    assert [found.outputs["y"][0] for found in predicted] == expected
    assert len({found.request_id for found in predicted}) == 200


NO_TENSORFLOW = """
import asyncio, pkgutil, sys, importlib
import serving.client
for module in pkgutil.iter_modules(serving.client.__path__):
    importlib.import_module(f"serving.client.{module.name}")
from serving.client.async_grpc_client import AsyncGrpcClient
from serving.client.async_rest_client import AsyncRestClient
from serving.client.grpc_client import GrpcClient
from serving.client.rest_client import RestClient

rest, grpc = sys.argv[1:]
rows = [{"miles": 10.0, "month": None, "carrier": "UA"}]
for client in (RestClient(rest, "rides"), GrpcClient(grpc, "rides")):
    with client:
        print(client.predict(rows).outputs["label"], client.is_ready())

async def ask():
    for client in (AsyncRestClient(rest, "rides"), AsyncGrpcClient(grpc, "rides")):
        async with client:
            print((await client.predict(rows)).outputs["label"])

asyncio.run(ask())
heavy = ("tensorflow", "tensorflow_serving", "keras", "jax", "tfx", "pandas", "scipy")
print(sorted(name for name in sys.modules if name.partition(".")[0] in heavy))
print(sorted(name for name in sys.modules if name.startswith("serving.server")))
"""


def test_clients_need_no_tensorflow(served):
    done = subprocess.run(
        [sys.executable, "-c", NO_TENSORFLOW, served.rest, served.grpc],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = ["[b'on_time'] True"] * 2 + ["[b'on_time']"] * 2
    assert done.stdout.splitlines() == [*answers, "[]", "[]"]
