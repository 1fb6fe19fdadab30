"""What both protocols answer is in the prediction log, with what the client said."""

import asyncio
import contextlib
import gc
import json
from datetime import UTC, datetime

import httpx
import numpy as np
import pytest

from serving.bundle.golden_batch import read_golden_batch
from serving.prediction_log.log_config import LogConfig
from serving.prediction_log.log_reader import PredictionLog
from serving.server.batching_parameters import MICRO_BATCHING
from serving.server.metrics import ServerMetrics
from serving.server.model_config import ModelConfig
from serving.server.model_manager import ManagerOptions, ModelManager
from serving.server.prediction_logging import (
    PredictionLogging,
    _Transform,
    logged_model,
)
from serving.server.rest_options import _nullable_inputs
from serving.server.saved_model import Runtime
from serving.server.version_loading import VersionLoader
from serving.server.worker_pool import WorkerPool
from serving.server_check.server_process import ServerProcess
from tests.serving.server.logged_calls import all_handed_on, check_golden
from tests.serving.server.rest.http_client import ONE_ROW, running
from tests.serving.server.small_models import write_linear

PREDICT = "/v1/models/rides:predict"
FACTS = (
    "x-request-id: mine\r\nx-slipway-key: a%2Cb\r\n"
    "x-slipway-event-time: 2013-01-01T01:00:00+01:00\r\nx-slipway-variant: canary\r\n"
)


@pytest.fixture(scope="module")
def golden(built_tiny_bundle):
    return read_golden_batch(built_tiny_bundle)


@pytest.fixture(scope="module")
def runtime():
    """What all versions of this module's server share."""
    pool = WorkerPool(2)
    yield Runtime(pool=pool, batching=MICRO_BATCHING, metrics=ServerMetrics())
    pool.close()


@pytest.fixture(scope="module")
def rides(runtime, built_tiny_bundle):
    """The tiny bundle, loaded as a server does."""
    made = ModelManager(VersionLoader(runtime=runtime).load, ManagerOptions())
    made.start([ModelConfig(name="rides", base_path=built_tiny_bundle.parent)])
    yield made
    made.stop()


@pytest.fixture
def metrics():
    """What one test's log counts."""
    return ServerMetrics()


@pytest.fixture
def start_log(tmp_path, metrics):
    """A function that starts a log; it is closed after the test."""
    started = []

    def make(**settings):
        config = LogConfig(log_dir=tmp_path / "log", **settings)
        started.append(PredictionLogging(config, metrics))
        return started[-1]

    yield make
    for log in started:
        log.close()


@pytest.fixture
def rows_of(tmp_path):
    """A function that closes a log and returns its rows by request id."""

    def read(log, model="rides"):
        log.close()
        rows = PredictionLog(tmp_path / "log", model).read().to_pylist()
        rows.sort(key=lambda row: (row["request_id"], row["row"]))
        return rows

    return read


@contextlib.contextmanager
def asking(backend, log):
    """A client of a REST server that logs."""
    options = {"observers": (log.on_requests,), "nullable_inputs": _nullable_inputs}
    with running(backend, **options) as server, server.connect() as client:
        yield client


def instances(golden, *places):
    rows = [golden.rows[place].raw for place in places]
    return [dict(zip(golden.raw_features, row, strict=True)) for row in rows]


def body(rows, **more):
    return json.dumps({"instances": rows, **more}).encode()


def test_a_rest_request_with_what_its_client_said(rides, start_log, rows_of, golden):
    log = start_log()
    with asking(rides, log) as client:
        reply = client.post(PREDICT, body(instances(golden, 0)), FACTS)
    (row,) = rows_of(log)
    assert row["request_id"] == "mine" == reply.headers["x-request-id"]
    assert row["key"] == "a,b"
    assert row["variant"] == "canary"
    assert row["event_time"] == datetime(2013, 1, 1, tzinfo=UTC)
    assert row["version"] == 1
    assert row["bundle_digest"] == reply.headers["x-slipway-bundle-digest"]
    assert row["signature"] == "serving_default"
    assert 0 < row["latency_us"] < 20e6
    assert abs(row["time"] - datetime.now(UTC)).total_seconds() < 60
    miles, month, carrier = golden.rows[0].raw
    assert row["inputs"]["month"] == month
    assert row["inputs"]["carrier"] == carrier
    assert np.float32(row["inputs"]["miles"]) == np.float32(miles)
    (answer,) = reply.json["predictions"]
    assert row["outputs"]["label"] == answer["label"]
    assert np.float32(row["outputs"]["probability"]) == np.float32(
        answer["probability"]
    )


