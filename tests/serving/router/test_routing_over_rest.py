"""REST requests through a router, in front of arms that do as they are told."""

import contextlib
import http.client
import re
import threading
import time

import pytest

from tests.serving.router.running_router import (
    BODY,
    PREDICT,
    RunningRouter,
    ask_over,
    connected,
    metrics_of,
    prediction,
    set_share,
    start_rollout,
)

KEYS = [f"user-{number}" for number in range(200)]
NAN = b'{"predictions": [NaN]}'


def arms_of(router, keys=KEYS):
    with contextlib.closing(http.client.HTTPConnection(router.rest)) as client:
        return {
            key: ask_over(client, x_slipway_key=key)[1]["x-slipway-variant"]
            for key in keys
        }


def test_a_canary_splits_by_key_and_the_answer_names_its_arm(
    tmp_path, stable, candidate
):
    start_rollout(tmp_path, stable, candidate, share=0.3)
    with RunningRouter(tmp_path) as router:
        arms = arms_of(router)
        again = arms_of(router)
    assert arms == again
    # 200 draws of 0.3: 60 expected, standard deviation 6.5.
    assert 34 <= sum(arm == "candidate" for arm in arms.values()) <= 86
    assert {seen.headers["x-slipway-variant"] for seen in candidate.seen} == {
        "candidate"
    }


def test_a_share_that_grows_while_it_runs_moves_no_key_back(
    tmp_path, stable, candidate, eventually
):
    start_rollout(tmp_path, stable, candidate, share=0.1)
    with RunningRouter(tmp_path) as router:
        before = arms_of(router)
        set_share(tmp_path, 0.6)
        eventually(lambda: router.app.core.live.current.share == 0.6)
        after = arms_of(router)
    moved = {key for key in KEYS if before[key] != after[key]}
    assert len(moved) > 50
    assert {after[key] for key in moved} == {"candidate"}


def test_blue_green_moves_everything_at_once_and_back(
    tmp_path, stable, candidate, eventually
):
    start_rollout(tmp_path, stable, candidate, kind="blue_green", share=1.0)
    with RunningRouter(tmp_path) as router:
        assert set(arms_of(router, KEYS[:20]).values()) == {"candidate"}
        set_share(tmp_path, 0.0)
        eventually(lambda: router.app.core.live.current.share == 0.0)
        assert set(arms_of(router, KEYS[:20]).values()) == {"stable"}


def test_a_state_that_cannot_be_read_changes_nothing(
    tmp_path, stable, candidate, eventually
):
    start_rollout(tmp_path, stable, candidate, share=1.0)
    with RunningRouter(tmp_path) as router:
        (tmp_path / "rollout.json").write_text('{"format_version": 1, "ser')
        eventually(lambda: router.app.core.live.is_stale)
        assert prediction(router.ask()) == 2.0
        assert metrics_of(router)["slipway_router_state_stale",] == 1
        start_rollout(tmp_path, stable, candidate, share=0.0)
        eventually(lambda: not router.app.core.live.is_stale)
        assert prediction(router.ask()) == 1.0


def test_a_state_with_an_address_that_is_none_changes_nothing(
    tmp_path, stable, candidate, eventually
):
    start_rollout(tmp_path, stable, candidate, share=1.0)
    path = tmp_path / "rollout.json"
    with RunningRouter(tmp_path) as router:
        text = path.read_text().replace(candidate.url, "http://user@host:1")
        (tmp_path / "new").write_text(text)
        (tmp_path / "new").rename(path)
        eventually(lambda: router.app.core.live.is_stale)
        assert prediction(router.ask()) == 2.0


