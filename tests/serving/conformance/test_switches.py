"""A server with everything switched on that is off by default.

Facts from TF Serving's model_servers/main.cc and server.cc (flags),
tensorflow_model_server_test.py (testPredictUDS, testGrpcChannelArgs, config polling),
server_core_test.cc (labels), classifier_test.cc and predict_util_test.cc (method
names), http_rest_api_util.cc (CORS) and util/prometheus_exporter.cc.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import classification_pb2, regression_pb2

from tests.serving.conformance.model_list import config_text, wait_until
from tests.serving.conformance.wire import (
    TIMEOUT_S,
    Wire,
    failure,
    floats,
    predict_request,
    with_examples,
)

INVALID = grpc.StatusCode.INVALID_ARGUMENT
CORS = "access-control-allow-origin"


@dataclass(frozen=True, kw_only=True)
class Switched:
    """The server, and the files it follows."""

    wire: Wire
    root: Path
    config: Path
    socket: Path

    def write_config(self, *models):
        """Replaces the configuration at once, as careful operators do."""
        first = {"name": "first", "base_path": str(self.root / "first")}
        others = [
            {"name": name, "base_path": str(self.root / name)}
            for name in ("echoes", "classes", "probe")
        ]
        new = self.config.with_suffix(".new")
        new.write_text(config_text([first, *others, *models]))
        new.rename(self.config)

    def model(self, name, **config):
        return {"name": name, "base_path": str(self.root / name), **config}


@pytest.fixture(scope="module")
def switched(serve, place, tmp_path_factory):
    root = tmp_path_factory.mktemp("switched")
    for name, template in (
        ("first", "half_2"),
        ("echoes", "echoes"),
        ("classes", "classes"),
        ("probe", "batch_probe"),
    ):
        place(template, root / name / "1")
    warmup = root / "first" / "1" / "assets.extra" / "tf_serving_warmup_requests"
    warmup.parent.mkdir()
    warmup.write_bytes(b"this is no file of TFRecords, and warm-up is off")
    (root / "monitoring.txt").write_text("prometheus_config { enable: true }")
    made = Switched(
        wire=None, root=root, config=root / "models.txt", socket=root / "grpc.sock"
    )
    made.write_config()
    flags = {
        "model_config_file": made.config,
        "model_config_file_poll_wait_seconds": 1,
        "file_system_poll_wait_seconds": 1,
        "allow_version_labels_for_unavailable_models": "true",
        "max_num_load_retries": 0,
        "enable_model_warmup": "false",
        "monitoring_config_file": root / "monitoring.txt",
        "grpc_socket_path": made.socket,
        "grpc_channel_arguments": "grpc.max_concurrent_streams=64,grpc.some_text=a",
        "enable_grpc_healthcheck_service": "true",
        "enable_signature_method_name_check": "true",
        "enable_serialization_as_tensor_content": "true",
        "rest_api_enable_cors_support": "true",
        "rest_api_timeout_in_ms": 1000,
    }
    given = [f"--{name}={value}" for name, value in flags.items()]
    _, wire = serve("switched", *given, models=["first", "echoes", "classes", "probe"])
    return Switched(wire=wire, root=root, config=made.config, socket=made.socket)


def answer_of(switched, name, rest=""):
    answer = switched.wire.post(f"/v1/models/{name}{rest}:predict", '{"inputs":[[0]]}')
    return answer.json["outputs"][0][0] if answer.status == 200 else answer.status


def test_socket_answers_beside_the_port(switched):
    """tensorflow_model_server_test.py: testPredictUDS."""
    wire = Wire(switched.wire.rest_port, f"unix:{switched.socket}")
    request = predict_request("first", x=floats(2.0))
    for one in (wire, switched.wire):
        response = one.prediction.Predict(request, timeout=TIMEOUT_S)
        assert response.model_spec.version.value == 1
    wire.close()


def test_numbers_come_as_tensor_content(switched):
    """predict_util.cc: kAsProtoContent, by --enable_serialization_as_tensor_content."""
    request = predict_request("first", x=floats(2.0, 4.0))
    y = switched.wire.prediction.Predict(request, timeout=TIMEOUT_S).outputs["y"]
    assert list(y.float_val) == []
    assert np.frombuffer(y.tensor_content, np.float32).tolist() == [3.0, 4.0]


@pytest.mark.parametrize(
    ("service", "code"), [("", None), ("nobody", grpc.StatusCode.NOT_FOUND)]
)
def test_health_is_told_where_it_is_switched_on(switched, service, code):
    """server.cc: gRPC's default health check service."""
    stub = health_pb2_grpc.HealthStub(switched.wire.channel)
    request = health_pb2.HealthCheckRequest(service=service)
    if code:
        assert failure(stub.Check, request).code() is code
    else:
        status = stub.Check(request, timeout=TIMEOUT_S).status
        assert status == health_pb2.HealthCheckResponse.SERVING