def test_every_row_of_many_requests_at_once(rides, start_log, rows_of, golden):
    log = start_log()
    places = range(len(golden.rows))
    with running(rides, observers=(log.on_requests,)) as server:
        clients = [server.connect() for _ in range(8)]
        for turn in range(6):
            for number, client in enumerate(clients):
                rows = instances(golden, (turn + number) % 24, number)[: 1 + number % 2]
                name = f"x-request-id: {turn}-{number}\r\n"
                data = body(rows)
                head = f"POST {PREDICT} HTTP/1.1\r\nHost: t\r\nContent-Length: "
                client.send(f"{head}{len(data)}\r\n{name}\r\n".encode() + data)
            for client in clients:
                assert client.reply().status == 200
        for client in clients:
            client.socket.close()
    found = rows_of(log)
    assert len(places) == 24
    expected = sorted(
        (f"{turn}-{number}", row)
        for turn in range(6)
        for number in range(8)
        for row in range(1 + number % 2)
    )
    assert [(row["request_id"], row["row"]) for row in found] == expected
    for row in found:
        turn, number = map(int, row["request_id"].split("-"))
        place = number if row["row"] else (turn + number) % 24
        expected_row = golden.rows[place]
        assert row["inputs"]["carrier"] == expected_row.raw[2]
        label = expected_row.outputs[golden.outputs.index("label")]
        assert row["outputs"]["label"] == label


def test_what_was_not_answered_is_not_logged(rides, start_log, rows_of, golden):
    log = start_log()
    with asking(rides, log) as client:
        client.post(PREDICT, b'{"instances": [{"miles": "far"}]}')
        client.post("/v1/models/none:predict", body(instances(golden, 0)))
        client.get("/v1/models/rides/metadata")
        client.get("/healthz")
        client.post(
            PREDICT,
            body([golden_example(golden)], signature_name="transform_features"),
        )
    assert rows_of(log) == []


def golden_example(golden):
    import base64

    from tests.serving.tiny_rides import golden_rows, serialized_example

    del golden
    text = base64.b64encode(serialized_example(golden_rows()[0])).decode()
    return {"examples": {"b64": text}}


def test_tf_examples_are_logged_as_features(rides, start_log, rows_of, golden):
    log = start_log()
    with asking(rides, log) as client:
        data = body([golden_example(golden)], signature_name="serving_examples")
        assert client.post(PREDICT, data).status == 200
    (row,) = rows_of(log)
    assert row["signature"] == "serving_examples"
    assert row["inputs"]["carrier"] == golden.rows[0].raw[2]


def test_transformed_features_are_those_of_the_graph(rides, start_log, rows_of, golden):
    log = start_log(transformed_share=1.0)
    places = range(len(golden.rows))
    with asking(rides, log) as client:
        assert client.post(PREDICT, body(instances(golden, *places))).status == 200
    for place, row in enumerate(rows_of(log)):
        for name in golden.transformed_features:
            expected = golden.expected_transformed(name)[place]
            assert row["transformed"][name] == pytest.approx(expected, abs=1e-6), name


def test_a_grpc_call_with_what_its_client_said(
    rides, start_log, rows_of, golden, free_port, runtime
):
    import grpc
    import tensorflow as tf

    from serving.server.grpc_server import GrpcOptions, GrpcServer
    from tests.serving.server.grpc_client import Client, row_request

    log = start_log()
    kinds = {"miles": tf.float32, "month": tf.float32, "carrier": tf.string}
    requests = [
        row_request("rides", golden.rows[n % len(golden.rows)].raw, kinds)
        for n in range(70)
    ]
    metadata = (
        ("x-request-id", "mine"),
        ("x-slipway-key", "k1"),
        ("x-slipway-event-time", "2013-01-01"),
    )

    async def talk():
        options = GrpcOptions(
            address="127.0.0.1", port=free_port, observers=(log.on_call,)
        )
        server = GrpcServer(rides, runtime.metrics, options)
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{free_port}") as channel:
            client = Client(channel)
            calls = [
                client.call(
                    client.prediction,
                    "Predict",
                    request,
                    metadata=metadata if not n else (("x-request-id", f"r{n}"),),
                )
                for n, request in enumerate(requests)
            ]
            await asyncio.gather(*calls)
        await all_handed_on(log, 70)
        await server.stop(5)

    asyncio.run(talk())
    found = rows_of(log)
    assert len(found) == 70
    by_id = {row["request_id"]: row for row in found}
    mine = by_id["mine"]
    assert mine["key"] == "k1"
    assert mine["event_time"] == datetime(2013, 1, 1, tzinfo=UTC)
    places = {"mine": 0, **{f"r{n}": n % len(golden.rows) for n in range(1, 70)}}
    check_golden(by_id, places, golden)
    assert all(row["key"] is None for name, row in by_id.items() if name != "mine")


