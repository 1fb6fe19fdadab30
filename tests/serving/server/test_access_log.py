"""One line a request over both protocols, without what the request held."""

import asyncio
import json

import grpc
import pytest
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    regression_pb2,
)

from serving.server.access_log import AccessLog, grpc_line, rest_line
from serving.server.grpc_calls import RpcCall
from serving.server.line_file import PIPE_LINE_BYTES, LineFile
from serving.server.rest.http_message import Answer, AnsweredRequest, HttpRequest
from tests.serving.server.fake_backend import FakeBackend, half_plus_two_servable
from tests.serving.server.grpc_client import example_input, predict_request
from tests.serving.server.rest.http_client import ONE_ROW, PREDICT, running


@pytest.fixture
def log_file(tmp_path):
    return tmp_path / "access.jsonl"


@pytest.fixture
def log(log_file):
    made = AccessLog(LineFile(log_file))
    yield made
    made.close()


def lines_of(log, log_file):
    """Closes the log; returns its lines without what differs from run to run."""
    log.close()
    found = [json.loads(line) for line in log_file.read_text().splitlines()]
    for line in found:
        assert line.pop("time").endswith("Z")
        assert 0 < line.pop("took_ms") < 20000
    return found


def test_rest_requests(log, log_file):
    backend = FakeBackend(half_plus_two_servable())
    seen = []
    observers = (log.on_requests, seen.extend)
    with running(backend, observers=observers) as found, found.connect() as client:
        client.post(PREDICT, ONE_ROW, "x-request-id: one\r\n")
        client.post(PREDICT, b'{"instances": ["a secret"]}')
        client.get("/healthz")
        found.wait_until(lambda: len(seen) == 3)
    first, second, third = lines_of(log, log_file)
    assert first == {
        "protocol": "rest",
        "request_id": "one",
        "remote": "127.0.0.1",
        "method": "POST",
        "path": PREDICT,
        "status": 200,
        "code": "OK",
        "api": "predict",
        "model": "half_plus_two",
        "version": 123,
        "rows": 1,
        "request_bytes": len(ONE_ROW),
        "answer_bytes": len(b'{\n    "predictions": [2.5\n    ]\n}'),
    }
    assert (second["status"], second["code"]) == (400, "INVALID_ARGUMENT")
    assert "secret" not in log_file.read_text()
    assert third["version"] is None


def test_grpc_calls(talk, log, log_file):
    async def conversation(client):
        asked = {"metadata": (("x-request-id", "one"),)}
        await client.call(
            client.prediction, "Predict", predict_request((1.0, 2.0)), **asked
        )
        refused = predict_request(signature_name="a secret")
        unknown = predict_request(name="n")
        for request in (refused, unknown):
            with pytest.raises(grpc.aio.AioRpcError):
                await client.call(client.prediction, "Predict", request)

    talk(conversation, observers=(log.on_call,))
    first, second, third = lines_of(log, log_file)
    assert first == {
        "protocol": "grpc",
        "request_id": "one",
        "remote": "127.0.0.1",
        "method": "Predict",
        "path": "/tensorflow.serving.PredictionService/Predict",
        "status": None,
        "code": "OK",
        "api": "predict",
        "model": "m",
        "version": 1,
        "rows": 2,
        "request_bytes": None,
        "answer_bytes": None,
    }
    assert (second["code"], second["version"]) == ("FAILED_PRECONDITION", 1)
    assert "secret" not in log_file.read_text()
    assert (third["code"], third["model"], third["version"]) == ("NOT_FOUND", "n", None)
    assert third["rows"] == 0


