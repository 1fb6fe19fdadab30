"""The server as an orderly client sees it."""

import asyncio
import gzip
import json
import socket

import pytest

from serving.server.rest.server import RestOptions, RestServer
from serving.server.status import Code, ServingError
from tests.serving.server.fake_backend import (
    FLOAT,
    STRING,
    FakeBackend,
    FakeServable,
    half_plus_two_servable,
    make_signature,
)
from tests.serving.server.rest.http_client import ONE_ROW, PREDICT, Client, running

DIGEST = "ab" * 32


def raising(**inputs):
    if "code" in inputs:
        raise ServingError(Code[inputs["code"].ravel()[0].decode()], "as asked")
    raise ZeroDivisionError("a bug")


def nullable(servable, signature):
    is_under_contract = servable.version == 123 and signature == "serving_default"
    return ("x",) if is_under_contract else ()


@pytest.fixture(scope="module")
def seen():
    return []


@pytest.fixture(scope="module")
def server(seen):
    failing = FakeServable(
        name="failing",
        version=1,
        signatures={
            "serving_default": make_signature({"code": STRING}),
            "bug": make_signature({"x": FLOAT}, name="bug"),
            "nothing": make_signature({}, name="nothing"),
        },
        functions={"serving_default": raising, "bug": raising},
    )
    backend = FakeBackend(
        half_plus_two_servable(123, bundle_digest=DIGEST),
        half_plus_two_servable(124),
        failing,
        labels={"stable": 123},
    )
    options = {
        "metrics_path": "/monitoring/prometheus/metrics",
        "metrics_page": lambda: b"a 1\n",
        "observers": (seen.extend,),
        "max_instances": 50,
        "nullable_inputs": nullable,
    }
    with running(backend, **options) as found:
        yield found


@pytest.fixture
def client(server):
    with server.connect() as found:
        yield found


def test_predict(client):
    reply = client.post(PREDICT, b'{"instances": [1.0, 2.0, 5.0]}')
    assert reply.status == 200
    assert reply.body == b'{\n    "predictions": [2.5, 3.0, 4.5\n    ]\n}'
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-slipway-model-version"] == "124"
    assert "x-slipway-bundle-digest" not in reply.headers
    assert "connection" not in reply.headers
    assert reply.headers["date"].endswith(" GMT")


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("/v1/models/half_plus_two:predict", "124"),
        ("/v1/models/half_plus_two/versions/123:predict", "123"),
        ("/v1/models/half_plus_two/labels/stable:predict", "123"),
        ("/V1/Models/half%5fplus_two/VERSIONS/0123:predict", "123"),
    ],
)
def test_versions(client, path, version):
    reply = client.post(path, b'{"inputs": [1]}')
    assert reply.status == 200
    assert reply.headers["x-slipway-model-version"] == version
    expected = DIGEST if version == "123" else None
    assert reply.headers.get("x-slipway-bundle-digest") == expected
    assert reply.json == {"outputs": [2.5]}


def test_classify_and_regress(client):
    body = b'{"signature_name": "classify", "examples": [{"x": 1}, {}]}'
    reply = client.post("/v1/models/half_plus_two:classify", body)
    assert reply.json == {"results": [[["a", 0.25], ["b", 0.75]]] * 2}
    body = b'{"signature_name": "regress", "context": {"a": 1}, "examples": [{}]}'
    reply = client.post("/v1/models/half_plus_two:regress", body)
    assert reply.json == {"results": [14.0]}


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        (PREDICT, b"", 400, "The document is empty"),
        (PREDICT, b"{", 400, "JSON Parse error: "),
        (PREDICT, b'{"instances": ["x"]}', 400, "not of expected type: float"),
        (PREDICT, b'{"instances": [null]}', 400, "Type: Null is not of expected"),
        (PREDICT, b'{"signature_name": "no", "instances": [1]}', 400,
         'Serving signature name: "no" not found in signature def'),
        (PREDICT, json.dumps({"instances": [1] * 51}).encode(), 400, "at most 50"),
        ("/v1/models/none:predict", ONE_ROW, 404,
         "Servable not found for request: Latest(none)"),
        ("/v1/models/none:predict", b"{", 400, "JSON Parse error"),
        ("/v1/models/half_plus_two/versions/9:predict", ONE_ROW, 404,
         "Servable not found for request: Specific(half_plus_two, 9)"),
        ("/v1/models/half_plus_two/labels/no:predict", ONE_ROW, 400,
         "Unrecognized servable version label: no"),
        ("/v1/models/half_plus_two/versions/9223372036854775808:predict", ONE_ROW, 400,
         "Failed to convert version: 9223372036854775808 to numeric."),
        ("/v1/models/half_plus_two:nothing", ONE_ROW, 400,
         "Malformed request: POST /v1/models/half_plus_two:nothing"),
        ("/v1/models/failing:predict", b'{"signature_name": "nothing"}', 400,
         "Failed to get input map for signature: nothing"),
        ("/v1/models/half_plus_two:classify", b'{"examples": [{}]}', 400, "inputs"),
        ("/v1/models/half_plus_two:regress",
         b'{"signature_name": "no", "examples": [{}]}', 400,
         "No signature was found with the name: no"),
        ("/nowhere", ONE_ROW, 404, "Not found: POST /nowhere"),
        ("/healthz", ONE_ROW, 405, "does not take POST"),
    ],
)  # fmt: skip
def test_refused(client, path, body, status, words):
    reply = client.post(path, body)
    assert reply.status == status
    assert words in reply.json["error"]
    assert list(reply.json) == ["error"]
    assert client.post(PREDICT, ONE_ROW).status == 200


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("INVALID_ARGUMENT", 400),
        ("FAILED_PRECONDITION", 400),
        ("OUT_OF_RANGE", 400),
        ("UNAUTHENTICATED", 401),
        ("PERMISSION_DENIED", 403),
        ("NOT_FOUND", 404),
        ("ALREADY_EXISTS", 409),
        ("ABORTED", 409),
        ("RESOURCE_EXHAUSTED", 429),
        ("CANCELLED", 499),
        ("UNKNOWN", 500),
        ("INTERNAL", 500),
        ("DATA_LOSS", 500),
        ("UNIMPLEMENTED", 501),
        ("UNAVAILABLE", 503),
        ("DEADLINE_EXCEEDED", 504),
    ],
)
def test_codes(client, code, status):
    body = json.dumps({"instances": [code]}).encode()
    reply = client.post("/v1/models/failing:predict", body)
    assert reply.status == status
    assert reply.body == b'{\n    "error": "as asked"\n}'


