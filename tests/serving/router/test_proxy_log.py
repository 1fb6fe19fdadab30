"""What `slipway proxy` logs is what the server behind it logs itself."""

import base64
import json

import grpc
import numpy as np
import pytest
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from serving.client.rest_client import RestClient
from serving.client.tensor_proto import fill_tensor
from serving.client.wire_messages import new_message
from serving.prediction_log.log_config import LogConfig
from serving.prediction_log.log_reader import PredictionLog
from tests.serving.router.running_router import RunningRouter
from tests.serving.tiny_rides import golden_rows, serialized_example

PATH = "/v1/models/rides:predict"
ROWS = golden_rows()[18:24]
OWN_CLOCKS = ("time", "latency_us", "transformed")


@pytest.fixture(scope="module")
def logs(tmp_path_factory, built_tiny_bundle):
    """The server's log and the proxy's of the same requests, read; and the counts."""
    from tests.serving.client.running_server import RunningServer

    folder = tmp_path_factory.mktemp("logs")
    flags = (
        f"--model_base_path={built_tiny_bundle.parent}",
        "--model_name=rides",
        f"--prediction_log_dir={folder / 'server'}",
        "--enable_grpc_reflection",
        "--enable_grpc_healthcheck_service",
    )
    with RunningServer(*flags) as server:
        proxy = RunningRouter(
            folder / "proxy" / ".proxy",
            flags={
                "follows_rollout": False,
                "upstream": f"http://{server.rest}",
                "upstream_grpc": server.grpc,
                "log": LogConfig(log_dir=folder / "proxy"),
                "model_dir": built_tiny_bundle.parent,
            },
            model="rides",
            sets_variant=False,
        )
        with proxy:
            _ask_over_rest(proxy)
            _ask_over_grpc(proxy)
        counts = proxy.app.core.recorder.counts
    return (*(_table(folder / name) for name in ("server", "proxy")), counts)


def _ask_over_rest(proxy):
    instances = [
        dict(zip(("miles", "month", "carrier"), row, strict=True)) for row in ROWS
    ]
    columns = {name: [row[name] for row in instances] for name in instances[0]}
    examples = [
        {"b64": base64.b64encode(serialized_example(row)).decode()} for row in ROWS
    ]
    bodies = {
        "rows": {"instances": instances},
        "columns": {"inputs": columns},
        "examples": {"signature_name": "serving_examples", "instances": examples},
        "named": {
            "signature_name": "serving_examples",
            "instances": [{"examples": one} for one in examples],
        },
        "bad": {"instances": [{"miles": "far"}]},
        "features": {"signature_name": "transform_features", "instances": examples},
    }
    for name, body in bodies.items():
        keys = ",".join(f"ride%20{number}" for number in range(len(ROWS)))
        status, _, answer = proxy.ask(
            PATH,
            json.dumps(body).encode(),
            x_request_id=f"rest-{name}",
            x_slipway_key=keys,
            x_slipway_event_time="2013-05-01T10:00:00Z",
            x_slipway_variant="candidate",
        )
        assert status == (400 if name == "bad" else 200), answer
    proxy.ask(PATH, json.dumps(bodies["rows"]).encode(), x_request_id="plain")
    with RestClient(proxy.rest, "rides") as client:
        client.predict(instances)


def _ask_over_grpc(proxy):
    metadata = (("x-slipway-event-time", "2013-05-02T10:00:00Z"),)
    texts = np.array([(row[2] or "").encode() for row in ROWS], object)
    numbers = np.array(
        [[np.nan if v is None else v for v in row[:2]] for row in ROWS], np.float32
    )
    named = {"miles": numbers[:, 0], "month": numbers[:, 1], "carrier": texts}
    examples = np.array([serialized_example(row) for row in ROWS], object)
    with grpc.insecure_channel(proxy.grpc) as channel:
        services = ProtoReflectionDescriptorDatabase(channel).get_services()
        assert "tensorflow.serving.PredictionService" in services
        health = channel.unary_unary("/grpc.health.v1.Health/Check")
        assert health(b"") == b"\x08\x01"
        predict = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        for name, inputs in (
            ("serving_default", named),
            ("serving_examples", {"examples": examples}),
        ):
            request = new_message("PredictRequest")
            request.model_spec.name = "rides"
            request.model_spec.signature_name = name
            for key, values in inputs.items():
                fill_tensor(request.inputs[key], values)
            predict(
                request.SerializeToString(),
                metadata=(*metadata, ("x-request-id", f"grpc-{name}")),
            )


def _table(log_dir):
    table = PredictionLog(log_dir, "rides").read()
    named = table.drop_columns([n for n in OWN_CLOCKS if n in table.column_names])
    return sorted(named.to_pylist(), key=lambda row: (row["request_id"], row["row"]))


def test_the_proxy_logs_every_prediction_as_the_server_does(logs):
    server, proxy, counts = logs
    assert len(server) == 8 * len(ROWS)
    assert proxy == server
    assert (counts.offered, counts.dropped, counts.unreadable) == (8, 0, 0)


def test_the_rows_hold_what_was_asked_and_answered(logs):
    _, proxy, _ = logs
    [row] = [r for r in proxy if (r["request_id"], r["row"]) == ("rest-rows", 2)]
    assert row["inputs"] == {"miles": None, "month": 3, "carrier": "EV"}
    assert row["key"] == "ride 2"
    assert row["variant"] == "candidate"
    assert row["event_time"].isoformat() == "2013-05-01T10:00:00+00:00"
    assert 0 < row["outputs"]["probability"] < 1
    assert row["version"] == 1
    assert len(row["bundle_digest"]) == 64
    alike = [r["outputs"] for r in proxy if r["row"] == 2]
    assert alike == [row["outputs"]] * 8


def test_failed_requests_and_features_are_not_logged(logs):
    _, proxy, _ = logs
    found = {row["request_id"] for row in proxy}
    assert not {"rest-bad", "rest-features"} & found
