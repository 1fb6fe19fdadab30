"""Clients that send too much, too slowly, nonsense, or go away."""

import gzip
import json
import socket
import threading
import time
import tracemalloc

import pytest

from serving.server.rest.options import RestOptions
from serving.server.rest.request_reader import RequestReader
from tests.serving.server.fake_backend import FakeBackend, half_plus_two_servable
from tests.serving.server.rest.http_client import ONE_ROW, PREDICT, running

POST = f"POST {PREDICT} HTTP/1.1\r\nHost: t\r\n".encode()
WHOLE = POST + b"Content-Length: %d\r\n\r\n" % len(ONE_ROW) + ONE_ROW


def backend(**fields):
    return FakeBackend(half_plus_two_servable(**fields))


def only(found):
    [servable] = found.servables.values()
    return servable


def still_serves(found):
    with found.connect() as client:
        assert client.post(PREDICT, ONE_ROW).status == 200


@pytest.mark.parametrize("size", [1, 7, 64])
def test_requests_in_small_pieces(size):
    with running(backend()) as found, found.connect() as client:
        for start in range(0, len(WHOLE), size):
            client.send(WHOLE[start : start + size])
        assert client.reply().status == 200


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : t\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        POST + b"Content-Length: -5\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        POST + b"X: a\rb\r\n\r\n",
        b"CONNECT other:80 HTTP/1.1\r\nHost: t\r\n\r\n",
    ],
)
def test_nonsense(data):
    with running(backend()) as found:
        with found.connect() as client:
            client.send(data)
            reply = client.reply()
            assert reply.status == 400
            assert "error" in reply.json
            assert reply.headers["connection"] == "close"
            assert client.is_closed()
        still_serves(found)


def test_what_came_before_the_nonsense_is_answered():
    with running(backend(delay_s=0.05)) as found, found.connect() as client:
        client.send(WHOLE + WHOLE + b"nonsense\r\n\r\n" + WHOLE)
        assert [client.reply().status for _ in range(3)] == [200, 200, 400]
        assert client.is_closed()


@pytest.mark.parametrize(
    "data",
    [
        POST + b"X: " + b"a" * 5000 + b"\r\n\r\n",
        POST + b"".join(b"X-%d: a\r\n" % number for number in range(500)),
        b"GET /" + b"a" * 5000,
        POST + b"X: " + b"a" * 100_000,
    ],
)
def test_long_heads(data):
    with running(backend(), max_head_bytes=2000) as found:
        with found.connect() as client:
            client.send(data)
            assert client.reply().status == 431
            assert client.is_closed()
        still_serves(found)


def test_an_endless_header_in_pieces():
    with running(backend(), max_head_bytes=2000) as found, found.connect() as client:
        client.send(POST + b"X: ")
        assert client.is_cut_off(b"a" * 100, times=10_000, pause_s=0.0005)


def test_a_long_body_is_refused_before_it_is_sent():
    with running(backend(), max_body_bytes=1000) as found, found.connect() as client:
        client.send(POST + b"Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n")
        reply = client.reply()
        assert reply.status == 413
        assert "longer than 1000 bytes" in reply.json["error"]
        assert client.is_closed()


def test_a_long_chunked_body():
    with running(backend(), max_body_bytes=1000) as found:
        with found.connect() as client:
            client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n")
            client.send(b"200\r\n" + b" " * 512 + b"\r\n")
            client.send(b"200\r\n" + b" " * 512 + b"\r\n")
            assert client.reply().status == 413
        still_serves(found)


def test_a_client_that_sends_its_long_body_anyway_still_reads_the_answer():
    size = 5_000_000
    with running(backend(), max_body_bytes=1000) as found, found.connect() as client:
        client.send(POST + b"Content-Length: %d\r\n\r\n" % size)
        client.send(b" " * size)
        assert client.reply().status == 413


def test_a_body_of_just_the_limit():
    with running(backend(), max_body_bytes=1000) as found, found.connect() as client:
        assert client.post(PREDICT, ONE_ROW.ljust(1000)).status == 200
        body = gzip.compress(ONE_ROW.ljust(1000))
        assert client.post(PREDICT, body, "Content-Encoding: gzip\r\n").status == 200


def test_gzip_bombs():
    bomb = gzip.compress(b" " * 50_000_000)
    limit = {"max_body_bytes": 1_000_000}
    with running(backend(), **limit) as found, found.connect() as client:
        begun = time.monotonic()
        reply = client.post(PREDICT, bomb, "Content-Encoding: gzip\r\n")
        assert reply.status == 413
        assert time.monotonic() - begun < 2
        assert client.post(PREDICT, ONE_ROW).status == 200


def test_a_gzip_bomb_is_not_unpacked_beyond_the_limit():
    class Sink:
        requests = ()

        def on_request_begin(self):
            pass

        def on_body_bytes(self, count):
            return count > 0

        def on_request(self, request):
            self.requests = (*self.requests, request)

    sink, bomb = Sink(), gzip.compress(b" " * 100_000_000)
    reader = RequestReader(RestOptions(max_body_bytes=1_000_000), sink)
    head = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    tracemalloc.start()
    try:
        reader.feed(POST + head + bomb)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sink.requests[0].refusal.status == 413
    assert peak_bytes < 5_000_000


def test_a_bomb_of_nested_json():
    for opening in (b"[", b'{"a":'):
        body = b'{"instances": ' + opening * 1_000_000
        with running(backend()) as found, found.connect() as client:
            assert client.post(PREDICT, body).status == 400
    body = b'{"instances": ' + b"[" * 900 + b"]" * 900 + b"}"
    with running(backend()) as found, found.connect() as client:
        assert client.post(PREDICT, body).status == 400