def test_a_bug_of_the_model_is_one_requests_affair(client):
    body = b'{"signature_name": "bug", "instances": [1]}'
    reply = client.post("/v1/models/failing:predict", body)
    assert reply.status == 500
    assert reply.json["error"] == "ZeroDivisionError: a bug"
    assert client.post(PREDICT, ONE_ROW).status == 200


def test_null_is_missing_where_the_version_has_a_contract(client):
    path = "/v1/models/half_plus_two/versions/123:predict"
    reply = client.post(path, b'{"instances": [null, 2]}')
    assert reply.body == b'{\n    "predictions": [NaN, 3.0\n    ]\n}'


def test_status(client):
    reply = client.get("/v1/models/half_plus_two")
    assert reply.status == 200
    versions = [one["version"] for one in reply.json["model_version_status"]]
    assert versions == ["124", "123"]
    reply = client.get("/v1/models/none")
    assert reply.status == 404
    assert reply.json == {"error": "Could not find any versions of model none"}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "GET"])
def test_methods(client, method):
    reply = client.get(PREDICT, method)
    assert reply.status == 400
    assert reply.json == {"error": f"Malformed request: {method} {PREDICT}"}


def test_head_gets_no_body(client):
    assert client.get("/healthz", "HEAD").status == 200
    assert client.get("/v1/models/half_plus_two", "HEAD").status == 400
    assert client.get("/healthz").body == b"ok\n"


def test_pages(client):
    assert client.get("/readyz").body == b"ready\n"
    reply = client.get("/monitoring/prometheus/metrics")
    assert (reply.status, reply.body) == (200, b"a 1\n")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert client.get("/healthz?x=1").status == 200
    assert client.get("/").status == 404


def test_pages_that_are_off():
    never = {"is_ready": lambda: False}
    with running(FakeBackend(), **never) as found, found.connect() as client:
        reply = client.get("/readyz")
        assert (reply.status, reply.body) == (503, b"not ready\n")
        assert client.get("/monitoring/prometheus/metrics").status == 404


def test_request_ids(client):
    reply = client.post(PREDICT, ONE_ROW, "X-Request-ID: mine-1\r\n")
    assert reply.headers["x-request-id"] == "mine-1"
    made = {client.post(PREDICT, ONE_ROW).headers["x-request-id"] for _ in range(3)}
    assert len(made) == 3
    reply = client.post(PREDICT, ONE_ROW, f"x-request-id: {'a' * 500}\r\n")
    assert reply.headers["x-request-id"] == "a" * 200
    reply = client.post(PREDICT, ONE_ROW, "x-request-id: \xfc\r\n")
    assert "\xfc" not in reply.headers["x-request-id"]


def test_observers_are_told(client, seen):
    seen.clear()
    client.post(PREDICT, b'{"instances": [1, 2]}', "x-request-id: told\r\n")
    client.post("/v1/models/none:predict", ONE_ROW)
    client.get("/healthz")
    first, second, third = seen
    assert (first.answer.api, first.answer.model) == ("predict", "half_plus_two")
    assert (first.answer.code, first.answer.num_rows) == ("OK", 2)
    assert first.answer.servable.version == 124
    assert (first.request_id, first.remote) == ("told", "127.0.0.1")
    assert 0 < first.took_s < 5
    assert (second.answer.code, second.answer.model) == ("NOT_FOUND", "none")
    assert third.answer.api == ""


