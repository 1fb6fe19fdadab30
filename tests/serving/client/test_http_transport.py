"""What the REST clients make of servers that do not answer as they should."""

import asyncio
import json
import time

import pytest

from serving.client.async_rest_client import AsyncRestClient
from serving.client.errors import (
    DeadlineExceededError,
    ModelNotFoundError,
    ProtocolError,
    ServerFaultError,
    UnavailableError,
)
from serving.client.rest_address import RestAddress
from serving.client.rest_client import RestClient
from serving.client.retries import NO_RETRIES, RetryPolicy
from tests.serving.client.scripted_server import (
    STATUS,
    ScriptedServer,
    answer,
    say_nothing,
    send_and_close,
    trickle,
    trickle_body,
)

QUICK = RetryPolicy(initial_backoff_s=0.001)


def ask_blocking(address, times=1, pause_s=0.0, **options):
    with RestClient(address, "m", **{"retries": QUICK, **options}) as client:
        for _ in range(times):
            found = client.status()
            time.sleep(pause_s)
    return found


def ask_async(address, times=1, pause_s=0.0, **options):
    async def ask():
        async with AsyncRestClient(
            address, "m", **{"retries": QUICK, **options}
        ) as client:
            for _ in range(times):
                found = await client.status()
                await asyncio.sleep(pause_s)
        return found

    return asyncio.run(ask())


@pytest.fixture(params=[ask_blocking, ask_async], ids=["blocking", "async"])
def ask(request):
    return request.param


def test_connection_closed_before_the_answer_is_tried_again(ask):
    with ScriptedServer(send_and_close(), send_and_close(), answer()) as server:
        (version,) = ask(server.address)
    assert version.state == "AVAILABLE"
    ids = [
        line
        for request in server.requests
        for line in request.split(b"\r\n")
        if line.startswith(b"x-request-id: ")
    ]
    assert len(ids) == 3
    assert len(set(ids)) == 1


@pytest.mark.parametrize(
    "data",
    [b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"],
    ids=["head", "body"],
)
def test_answer_that_breaks_off_is_not_asked_for_again(ask, data):
    with (
        ScriptedServer(send_and_close(data), answer()) as server,
        pytest.raises(UnavailableError, match="broke inside the answer") as caught,
    ):
        ask(server.address)
    assert caught.value.attempts == 1
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "script", [say_nothing, trickle, trickle_body], ids=["silence", "head", "body"]
)
def test_call_ends_in_time_however_slowly_bytes_come(ask, script):
    started = time.monotonic()
    with (
        ScriptedServer(script) as server,
        pytest.raises(DeadlineExceededError, match=r"no answer within 0.3 s"),
    ):
        ask(server.address, timeout_s=0.3)
    assert 0.29 < time.monotonic() - started < 1.5


def test_bytes_that_are_no_http_are_a_protocol_error(ask):
    with (
        ScriptedServer(answer(status=b"200 OK", headers=b"\0: 1\r\n")) as server,
        pytest.raises(ProtocolError, match="no HTTP"),
    ):
        ask(server.address)


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b'{"model_version_status": 3}', b"{}"], ids=str
)
def test_body_that_is_not_tf_servings_is_a_protocol_error(ask, body):
    with (
        ScriptedServer(answer(body=body)) as server,
        pytest.raises(ProtocolError, match=f"http://{'127.0.0.1'}:.*is not TF Serv"),
    ):
        ask(server.address)


def test_error_of_another_server_is_shown_as_it_is(ask):
    page = answer(b"404 Not Found", b"<h1>Nothing here</h1>")
    with (
        ScriptedServer(page) as server,
        pytest.raises(ModelNotFoundError, match="<h1>Nothing here</h1>"),
    ):
        ask(server.address)


def test_overloaded_server_is_asked_again_when_it_says(ask):
    busy = answer(b"503 Service Unavailable", b"{}", b"Retry-After: 1\r\n")
    started = time.monotonic()
    with ScriptedServer(busy, answer()) as server:
        (version,) = ask(server.address)
    assert version.state == "AVAILABLE"
    assert time.monotonic() - started >= 1.0


def test_nobody_listens(ask):
    with ScriptedServer() as server:
        pass
    with pytest.raises(UnavailableError, match="no connection") as caught:
        ask(server.address)
    assert caught.value.attempts == 3


