"""Batching by a parameters file.

Facts from TF Serving's batching/batching_session_test.cc, batching_util_test.cc and
README.md, and tensorflow_model_server_test.py, testPredictBatching. The model tells how
many rows its batch had.
"""

import threading
import time

import grpc
import numpy as np
import pytest

from tests.serving.conformance.wire import (
    TIMEOUT_S,
    failure,
    floats,
    predict_request,
)

# A batch of four rows runs at once, a smaller one after a fifth of a second.
PARAMETERS = """
max_batch_size { value: 4 }
batch_timeout_micros { value: 200000 }
max_enqueued_batches { value: 1 }
num_batch_threads { value: 1 }
allowed_batch_sizes: 2
allowed_batch_sizes: 4
enable_large_batch_splitting { value: false }
"""
FULL = {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE}


@pytest.fixture(scope="module")
def batched(serve, place, tmp_path_factory):
    """A server that batches, and shows its metrics at the default path."""
    root = tmp_path_factory.mktemp("batched")
    place("batch_probe", root / "probe" / "1")
    (root / "batching.txt").write_text(PARAMETERS)
    (root / "monitoring.txt").write_text("prometheus_config { enable: true }")
    _, wire = serve(
        "batched",
        "--model_name=probe",
        f"--model_base_path={root / 'probe'}",
        "--enable_batching=true",
        f"--batching_parameters_file={root / 'batching.txt'}",
        f"--monitoring_config_file={root / 'monitoring.txt'}",
        models=["probe"],
    )
    return wire


def start(wire, signature="", **inputs):
    request = predict_request("probe", signature=signature, **inputs)
    return wire.prediction.Predict.future(request, timeout=TIMEOUT_S)


def values(call, name="y"):
    tensor = call.result().outputs[name]
    return list(tensor.float_val) or list(tensor.int_val)


@pytest.mark.parametrize(("given", "run"), [(1, 2), (2, 2), (3, 4), (4, 4)])
def test_batches_are_filled_up_to_an_allowed_size(batched, given, run):
    """batching_session_test.cc: AllowedBatchSizes_RequirePadding, _NoPaddingNeeded."""
    call = start(batched, x=floats(*range(given)))
    assert values(call) == [row * 0.5 + 2.0 for row in range(given)]
    assert values(call, "rows") == [run] * given


def test_requests_that_fit_share_a_batch(batched):
    """batching_session_test.cc: Basic."""
    calls = [start(batched, x=floats(*row)) for row in ((0, 2), (4,), (6,))]
    assert [values(call) for call in calls] == [[2.0, 3.0], [4.0], [5.0]]
    assert [values(call, "rows") for call in calls] == [[4, 4], [4], [4]]


def test_full_batch_does_not_wait(batched):
    """batching/README.md: batch_timeout_micros is for batches that are not full."""
    started = time.monotonic()
    values(start(batched, x=floats(1, 2, 3, 4)))
    assert time.monotonic() - started < 0.2


def test_batch_that_is_not_full_waits_for_the_time_out(batched):
    """batching/README.md: batch_timeout_micros."""
    started = time.monotonic()
    values(start(batched, x=floats(1.0)))
    assert time.monotonic() - started >= 0.19


def test_request_of_more_rows_than_a_batch_is_refused(batched):
    """batching_session_test.cc: RequestWithLargerBatch..; shared_batch_scheduler.h."""
    request = predict_request("probe", x=floats(*range(5)))
    error = failure(batched.prediction.Predict, request)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_each_signature_has_batches_of_its_own(batched):
    """batching_session_test.cc: MultipleSignatures."""
    first = start(batched, x=floats(0, 2))
    other = start(batched, "other", x=floats(0, 2))
    assert (values(first), values(other)) == ([2.0, 3.0], [3.0, 4.0])
    assert values(first, "rows") == [2, 2]


def test_output_filter_is_kept_in_batches(batched):
    """batching_session_test.cc: a task's own output tensor names."""
    request = predict_request("probe", x=floats(0.0))
    request.output_filter.append("y")
    answer = batched.prediction.Predict(request, timeout=TIMEOUT_S)
    assert list(answer.outputs) == ["y"]