def test_the_log_keeps_no_version_alive(rides, start_log, golden):
    log = start_log(transformed_share=1.0)
    with asking(rides, log) as client:
        client.post(PREDICT, body(instances(golden, 0)))
    ((servable, model),) = log._models.items()
    holders = {type(one).__name__ for one in gc.get_referrers(servable)}
    assert not {"LoggedModel", "LoggedBatch", "_Transform"} & holders
    assert model.transform is not None


def test_a_version_that_is_gone_transforms_nothing():
    class Version:
        def transform(self, examples):
            return {"x_xf": examples}

    version = Version()
    transform = _Transform(version)
    assert transform([b"a"]) == {"x_xf": [b"a"]}
    del version
    assert transform([b"a"]) == {}


def test_the_page_shows_rows_and_buffer(rides, start_log, golden, metrics):
    log = start_log()
    with asking(rides, log) as client:
        client.post(PREDICT, body(instances(golden, 0, 1)))
    assert "\nslipway_prediction_log_buffered_rows 2\n" in metrics.exposition()
    log.close()
    page = metrics.exposition()
    line = 'slipway_prediction_log_rows_total{model_name="rides",outcome="written"} 2'
    assert f"\n{line}\n" in page
    assert "\nslipway_prediction_log_buffered_rows 0\n" in page


def test_a_masked_name_that_no_model_has_is_told(rides, start_log, golden, caplog):
    log = start_log(masked=("carier",))
    with asking(rides, log) as client:
        client.post(PREDICT, body(instances(golden, 0)))
    assert "names 'carier', which rides 1 does not have" in caplog.text
    assert "did you mean 'carrier'?" in caplog.text


def test_a_model_without_a_bundle_is_logged_by_its_arrays(manager, start_log, rows_of):
    from serving.server.core import ModelSpec

    log = start_log()
    with asking(manager, log) as client:
        client.post("/v1/models/m:predict", b'{"instances": [1.0, 2.0]}')
    found = rows_of(log, "m")
    assert [row["inputs"]["x"] for row in found] == [1.0, 2.0]
    assert [row["outputs"]["y"] for row in found] == [2.5, 3.0]
    assert {row["bundle_digest"] for row in found} == {""}
    assert logged_model(manager.servable(ModelSpec(name="m"))).contract is None


def test_the_same_head_again_says_the_same_again(rides, start_log, rows_of, golden):
    log = start_log()
    with asking(rides, log) as client:
        for place in range(3):
            client.post(PREDICT, body(instances(golden, place)), "x-slipway-key: k\r\n")
        client.post(PREDICT, body(instances(golden, 0)))
    assert [row["key"] for row in rows_of(log)] == ["k", "k", "k", None]


def test_a_buffer_is_not_inherited(metrics):
    metrics.prediction_log_buffer.follow((), lambda: 5)
    metrics.on_logged_rows("m", "written", 7)
    later = ServerMetrics()
    later.restore(metrics.snapshot())
    assert "buffered_rows" not in later.exposition()
    assert 'outcome="written"} 7' in later.exposition()
    later.add_snapshot(metrics.snapshot())
    assert "\nslipway_prediction_log_buffered_rows 5\n" in later.exposition()


def test_a_log_that_fails_fails_no_request(
    rides, start_log, golden, caplog, monkeypatch
):
    log = start_log()

    def fail(_):
        raise RuntimeError("broken")

    monkeypatch.setattr(log.writer, "offer_batch", fail)
    with asking(rides, log) as client:
        assert client.post(PREDICT, body(instances(golden, 0))).status == 200
    assert "requests were not logged" in caplog.text


def test_workers_log_every_request_once_and_the_last_before_they_end(tmp_path):
    write_linear(tmp_path / "m" / "1")
    monitoring = tmp_path / "monitoring.config"
    monitoring.write_text("prometheus_config { enable: true }")
    flags = (
        "--model_name=m",
        f"--model_base_path={tmp_path / 'm'}",
        "--workers=2",
        f"--prediction_log_dir={tmp_path / 'log'}",
        f"--monitoring_config_file={monitoring}",
    )
    with ServerProcess(flags, log=tmp_path / "server.log") as server:
        server.wait_until_available("m")
        url = f"{server.rest_address}/v1/models/m:predict"
        names = [f"r{number}" for number in range(20)]
        for name in names:
            headers = {"x-request-id": name}
            answer = httpx.post(url, content=ONE_ROW, headers=headers, timeout=20)
            assert answer.status_code == 200
        assert "slipway_prediction_log_buffered_rows" in server.metrics_text()
        server.stop()
    found = PredictionLog(tmp_path / "log", "m")
    rows = found.read().to_pylist()
    assert sorted(row["request_id"] for row in rows) == sorted(names)
    assert sum(counts["written"] for counts in found.dropped().values()) == 20
