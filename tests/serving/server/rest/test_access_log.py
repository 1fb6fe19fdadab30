"""One line a request, without what the request held."""

import json

from serving.server.access_log import AccessLog
from tests.serving.server.fake_backend import FakeBackend, half_plus_two_servable
from tests.serving.server.rest.http_client import ONE_ROW, PREDICT, running


def test_access_log(tmp_path):
    path = tmp_path / "access.jsonl"
    log = AccessLog.at(path)
    backend = FakeBackend(half_plus_two_servable())
    with running(backend, observers=(log,)) as found, found.connect() as client:
        client.post(PREDICT, ONE_ROW, "x-request-id: one\r\n")
        client.post(PREDICT, b'{"instances": ["a secret"]}')
        client.get("/healthz")
        found.loop.call_soon_threadsafe(log.flush)
        found.wait_until(lambda: path.read_bytes().count(b"\n") == 3)
    first, second, third = map(json.loads, path.read_text().splitlines())
    assert first.pop("time").endswith("Z")
    assert 0 < first.pop("took_ms") < 5000
    assert first == {
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
    assert "secret" not in path.read_text()
    assert third["version"] is None
    log.close()