def test_health_is_not_offered_by_default(served):
    """main.cc: enable_grpc_healthcheck_service is false."""
    stub = health_pb2_grpc.HealthStub(served.channel)
    error = failure(stub.Check, health_pb2.HealthCheckRequest())
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_is_not_offered_by_default(served, version):
    """server.cc registers no reflection."""
    call = served.channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
    )
    with pytest.raises(grpc.RpcError) as caught:
        next(call(iter([b""]), timeout=TIMEOUT_S))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_session_service_is_not_offered(served):
    """apis/session_service.proto has no implementation in the model server."""
    call = served.channel.unary_unary("/tensorflow.serving.SessionService/SessionRun")
    assert failure(call, b"").code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_any_origin_may_read_where_it_is_switched_on(switched, method):
    """http_rest_api_util.cc: AddCORSHeaders."""
    path = "/v1/models/first" + (":predict" if method == "POST" else "")
    body = b'{"inputs": [[0]]}' if method == "POST" else None
    answer = switched.wire.http(method, path, body)
    assert (answer.status, answer.headers[CORS]) == (200, "*")
    assert answer.headers["access-control-allow-methods"] == "POST, GET"
    assert answer.headers["access-control-allow-headers"] == "Content-Type"


def test_no_origin_is_named_by_default(served):
    """main.cc: rest_api_enable_cors_support is false."""
    assert CORS not in served.get("/v1/models/half_plus_two").headers


def test_metrics_are_at_the_default_path(switched):
    """prometheus_exporter.cc: kPrometheusPath."""
    assert answer_of(switched, "first") == 2.0
    answer = switched.wire.get("/monitoring/prometheus/metrics")
    assert answer.status == 200
    counted = b':tensorflow:serving:request_count{model_name="first",status="OK"}'
    assert counted in answer.body


def test_warm_up_can_be_switched_off(switched):
    """main.cc: enable_model_warmup; the file beside this version cannot be read."""
    assert switched.wire.states("first") == {1: "AVAILABLE"}


@pytest.mark.parametrize(
    ("kind", "signature", "words"),
    [
        ("classify", "classify_by_predict", "classification signature method_name"),
        ("classify", "regress_column", "classification signature method_name"),
        ("regress", "regress_by_predict", "regression signature method_name"),
        ("regress", "classify_only_scores", "regression signature method_name"),
    ],
)
def test_method_names_are_checked_where_it_is_switched_on(
    switched, kind, signature, words
):
    """classifier_test.cc, regressor_test.cc: the method must be the call's."""
    request = (
        classification_pb2.ClassificationRequest()
        if kind == "classify"
        else regression_pb2.RegressionRequest()
    )
    with_examples(request, "classes", signature, 1.0)
    error = failure(getattr(switched.wire.prediction, kind.capitalize()), request)
    assert error.code() is INVALID
    assert f"Expected {words} to be tensorflow/serving/{kind}" in error.details()


def test_predict_checks_method_names_where_it_is_switched_on(switched):
    """predict_util_test.cc: any of TF Serving's three will do, another is INTERNAL."""
    request = predict_request("echoes", signature="odd_method", x=floats(1.0))
    error = failure(switched.wire.prediction.Predict, request)
    assert error.code() is grpc.StatusCode.INTERNAL
    request = predict_request("first", signature="regress_x2_to_y3", inputs=floats(2.0))
    answer = switched.wire.prediction.Predict(request, timeout=TIMEOUT_S)
    assert list(answer.outputs) == ["outputs"]