def test_all_bodies_together():
    body = b" " * 60_000
    head = POST + b"Content-Length: 60001\r\n\r\n"
    with running(backend(), max_held_bytes=100_000) as found:
        with found.connect() as first, found.connect() as second:
            first.send(head + body)
            found.wait_until(lambda: found.server._pool._held_bytes == 60_000)
            second.send(head + body)
            assert second.reply().status == 503
        found.wait_until(lambda: found.server._pool._held_bytes == 0)
        with found.connect() as third:
            for _ in range(5):
                assert third.post(PREDICT, ONE_ROW.ljust(60_000)).status == 200
                bad = third.post(PREDICT, body, "Content-Encoding: br\r\n")
                assert bad.status == 415
        found.wait_until(lambda: found.server._pool._held_bytes == 0)


@pytest.mark.parametrize("part", [b"", b"POST /v1", POST, WHOLE[:-5]])
def test_half_a_request_and_then_silence(part):
    with running(backend(), read_timeout_s=0.2, keep_alive_s=0.2) as found:
        with found.connect() as client:
            client.send(part)
            if part:
                assert client.reply().status == 408
            assert client.is_closed()
        still_serves(found)


def test_a_request_a_byte_at_a_time_never_ends():
    """Slowloris: each byte is in time, the request is not."""
    with running(backend(), read_timeout_s=0.3) as found, found.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nX: ")
        begun = time.monotonic()
        assert client.is_cut_off(b"a", times=160, pause_s=0.05)
        assert time.monotonic() - begun < 5


def test_a_body_a_byte_at_a_time():
    with running(backend(), read_timeout_s=0.3) as found, found.connect() as client:
        client.send(POST + b"Content-Length: 1000\r\n\r\n")
        client.socket.settimeout(0.05)
        begun = time.monotonic()
        while time.monotonic() - begun < 8:
            client.send(b" ")
            try:
                assert client.reply().status == 408
                break
            except TimeoutError:
                continue
        assert time.monotonic() - begun < 4


def test_a_client_that_hangs_up_is_cancelled_and_nobody_else_is():
    models = backend(delay_s=0.4)
    with running(models) as found, found.connect() as patient:
        patient.send(WHOLE)
        for _ in range(5):
            with found.connect() as hasty:
                hasty.send(WHOLE)
                found.wait_until(lambda: found.server.num_connections >= 2)
                time.sleep(0.02)
        assert patient.reply().status == 200
    assert only(models).num_cancelled == 5
    assert only(models).num_answered == 1


def test_a_client_that_resets_the_connection():
    models = backend(delay_s=0.3)
    with running(models) as found:
        client = found.connect()
        client.send(WHOLE * 3)
        time.sleep(0.05)
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        client.socket.close()
        found.wait_until(lambda: only(models).num_cancelled == 1)
        found.wait_until(lambda: found.server.num_connections == 0)
        still_serves(found)


def test_hanging_up_in_the_middle_of_a_request():
    with running(backend()) as found:
        for end in range(1, len(WHOLE), 9):
            with found.connect() as client:
                client.send(WHOLE[:end])
        found.wait_until(lambda: found.server.num_connections == 0)
        still_serves(found)


def test_a_client_that_does_not_read_its_answers():
    rows = json.dumps({"instances": list(range(20_000))}).encode()
    request = POST + b"Content-Length: %d\r\n\r\n" % len(rows) + rows
    with running(backend(), write_timeout_s=0.3, max_pipelined=4) as found:
        with found.connect() as client:
            client.socket.settimeout(0.5)
            assert client.is_cut_off(request, times=300)
            found.wait_until(lambda: found.server.num_connections == 0)
        still_serves(found)


def test_a_request_that_takes_too_long():
    models, seen = backend(delay_s=5), []
    options = {"timeout_s": 0.1, "observers": (seen.extend,)}
    with running(models, **options) as found, found.connect() as client:
        for _ in range(2):
            begun = time.monotonic()
            reply = client.post(PREDICT, ONE_ROW)
            assert reply.status == 504
            assert "longer than 0.1 s" in reply.json["error"]
            assert time.monotonic() - begun < 2
    assert only(models).num_cancelled == 2
    for answered in seen:
        assert answered.answer.code == "DEADLINE_EXCEEDED"
        assert answered.answer.servable is only(models)
        assert answered.answer.model == "half_plus_two"


def test_more_connections_than_allowed():
    with running(backend(), max_connections=5) as found:
        clients = [found.connect() for _ in range(5)]
        found.wait_until(lambda: found.server.num_connections == 5)
        for _ in range(20):
            with found.connect() as extra:
                assert extra.reply().status == 503
                assert extra.is_closed()
        for client in clients:
            assert client.post(PREDICT, ONE_ROW).status == 200
            client.socket.close()
        found.wait_until(lambda: found.server.num_connections == 0)
        still_serves(found)


def test_a_flood_of_connections():
    with running(backend(), max_connections=100) as found:
        clients = [found.connect() for _ in range(400)]
        for client in clients:
            client.socket.close()
        found.wait_until(lambda: found.server.num_connections == 0)
        still_serves(found)


def test_silent_connections_are_closed():
    with running(backend(), keep_alive_s=0.2) as found, found.connect() as client:
        assert client.post(PREDICT, ONE_ROW).status == 200
        assert client.is_closed()


def test_pipelining_without_end_is_read_no_faster_than_it_is_answered():
    models = backend(delay_s=0.01)
    with running(models, max_pipelined=4) as found, found.connect() as client:
        sender = threading.Thread(target=client.send, args=(WHOLE * 60,))
        sender.start()
        assert {client.reply().status for _ in range(60)} == {200}
        sender.join()
