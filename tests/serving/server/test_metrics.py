"""Requests that are counted together are counted as one by one."""

from serving.server.core import Servable
from serving.server.metrics import ServerMetrics
from serving.server.rest.http_message import Answer, AnsweredRequest
from serving.server.rest_options import observer_of
from tests.serving.server.fake_backend import half_plus_two_servable

TIMES_S = [0.001, 0.5, 0.001, 2e-5, 0.0]


def test_many_requests_count_as_each():
    together, apart = ServerMetrics(), ServerMetrics()
    for status in ("OK", "NOT_FOUND"):
        together.on_requests("m", "Predict", "REST", status, TIMES_S)
        for took_s in TIMES_S:
            apart.on_request("m", "Predict", "REST", status, took_s)
    assert together.exposition() == apart.exposition()
    page = together.exposition()
    assert 'request_count{model_name="m",status="OK"} 5' in page
    assert 'request_count{model_name="m",status="NOT_FOUND"} 5' in page
    labels = 'model_name="m",API="Predict",entrypoint="REST"'
    assert f"request_latency_count{{{labels}}} 5" in page
    assert f'request_latency_bucket{{{labels},le="10"}} 1' in page


def answered(took_s: float, servable: Servable | None, **answer) -> AnsweredRequest:
    return AnsweredRequest(
        request=None,
        request_id="1",
        answer=Answer(servable=servable, **answer),
        remote="",
        took_s=took_s,
    )


def test_answers_of_a_turn_are_counted_by_model_call_and_code():
    metrics, servable = ServerMetrics(), half_plus_two_servable()
    observer_of(metrics)(
        [
            answered(0.001, servable, api="predict", model="m", num_rows=1),
            answered(0.5, servable, api="predict", model="m", num_rows=1),
            answered(0.1, servable, api="predict", model="m", code="INTERNAL"),
            answered(0.1, servable, api="predict", model="n", num_rows=1),
            answered(0.1, servable, api="classify", model="m", num_rows=3),
            answered(0.1, servable, api="status", model="m"),
            answered(0.1, None, api="predict", model="unknown", code="NOT_FOUND"),
        ]
    )
    assert metrics.requests.value(("m", "OK")) == 3
    assert metrics.requests.value(("m", "INTERNAL")) == 1
    assert metrics.requests.value(("n", "OK")) == 1
    assert metrics.requests.value(("unknown", "NOT_FOUND")) == 0
    assert metrics.request_latency.count(("m", "Predict", "REST")) == 2
    assert metrics.request_latency.count(("m", "Classify", "REST")) == 1
    assert metrics.example_total.value(("m",)) == 3