def test_connection_is_kept_for_the_next_call(ask):
    def answer_twice(server, connection):
        for _ in range(2):
            server.read_request(connection)
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b"
                % (len(STATUS), STATUS)
            )

    with ScriptedServer(answer_twice) as server:
        ask(server.address, times=2)
    assert len(server.requests) == 2


def test_connection_that_the_server_closed_meanwhile_is_not_used(ask):
    def answer_and_close(server, connection):
        server.read_request(connection)
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(STATUS), STATUS)
        )

    with ScriptedServer(*[answer_and_close] * 2) as server:
        ask(server.address, times=2, pause_s=0.2, retries=NO_RETRIES)
    assert len(server.requests) == 2


def test_request_goes_where_and_as_it_should(ask):
    with ScriptedServer(answer()) as server:
        ask(
            f"http://{server.address}/prefix/",
            label="só/1",
            headers={"authorization": "Bearer t"},
        )
    head = server.requests[0].split(b"\r\n")
    assert head[0] == b"GET /prefix/v1/models/m/labels/s%C3%B3%2F1 HTTP/1.1"
    assert f"Host: {server.address}".encode() in head
    assert b"authorization: Bearer t" in head


def test_cancelled_call_ends_its_connection():
    async def ask(address):
        async with AsyncRestClient(address, "m") as client:
            task = asyncio.create_task(client.status())
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    closed = []

    def wait_for_the_end(server, connection):
        server.read_request(connection)
        connection.settimeout(5)
        closed.append(connection.recv(1))

    with ScriptedServer(wait_for_the_end) as server:
        asyncio.run(ask(server.address))
        server.wait_until_done()
    assert closed == [b""]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("localhost:8501", "http://localhost:8501"),
        ("https://models.example/a/b/", "https://models.example/a/b"),
        ("http://[::1]:8501", "http://[::1]:8501"),
        ("[::1]:8501", "http://[::1]:8501"),
    ],
    ids=["plain", "prefix", "ipv6-url", "ipv6"],
)
def test_address_is_understood(address, expected):
    assert str(RestAddress.parse(address)) == expected


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("ftp://host", "expected host:port, or a URL"),
        ("", "expected host:port, or a URL"),
        ("host:port", "Port could not be cast"),
        ("http://me:secret@host", "'host' has a user"),
        ("http://host?x=1", "a query"),
    ],
    ids=["scheme", "empty", "port", "user", "query"],
)
def test_address_that_is_none_is_refused(address, message):
    with pytest.raises(ValueError, match=message) as caught:
        RestClient(address, "m")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"timeout_s": 0}, "timeout_s is 0; expected more than 0"),
        ({"timeout_s": float("nan")}, "timeout_s is nan"),
        ({"version": 1, "label": "stable"}, "version 1 and label 'stable'"),
    ],
    ids=["no-time", "nan", "both"],
)
def test_contradiction_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        RestClient("localhost:1", "m", **wrong)


def test_json_of_a_request_is_tf_servings():
    body = b'{"error": "stop here"}'
    metadata = {
        "model_spec": {"name": "m", "version": "1"},
        "metadata": {
            "signature_def": {
                "signature_def": {
                    "s": {
                        "method_name": "",
                        "outputs": {},
                        "inputs": {
                            name: {
                                "dtype": kind,
                                "tensor_shape": {"unknown_rank": True, "dim": []},
                            }
                            for name, kind in (("x", "DT_FLOAT"), ("t", "DT_STRING"))
                        },
                    }
                }
            }
        },
    }
    documents = (
        answer(body=json.dumps(metadata).encode(), headers=b"Connection: close\r\n"),
        answer(b"500 Internal", body),
    )
    rows = [{"x": None, "t": b"\xff"}, {"x": float("inf"), "t": "ü"}]
    with (
        ScriptedServer(*documents) as server,
        RestClient(server.address, "m") as client,
        pytest.raises(ServerFaultError, match="stop here"),
    ):
        client.predict(rows, signature="s")
    sent = server.requests[1].partition(b"\r\n\r\n")[2]
    assert sent == (
        b'{"signature_name":"s","instances":[{"x":NaN,"t":{"b64":"/w=="}},'
        b'{"x":Infinity,"t":"\\u00fc"}]}'
    )