def test_rows_of_two_dimensions_are_batched(batched):
    """batching_session_test.cc: tensors of a higher rank."""
    wide = np.arange(6, dtype=np.float32).reshape(3, 2)
    answer = start(batched, "wide", wide=wide).result()
    assert list(answer.outputs["wide"].float_val) == [0, 1, 2, 3, 4, 5]
    assert list(answer.outputs["rows"].int_val) == [4, 4, 4]


def test_rest_requests_are_batched_too(batched):
    """http_rest_api_handler.cc runs the same session."""
    body = '{"instances": [{"x": 0.0}, {"x": 2.0}, {"x": 4.0}]}'
    answer = batched.post("/v1/models/probe:predict", body)
    expected = [{"rows": 4, "y": y} for y in (2.0, 3.0, 4.0)]
    assert answer.json == {"predictions": expected}


def test_scalar_input_is_refused_where_requests_are_batched(batched):
    """batching_session_test.cc: RequestThatDoesntMatch.., SingletonBatch's inverse."""
    request = predict_request("probe", x=np.float32(1.0))
    error = failure(batched.prediction.Predict, request)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_failure_inside_a_batch_reaches_its_requests(batched):
    """batching_session_test.cc: ErrorsPropagated."""
    request = predict_request("probe", x=np.array([b"text"]))
    error = failure(batched.prediction.Predict, request)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert values(start(batched, x=floats(0, 0, 0, 0))) == [2.0] * 4


def rounds_of(seconds, batched):
    """Returns how many rounds of the slow signature take about that long."""
    count = 1000
    while True:
        started = time.monotonic()
        values(start(batched, "slow", rounds=np.full(4, count)))
        took_s = time.monotonic() - started
        if took_s > 0.1:
            return int(count * seconds / took_s)
        count *= 4


def batches_begun(batched):
    """Returns how many batches have left the queue so far."""
    text = batched.get("/monitoring/prometheus/metrics").body.decode()
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in text.splitlines()
        if "batching_session:queuing_latency_count" in line
    )


def wait_for_one_more_batch(batched, before):
    """Returns once a batch runs: only then does the next request have to wait."""
    end = time.monotonic() + TIMEOUT_S
    while batches_begun(batched) == before:
        assert time.monotonic() < end
        time.sleep(0.005)


def test_queue_is_bounded(batched):
    """shared_batch_scheduler_test.cc: a full queue refuses, and serves again later.

    TF Serving says UNAVAILABLE. A server that says RESOURCE_EXHAUSTED tells its clients
    the same: too much at a time, try again.
    """
    rounds = np.full(4, rounds_of(0.7, batched))
    before = batches_begun(batched)
    calls = [start(batched, "slow", rounds=rounds)]
    wait_for_one_more_batch(batched, before)
    calls += [start(batched, "slow", rounds=rounds) for _ in range(7)]
    codes = [call.code() for call in calls]
    assert codes.count(grpc.StatusCode.OK) >= 2
    refused = set(codes) - {grpc.StatusCode.OK}
    assert refused
    assert refused <= FULL
    assert values(start(batched, x=floats(0, 0, 0, 0))) == [2.0] * 4


def test_full_queue_over_rest(batched):
    """http_server.cc: RESOURCE_EXHAUSTED is 429, UNAVAILABLE is 503."""
    rounds = rounds_of(0.7, batched)
    body = (
        f'{{"signature_name": "slow", "instances": [{", ".join([str(rounds)] * 4)}]}}'
    )
    statuses = []

    def ask():
        statuses.append(batched.post("/v1/models/probe:predict", body).status)

    before = batches_begun(batched)
    threads = [threading.Thread(target=ask) for _ in range(8)]
    threads[0].start()
    wait_for_one_more_batch(batched, before)
    for thread in threads[1:]:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses.count(200) >= 2
    assert set(statuses) - {200}
    assert set(statuses) - {200} <= {429, 503}


def test_time_in_the_queue_is_measured(batched):
    """batching_session.cc: /tensorflow/serving/batching_session/queuing_latency."""
    values(start(batched, x=floats(0, 0, 0, 0)))
    text = batched.get("/monitoring/prometheus/metrics").body.decode()
    assert (
        "# TYPE :tensorflow:serving:batching_session:queuing_latency histogram" in text
    )