def test_answers_of_many_clients_are_never_mixed_up(tmp_path, stable, candidate):
    def reply(seen):
        time.sleep(0.001 * (len(seen.body) % 3))
        return (200, {}, b'{"predictions": [%b]}' % seen.body)

    stable.reply = candidate.reply = reply
    start_rollout(tmp_path, stable, candidate, share=0.5)
    wrong = []

    def talk(router, first):
        for number in range(first, first + 40):
            if number % 10 == 0:  # hangs up before its answer
                with connected(router) as client:
                    head = b"POST %b HTTP/1.1\r\nContent-Length: 5\r\n\r\n99999"
                    client.sendall(head % PREDICT.encode())
            answer = router.ask(body=b"%d" % number)
            if prediction(answer) != number:
                wrong.append(answer)

    with RunningRouter(tmp_path) as router:
        clients = [
            threading.Thread(target=talk, args=(router, 10 ** (n + 1)))
            for n in range(6)
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        counts = router.counts()
    assert wrong == []
    assert sum(arm.num_errors for arm in counts.values()) == 0


def test_without_a_rollout_the_upstream_answers_until_one_starts(
    tmp_path, stable, candidate, eventually
):
    with RunningRouter(tmp_path, flags={"upstream": stable.url}) as router:
        assert prediction(router.ask()) == 1.0
        start_rollout(tmp_path, stable, candidate, share=1.0)
        eventually(lambda: router.app.core.live.current.share == 1.0)
        assert prediction(router.ask()) == 2.0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/models/m/versions/3:predict", BODY),
        ("/v1/models/m/labels/old:predict", BODY),
        ("/v1/models/other:predict", BODY),
        ("/v1/models/m:classify", b"{}"),
        ("/v1/models/m/versions/2", None),
        ("/monitoring/prometheus/metrics", None),
    ],
)
def test_what_is_no_plain_prediction_goes_to_the_stable_arm(
    tmp_path, stable, candidate, path, body
):
    start_rollout(tmp_path, stable, candidate, share=1.0)
    with RunningRouter(tmp_path, probe_s=60) as router:
        answer = router.ask(path, body, x="1")
        assert router.counts() == {}
    assert answer[0] == 200
    assert [seen.path for seen in stable.seen] == [path]
    assert candidate.seen == []


def test_a_pinned_arm_is_asked_for_its_version(tmp_path, stable, candidate):
    start_rollout(tmp_path, stable, candidate, share=1.0, versions=(None, 7))
    with RunningRouter(tmp_path) as router:
        router.ask()
    assert candidate.seen[0].path == "/v1/models/m/versions/7:predict"


def test_headers_pass_but_those_of_one_connection(tmp_path, stable, candidate):
    stable.reply = (418, {"x-kept": "1", "keep-alive": "timeout=5"}, b"{}")
    start_rollout(tmp_path, stable, candidate)
    with RunningRouter(tmp_path) as router:
        status, headers, _ = router.ask(
            authorization="Bearer t",
            te="trailers",
            x_dropped="1",
            connection="x-dropped",
            x_request_id="mine",
            x_slipway_variant="candidate",
        )
    sent = stable.seen[0].headers
    assert sent["authorization"] == "Bearer t"
    assert (sent["x-request-id"], headers["x-request-id"]) == ("mine", "mine")
    assert sent["x-slipway-variant"] == "stable"
    assert sent["host"] == stable.rest
    assert not {"te", "x-dropped", "connection"} & sent.keys()
    assert (status, headers["x-kept"]) == (418, "1")
    assert "keep-alive" not in headers


def test_a_chunked_body_goes_on_with_its_length(tmp_path, stable, candidate):
    start_rollout(tmp_path, stable, candidate)
    with RunningRouter(tmp_path) as router, connected(router) as client:
        client.sendall(
            b"POST %b HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n" % PREDICT.encode()
        )
        assert b" 200 OK" in client.recv(65536)
    assert stable.seen[0].body == b"hello world"
    assert "transfer-encoding" not in stable.seen[0].headers


def test_pipelined_requests_are_answered_in_order(tmp_path, stable, candidate):
    stable.reply = lambda seen: (200, {}, b'{"predictions": [%b]}' % seen.body)
    start_rollout(tmp_path, stable, candidate)
    request = b"POST %b HTTP/1.1\r\nHost: r\r\nContent-Length: 2\r\n\r\n%d"
    with RunningRouter(tmp_path) as router, connected(router) as client:
        client.sendall(b"".join(request % (PREDICT.encode(), n) for n in range(10, 60)))
        data = b""
        while data.count(b"predictions") < 50:
            data += client.recv(65536)
    found = [int(value) for value in re.findall(rb"\[(\d+)\]", data)]
    assert found == list(range(10, 60))


def test_a_request_to_upgrade_is_answered_as_if_it_had_not_asked(
    tmp_path, stable, candidate
):
    start_rollout(tmp_path, stable, candidate)
    with RunningRouter(tmp_path) as router:
        answer = router.ask(connection="Upgrade", upgrade="h2c")
    assert prediction(answer) == 1.0
    assert "upgrade" not in stable.seen[0].headers
    assert stable.seen[0].body == BODY
