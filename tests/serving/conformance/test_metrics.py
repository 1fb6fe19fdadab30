"""What Prometheus is told.

Facts from TF Serving's servables/tensorflow/util.cc (names and labels),
util/prometheus_exporter_test.cc (the text), model_servers/http_server.cc (the path) and
tensorflow_model_server_test.py, testPrometheusEndpoint.
"""

import re

import pytest
from tensorflow_serving.apis import classification_pb2, regression_pb2

from tests.serving.conformance.model_list import wait_until
from tests.serving.conformance.wire import (
    TIMEOUT_S,
    failure,
    floats,
    predict_request,
    with_examples,
)

ONE = '{"instances": [1.0]}'
PREFIX = ":tensorflow:serving:"
SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def samples(changing):
    """Returns (name, labels, value) of each line that is no comment."""
    answer = changing.wire.get("/metrics")
    assert answer.status == 200
    found = []
    for line in answer.body.decode().splitlines():
        if line and not line.startswith("#"):
            name, labels, value = SAMPLE.fullmatch(line).groups()
            found.append((name, dict(LABEL.findall(labels or "")), float(value)))
    return found


def total(changing, name, **labels):
    """Returns the sum of a metric's samples that have these labels."""
    return sum(
        value
        for found, has, value in samples(changing)
        if found == PREFIX + name
        and all(has.get(key, "").lower() == wanted for key, wanted in labels.items())
    )


@pytest.fixture(scope="module")
def counted(changing):
    """A model of its own, so that nobody else's requests are counted."""
    changing.put("counted", "half_2", "1")
    changing.add("counted")
    return changing


def rest(kind, body=ONE):
    return lambda wire: wire.post(f"/v1/models/counted:{kind}", body)


def examples(signature):
    return f'{{"signature_name": "{signature}", "examples": [{{"x": 1.0}}, {{}}]}}'


def rpc(name, request):
    return lambda wire: getattr(wire.prediction, name)(request, timeout=TIMEOUT_S)


CALLS = {
    "predict-rest": (rest("predict"), "predict", "rest", 0),
    "classify-rest": (
        rest("classify", examples("classify_x_to_y")),
        "classify",
        "rest",
        2,
    ),
    "regress-rest": (rest("regress", examples("regress_x_to_y")), "regress", "rest", 2),
    "predict-grpc": (
        rpc("Predict", predict_request("counted", x=floats(1.0))),
        "predict",
        "grpc",
        0,
    ),
    "classify-grpc": (
        rpc(
            "Classify",
            with_examples(
                classification_pb2.ClassificationRequest(),
                "counted",
                "classify_x_to_y",
                1.0,
            ),
        ),
        "classify",
        "grpc",
        1,
    ),
    "regress-grpc": (
        rpc(
            "Regress",
            with_examples(
                regression_pb2.RegressionRequest(),
                "counted",
                "regress_x_to_y",
                1.0,
                2.0,
            ),
        ),
        "regress",
        "grpc",
        2,
    ),
}


@pytest.mark.parametrize("case", CALLS)
def test_every_answer_is_counted_once(counted, case):
    """util.cc: RecordModelRequestCount, RecordRequestLatency, …ExampleCount."""
    call, api, entrypoint, num_examples = CALLS[case]
    names = {
        "request_count": {"model_name": "counted", "status": "ok"},
        "request_latency_count": {
            "model_name": "counted",
            "API": api,
            "entrypoint": entrypoint,
        },
        "runtime_latency_count": {"model_name": "counted", "API": api},
        "request_example_counts_count": {"model": "counted"},
        "request_example_count_total": {"model": "counted"},
    }
    before = {name: total(counted, name, **labels) for name, labels in names.items()}
    call(counted.wire)
    expected = {
        "request_count": 1,
        "request_latency_count": 1,
        "runtime_latency_count": 1,
        "request_example_counts_count": min(1, num_examples),
        "request_example_count_total": num_examples,
    }
    # A call may be answered a moment before it is counted.
    wait_until(
        lambda: (
            total(counted, "request_count", **names["request_count"])
            > before["request_count"]
        ),
        "the call is counted",
    )
    after = {name: total(counted, name, **labels) for name, labels in names.items()}
    assert {name: after[name] - before[name] for name in names} == expected


@pytest.mark.parametrize("entrypoint", ["rest", "grpc"])
def test_refusals_are_counted_by_their_status(counted, entrypoint):
    """util.cc: the status of request_count is the name of the code."""
    labels = {"model_name": "counted", "status": "invalid_argument"}
    latency = {"model_name": "counted"}
    before = total(counted, "request_count", **labels)
    timed_before = total(counted, "request_latency_count", **latency)
    if entrypoint == "rest":
        rest("predict", '{"instances": ["x"]}')(counted.wire)
    else:
        request = predict_request("counted", z=floats(1.0))
        failure(counted.wire.prediction.Predict, request)
    wait_until(
        lambda: total(counted, "request_count", **labels) - before == 1,
        "the refusal is counted",
    )
    # The latency is that of answers alone.
    assert total(counted, "request_latency_count", **latency) == timed_before


LABELS = {
    "request_count": {"model_name", "status"},
    "request_latency_bucket": {"model_name", "API", "entrypoint", "le"},
    "runtime_latency_bucket": {"model_name", "API", "runtime", "le"},
    "request_example_counts_bucket": {"model", "le"},
    "request_example_count_total": {"model"},
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_are_tf_servings(counted, name):
    """util.cc: names of the labels."""
    rest("classify", examples("classify_x_to_y"))(counted.wire)
    found = [has for metric, has, _ in samples(counted) if metric == PREFIX + name]
    assert found
    assert {frozenset(has) for has in found} == {frozenset(LABELS[name])}


def test_histograms_are_cumulative_and_add_up(counted):
    """prometheus_exporter_test.cc: Histogram; buckets of 10 µs times powers of 1.8."""
    rest("predict")(counted.wire)
    buckets = [
        (has["le"], value)
        for name, has, value in samples(counted)
        if name == f"{PREFIX}request_latency_bucket"
        and has["model_name"] == "counted"
        and has["API"].lower() == "predict"
        and has["entrypoint"].lower() == "rest"
    ]
    bounds = [float(bound) for bound, _ in buckets[:3]]
    assert bounds == pytest.approx([10, 18, 32.4])
    values = [value for _, value in buckets]
    assert values == sorted(values)
    assert buckets[-1][0] == "+Inf"
    labels = {"model_name": "counted", "API": "predict", "entrypoint": "rest"}
    assert values[-1] == total(counted, "request_latency_count", **labels)
    assert total(counted, "request_latency_sum", **labels) > 0


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("request_count", "counter"),
        ("request_latency", "histogram"),
        ("request_example_count_total", "counter"),
    ],
)
def test_every_metric_says_its_type(counted, name, kind):
    """prometheus_exporter_test.cc: the TYPE line."""
    rest("classify", examples("classify_x_to_y"))(counted.wire)
    answer = counted.wire.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert f"# TYPE {PREFIX}{name} {kind}\n" in answer.body.decode()


def test_default_path_is_not_offered_beside_another(counted):
    """http_server.cc: one path is registered."""
    assert counted.wire.get("/monitoring/prometheus/metrics").status == 404


def test_metrics_are_off_by_default(served):
    """http_server.cc: only where the monitoring config enables them."""
    assert served.get("/monitoring/prometheus/metrics").status == 404