def test_every_rpc_has_a_line(talk, log, log_file):
    classify = classification_pb2.ClassificationRequest()
    example_input(classify, 1.0, 2.0, 3.0)
    classify.model_spec.name = "m"
    classify.model_spec.signature_name = "classify"
    regress = example_input(regression_pb2.RegressionRequest(), 1.0)
    regress.model_spec.name = "m"
    regress.model_spec.signature_name = "classify"
    several = inference_pb2.MultiInferenceRequest()
    example_input(several, 1.0)
    for name in ("classify", "regress"):
        task = several.tasks.add(method_name=f"tensorflow/serving/{name}")
        task.model_spec.name = "m"
        task.model_spec.signature_name = name
    metadata = get_model_metadata_pb2.GetModelMetadataRequest(
        metadata_field=["signature_def"]
    )
    status = get_model_status_pb2.GetModelStatusRequest()
    metadata.model_spec.name = status.model_spec.name = "m"
    reload_config = model_management_pb2.ReloadConfigRequest()

    async def conversation(client):
        prediction, model = client.prediction, client.model
        await client.call(prediction, "Classify", classify)
        await client.call(prediction, "MultiInference", several)
        await client.call(prediction, "GetModelMetadata", metadata)
        await client.call(model, "GetModelStatus", status)
        with pytest.raises(grpc.aio.AioRpcError):
            await client.call(model, "HandleReloadConfigRequest", reload_config)
        with pytest.raises(grpc.aio.AioRpcError):
            await client.call(prediction, "Regress", regress)

    talk(conversation, observers=(log.on_call,))
    shown = ("api", "model", "version", "rows", "code")
    found = [tuple(line[name] for name in shown) for line in lines_of(log, log_file)]
    assert found == [
        ("classify", "m", 1, 3, "OK"),
        ("multi_inference", "m", 1, 1, "OK"),
        ("metadata", "m", 1, 0, "OK"),
        ("status", "m", None, 0, "OK"),
        ("reload_config", "", None, 0, "INVALID_ARGUMENT"),
        ("regress", "m", 1, 0, "INVALID_ARGUMENT"),
    ]


@pytest.mark.parametrize(
    ("timeout_s", "code"), [(0.3, "DEADLINE_EXCEEDED"), (None, "CANCELLED")]
)
def test_calls_that_were_given_up_say_why(talk, monkeypatch, timeout_s, code):
    codes = []

    async def never(*_, **__):
        await asyncio.sleep(30)

    monkeypatch.setattr("serving.server.saved_model.SavedModelServable.run", never)

    async def conversation(client):
        asked = client.prediction.Predict(predict_request(), timeout=timeout_s)
        await asyncio.sleep(0.2)
        if timeout_s is None:
            asked.cancel()
        while not codes:
            await asyncio.sleep(0.01)

    talk(conversation, observers=(lambda call: codes.append(call.code),))
    assert codes == [code]


@pytest.mark.parametrize(
    ("peer", "remote"),
    [
        ("ipv4:10.0.0.7:50123", "10.0.0.7"),
        ("ipv6:%5B::1%5D:50123", "::1"),
        ("unix:", ""),
    ],
)
def test_grpc_clients_address(peer, remote):
    call = RpcCall(
        service="s", method="Predict", request_id="", peer=lambda: peer, model=""
    )
    assert json.loads(grpc_line(call))["remote"] == remote


def test_longest_line_goes_into_a_pipe_in_one_write():
    request_id, name, path = '"' * 200, "\x01" * 5000, b"\x01" * 60000
    request = HttpRequest(
        method="POST",
        path=path,
        body=b"",
        received_bytes=1 << 40,
        request_id=request_id,
        keeps_alive=True,
        is_http_1_0=False,
        started_s=0.0,
    )
    answer = Answer(
        api="predict",
        model=name,
        code="RESOURCE_EXHAUSTED",
        servable=half_plus_two_servable(2**63 - 1),
        num_rows=1 << 40,
    )
    answered = AnsweredRequest(
        request=request,
        request_id=request_id,
        answer=answer,
        remote="0000:0000:0000:0000:0000:ffff:192.168.100.228%interface-name",
        took_s=123456.789,
    )
    call = RpcCall(
        service="tensorflow.serving.PredictionService",
        method="HandleReloadConfigRequest",
        request_id=request_id,
        peer=str,
        model=name,
    )
    assert len(rest_line(answered)) < PIPE_LINE_BYTES
    assert len(grpc_line(call)) < PIPE_LINE_BYTES