def test_rest_request_that_takes_too_long_is_a_gateway_time_out(switched):
    """http_rest_api_handler.cc: timeout_in_ms; http_server.cc: its status is 504."""
    rounds = 1000
    while True:
        started = time.monotonic()
        request = predict_request("probe", signature="slow", rounds=np.array([rounds]))
        switched.wire.prediction.Predict(request, timeout=TIMEOUT_S)
        took_s = time.monotonic() - started
        if took_s > 0.1:
            break
        rounds *= 4
    rounds = int(rounds * 3.0 / took_s)
    body = f'{{"signature_name": "slow", "instances": [{rounds}]}}'
    answer = switched.wire.post("/v1/models/probe:predict", body)
    assert answer.status == 504


def test_grpc_deadline_ends_a_call(switched):
    """prediction_service_impl.cc: DeadlineToTimeoutMillis."""
    request = predict_request("probe", signature="slow", rounds=np.array([10**6]))
    with pytest.raises(grpc.RpcError) as caught:
        switched.wire.prediction.Predict(request, timeout=0.05)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_config_file_is_followed(switched, place):
    """tensorflow_model_server_test.py: testModelConfigReload: models come and go."""
    place("half_1", switched.root / "one" / "1")
    place("half_3", switched.root / "other" / "1")
    switched.write_config(switched.model("one"))
    wait_until(lambda: answer_of(switched, "one") == 1.0, "one is served")
    switched.write_config(switched.model("other"))
    wait_until(lambda: answer_of(switched, "other") == 3.0, "other is served")
    wait_until(lambda: answer_of(switched, "one") == 404, "one is unloaded")
    assert answer_of(switched, "first") == 2.0


@pytest.mark.parametrize(
    "text",
    ["improperly formatted file", "", "model_config_list { config { name: 'a' } }"],
    ids=["no-text-format", "empty", "model-without-a-platform"],
)
def test_config_file_that_cannot_be_used_changes_nothing(switched, text, place):
    """tensorflow_model_server_test.py: testModelConfigReloadWithZeroPollPeriod…

    server.cc only logs what is wrong with a file that it polls.
    """
    name = f"after_{len(text)}"
    place("half_3", switched.root / name / "1")
    switched.config.write_text(text)
    deadline_s = time.monotonic() + 1.5
    while time.monotonic() < deadline_s:
        assert answer_of(switched, "first") == 2.0
        time.sleep(0.1)
    switched.write_config(switched.model(name))
    wait_until(lambda: answer_of(switched, name) == 3.0, f"{name} is served")


def test_label_may_come_before_its_version_where_it_is_switched_on(switched, place):
    """server_core_test.cc: AllowVersionLabelsForUnavailableModels."""
    place("half_1", switched.root / "early" / "1")
    switched.write_config(switched.model("early", all=True, labels={"next": 9}))
    wait_until(lambda: answer_of(switched, "early") == 1.0, "early is served")
    wait_until(
        lambda: answer_of(switched, "early", "/labels/next") == 404,
        "the label is known",
    )
    place("half_3", switched.root / "early" / "9")
    wait_until(
        lambda: answer_of(switched, "early", "/labels/next") == 3.0, "9 is served"
    )


def test_known_label_never_moves_to_a_version_that_does_not_serve(switched, place):
    """server_core_test.cc: a label in use with another version is not allowed to."""
    place("half_1", switched.root / "kept" / "1")
    switched.write_config(switched.model("kept", labels={"stable": 1}))
    wait_until(lambda: answer_of(switched, "kept", "/labels/stable") == 1.0, "stable")
    switched.write_config(switched.model("kept", labels={"stable": 9}))
    deadline_s = time.monotonic() + 1.5
    while time.monotonic() < deadline_s:
        assert answer_of(switched, "kept", "/labels/stable") == 1.0
        time.sleep(0.1)
    switched.write_config()
