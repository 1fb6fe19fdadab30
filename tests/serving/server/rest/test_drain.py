"""A server that is told to stop answers what it has accepted."""

import threading
import time

import pytest

from tests.serving.server.rest.http_client import ONE_ROW, PREDICT, Client, running
from tests.serving.server.rest.test_hostile_clients import WHOLE, backend, only


def test_drain_answers_what_was_accepted():
    models = backend(delay_s=0.2)
    with running(models) as found:
        busy, idle, half = (found.connect() for _ in range(3))
        busy.send(WHOLE + WHOLE)
        half.send(WHOLE[:-3])
        assert idle.get("/healthz").status == 200
        time.sleep(0.05)
        stopping = threading.Thread(target=found.stop, args=(5.0,))
        stopping.start()
        time.sleep(0.05)
        with pytest.raises(OSError, match=r"refused|reset|closed"):
            found.connect().get("/healthz")
        half.send(WHOLE[-3:])
        first, second = busy.reply(), busy.reply()
        assert (first.status, second.status) == (200, 200)
        assert "connection" not in first.headers
        assert second.headers["connection"] == "close"
        reply = half.reply()
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        assert busy.is_closed()
        assert idle.is_closed()
        stopping.join(5)
        assert found.server.num_connections == 0


def test_a_request_on_its_way_while_draining_begins_is_answered():
    with running(backend()) as found, found.connect() as client:
        assert client.post(PREDICT, ONE_ROW).status == 200
        stopping = threading.Thread(target=found.stop, args=(5.0,))
        stopping.start()
        time.sleep(0.1)
        reply = client.post(PREDICT, ONE_ROW)
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        stopping.join(5)


def test_drain_gives_up_in_time():
    with running(backend(delay_s=10)) as found, found.connect() as client:
        client.send(WHOLE)
        time.sleep(0.05)
        assert found.stop(0.3) < 2
        assert client.is_closed()


def test_drain_under_load_loses_nothing():
    """Every request whose connection was not told to close is answered."""
    models = backend(delay_s=0.002)
    lost, answered = [], []

    def load(port: int) -> None:
        with Client(port) as client:
            while True:
                try:
                    reply = client.post(PREDICT, ONE_ROW)
                except OSError as error:
                    lost.append(error)
                    return
                answered.append(reply.status)
                if reply.headers.get("connection") == "close":
                    return

    with running(models) as found:
        threads = [threading.Thread(target=load, args=(found.port,)) for _ in range(16)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        found.stop(5.0)
        for thread in threads:
            thread.join(5)
    assert not lost
    assert set(answered) == {200}
    assert only(models).num_answered == len(answered)