def test_gzip(client):
    body = gzip.compress(ONE_ROW)
    for encoding in ("gzip", "GZIP", "x-gzip"):
        reply = client.post(PREDICT, body, f"Content-Encoding: {encoding}\r\n")
        assert reply.json == {"predictions": [2.5]}
    assert client.post(PREDICT, ONE_ROW, "Content-Encoding: identity\r\n").status == 200


@pytest.mark.parametrize(
    ("body", "encoding", "status", "words"),
    [
        (b"no gzip", "gzip", 400, "The body is no gzip"),
        (gzip.compress(ONE_ROW)[:-4], "gzip", 400, "ends too early"),
        (ONE_ROW, "br", 415, "Content-Encoding is br; expected gzip"),
    ],
)
def test_bad_encodings(client, body, encoding, status, words):
    reply = client.post(PREDICT, body, f"Content-Encoding: {encoding}\r\n")
    assert reply.status == status
    assert words in reply.json["error"]
    assert client.post(PREDICT, ONE_ROW).status == 200


def test_chunked(client):
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
    client.send(head.encode())
    for byte in ONE_ROW:
        client.send(b"1\r\n" + bytes([byte]) + b"\r\n")
    client.send(b"0\r\n\r\n")
    assert client.reply().json == {"predictions": [2.5]}


def test_expect_continue(client):
    head = (
        f"POST {PREDICT} HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\n"
        f"Content-Length: {len(ONE_ROW)}\r\n\r\n"
    )
    client.send(head.encode())
    assert client.reply().status == 100
    client.send(ONE_ROW)
    assert client.reply().status == 200


def test_an_upgrade_is_not_taken_up(client):
    more = (
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"
    )
    for _ in range(3):
        assert client.post(PREDICT, ONE_ROW, more).json == {"predictions": [2.5]}
    assert client.get("/healthz", more=more).body == b"ok\n"
    assert client.post(PREDICT, ONE_ROW, more + "Expect: 100-continue\r\n").status
    assert client.post(PREDICT, ONE_ROW).status == 200


def test_connection_close(client):
    reply = client.post(PREDICT, ONE_ROW, "Connection: close\r\n")
    assert reply.headers["connection"] == "close"
    assert client.is_closed()


@pytest.mark.parametrize("keeps", [False, True])
def test_http_1_0(client, keeps):
    more = "Connection: keep-alive\r\n" if keeps else ""
    client.send(f"GET /healthz HTTP/1.0\r\n{more}\r\n".encode())
    reply = client.reply()
    assert reply.headers["connection"] == ("keep-alive" if keeps else "close")
    if not keeps:
        assert client.is_closed()


def test_pipelined_requests_are_answered_in_order(client):
    requests = []
    for number in range(90):
        body = json.dumps({"instances": [number]}).encode()
        requests.append(
            f"POST {PREDICT} HTTP/1.1\r\nHost: t\r\nContent-Length: {len(body)}"
            f"\r\n\r\n".encode()
            + body
        )
    client.send(b"".join(requests))
    for number in range(90):
        assert client.reply().json == {"predictions": [number / 2 + 2]}


def test_cors():
    models = FakeBackend(half_plus_two_servable())
    with running(models, has_cors=True) as found, found.connect() as client:
        reply = client.post(PREDICT, ONE_ROW)
        assert reply.headers["access-control-allow-origin"] == "*"
        reply = client.get(PREDICT, "OPTIONS")
        assert reply.status == 200
        assert reply.headers["access-control-allow-methods"] == "POST, GET"


def test_method_names_where_they_are_checked():
    servable = half_plus_two_servable()
    servable.signatures["odd"] = make_signature({"x": FLOAT}, method="odd", name="odd")
    servable.functions["odd"] = servable.functions["serving_default"]
    body = b'{"signature_name": "odd", "instances": [1]}'
    models = FakeBackend(servable)
    with running(models) as found, found.connect() as client:
        assert client.post(PREDICT, body).status == 200
    with running(models, checks_methods=True) as found, found.connect() as client:
        assert client.post(PREDICT, body).status == 400
        assert client.post(PREDICT, ONE_ROW).status == 200


def test_it_runs_on_asyncios_own_loop_and_on_a_given_socket():
    async def serve_once() -> bytes:
        server = RestServer(FakeBackend(half_plus_two_servable()), RestOptions())
        sock = socket.create_server(("127.0.0.1", 0))
        port = await server.start(sock=sock)
        reply = await asyncio.to_thread(ask, port)
        await server.stop(drain_s=1.0)
        return reply

    def ask(port: int) -> bytes:
        with Client(port) as client:
            return client.post(PREDICT, ONE_ROW, "Connection: close\r\n").body

    assert b"2.5" in asyncio.run(serve_once())
