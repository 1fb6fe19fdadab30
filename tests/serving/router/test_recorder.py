"""What a proxy logs of a server that is not ours, or not as it says."""

import time

import pytest

from serving.client.errors import ModelNotFoundError
from serving.prediction_log.log_config import LogConfig
from serving.prediction_log.log_reader import PredictionLog
from serving.router.served_models import ServedModels
from tests.serving.router.running_router import PREDICT, RunningRouter


def proxied(folder, arm, share=1.0):
    """A proxy that logs."""
    flags = {
        "follows_rollout": False,
        "upstream": arm.url,
        "upstream_grpc": arm.grpc,
        "log": LogConfig(log_dir=folder, share=share),
    }
    return RunningRouter(folder / ".proxy", flags=flags, sets_variant=False)


def logged(folder):
    return PredictionLog(folder, "m").read().to_pylist()


def test_a_server_that_tells_no_version_is_asked_for_it(tmp_path, stable):
    with proxied(tmp_path, stable) as proxy:
        proxy.ask(x_request_id="a")
        proxy.ask(body=b'{"instances": [2.5]}', x_request_id="b")
    rows = {row["request_id"]: row for row in logged(tmp_path)}
    assert [(row["version"], row["bundle_digest"]) for row in rows.values()] == [
        (5, "")
    ] * 2
    assert rows["a"]["inputs"] == {"x": 1.0}
    assert rows["b"]["inputs"] == {"x": 2.5}
    assert rows["a"]["outputs"] == {"y": 1.0}
    assert rows["a"]["variant"] is None


def test_many_requests_are_logged_each_with_its_own_facts(tmp_path, stable):
    stable.reply = lambda seen: (
        200, {}, b'{"predictions": [%b]}' % seen.headers["x-y"].encode()
    )  # fmt: skip
    before_us = time.time_ns() // 1000
    with proxied(tmp_path, stable) as proxy:
        for number in range(100):
            values = ",".join(str(number + row) for row in range(1 + number % 3))
            body = '{{"instances": [{}]}}'.format(
                ",".join(f'{{"x": {value}}}' for value in values.split(","))
            )
            proxy.ask(
                PREDICT,
                body.encode(),
                x_request_id=f"r{number:03}",
                x_slipway_key=values,
                x_y=values,
            )
    after_us = time.time_ns() // 1000
    rows = logged(tmp_path)
    assert len(rows) == sum(1 + number % 3 for number in range(100))
    for row in rows:
        x = int(row["request_id"][1:]) + row["row"]
        assert (row["inputs"]["x"], row["outputs"]["y"], row["key"]) == (x, x, str(x))
        assert before_us <= row["time"].timestamp() * 1e6 <= after_us


@pytest.mark.parametrize(
    ("body", "reply"),
    [
        (b'{"instances": [{"z": 1.0}]}', b'{"predictions": [1.0]}'),
        (b'{"instances": [{"x": 1.0}]}', b'{"predictions": ["late"]}'),
        (b"no JSON", b'{"predictions": [1.0]}'),
        (b"[1]", b'{"predictions": [1.0]}'),
        (b"[" * 100_000, b'{"predictions": [1.0]}'),
        (
            b'{"instances": [{"x": 1.0}]}',
            b'{"predictions": %b NaN' % (b"[" * 60_000),
        ),
        (b'{"instances": [{"x": 1.0}]}', b"no JSON"),
        (b'{"signature_name": "odd", "instances": [1]}', b'{"predictions": [1.0]}'),
    ],
    ids=["input", "output", "request", "list", "deep", "deep answer", "answer", "name"],
)
def test_what_cannot_be_read_passes_and_is_counted(tmp_path, stable, body, reply):
    stable.reply = (200, {}, reply)
    with proxied(tmp_path, stable) as proxy:
        assert proxy.ask(body=body)[2] == reply
        stable.reply = (200, {}, b'{"predictions": [1.0]}')
        proxy.ask()
    counts = proxy.app.core.recorder.counts
    assert (counts.offered, counts.unreadable) == (1, 1)
    assert len(logged(tmp_path)) == 1


def test_a_server_that_does_not_tell_its_signatures_is_asked_now_and_then(stable):
    asked = []

    def reply(seen):
        asked.append(seen.path)
        return (404, {}, b'{"error": "none"}')

    stable.reply = reply
    models = ServedModels("m", None)
    for _ in range(50):
        with pytest.raises(ModelNotFoundError):
            models.find(stable.url + "/x", "7", "")
    assert asked == ["/x/v1/models/m/versions/7/metadata"]


def test_a_share_of_the_requests_is_logged(tmp_path, stable):
    with proxied(tmp_path, stable, share=0.3) as proxy:
        for number in range(100):
            proxy.ask(x_request_id=f"r{number}")
    # 100 draws of 0.3: 30 expected, standard deviation 4.6.
    assert 12 <= len(logged(tmp_path)) <= 48
    assert proxy.app.core.recorder.counts.dropped == 0


def test_predictions_that_do_not_fit_the_buffer_are_dropped_and_counted(
    tmp_path, stable, monkeypatch, eventually
):
    monkeypatch.setattr("serving.router.prediction_recorder._MAX_WAITING_BYTES", 100)
    with proxied(tmp_path, stable) as proxy:
        big = b'{"instances": [%b]}' % b",".join([b"1.0"] * 50)
        assert proxy.ask(body=big)[0] == 200
        eventually(lambda: proxy.app.core.recorder.counts.dropped == 1)
