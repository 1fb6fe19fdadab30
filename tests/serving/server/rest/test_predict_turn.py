"""Requests of one turn are answered together, and none of them can tell."""

import asyncio
import json
import time

import numpy as np
import pytest

from serving.server.rest.audience import Audience
from serving.server.rest.http_message import Answer, HttpRequest
from serving.server.rest.model_api import ModelApi
from serving.server.rest.options import RestOptions
from serving.server.rest.predict_turn import PredictTurn
from serving.server.status import Code, ServingError
from tests.serving.server.fake_backend import (
    FLOAT,
    STRING,
    FakeBackend,
    FakeServable,
    make_signature,
)
from tests.serving.server.rest.http_client import POST_HEAD, running

PATH = "/v1/models/m:predict"


def shout(x, word):
    if (x == 99).any():
        raise ServingError(Code.INVALID_ARGUMENT, "x is 99")
    if (x == 98).any():
        raise ZeroDivisionError("a bug")
    return {"y": x * np.float32(2), "loud": np.array([w.upper() for w in word], object)}


@pytest.fixture
def model():
    return FakeServable(
        name="m",
        version=3,
        signatures={"serving_default": make_signature({"x": FLOAT, "word": STRING})},
        functions={"serving_default": shout},
        num_shared=512,
    )


@pytest.fixture
def backend(model):
    return FakeBackend(model)


def body(*rows):
    return json.dumps({"instances": [{"x": x, "word": word} for x, word in rows]})


def expected(*rows):
    texts = [
        f'{{\n            "loud": "{loud}",\n            "y": {y}\n        }}'
        for loud, y in rows
    ]
    joined = ",\n        ".join(texts)
    return f'{{\n    "predictions": [\n        {joined}\n    ]\n}}'


def post(text, path=PATH):
    return HttpRequest(
        method="POST",
        path=path.encode(),
        body=text if isinstance(text, bytes) else text.encode(),
        received_bytes=len(text),
        request_id="",
        keeps_alive=True,
        is_http_1_0=False,
        started_s=time.perf_counter(),
    )


def http_post(text):
    return POST_HEAD.format(path=PATH, size=len(text), more="").encode() + text


def answers_of_one_turn(backend, *requests, **options):
    """Answers by place; None: sent back; "alone": not taken."""
    found = ["missing"] * len(requests)
    rest = RestOptions(**options)

    async def ask():
        plan = ModelApi(backend, rest).plan
        turn = PredictTurn(backend, rest, plan, Audience(()))
        for place, request in enumerate(requests):

            def keep(_request, answer, place=place):
                found[place] = answer

            if not turn.take(request, keep):
                found[place] = "alone"
        for _ in range(20):
            await asyncio.sleep(0)

    asyncio.run(ask())
    return found


def test_requests_of_one_turn_run_as_one(backend, model):
    one, two, three = answers_of_one_turn(
        backend,
        post(body((1, "a"))),
        post(body((2, "b"), (3, "c"))),
        post(body((4, "d"))),
    )
    assert model.batch_sizes == [3]
    assert one.body.decode() == expected(("A", "2.0"))
    assert two.body.decode() == expected(("B", "4.0"), ("C", "6.0"))
    assert three.body.decode() == expected(("D", "8.0"))
    assert (two.num_rows, two.api, two.model, two.code) == (2, "predict", "m", "OK")
    assert two.servable is model


def test_versions_do_not_mix(model):
    other = FakeServable(
        name="m",
        version=4,
        signatures=model.signatures,
        functions={"serving_default": lambda x, word: {"y": x, "loud": word}},
        num_shared=512,
    )
    backend = FakeBackend(model, other)
    old, new = answers_of_one_turn(
        backend, post(body((1, "a")), "/v1/models/m/versions/3:predict"),
        post(body((1, "a")), "/v1/models/m/versions/4:predict"),
    )  # fmt: skip
    assert old.body.decode() == expected(("A", "2.0"))
    assert new.body.decode() == expected(("a", "1.0"))
    assert (old.servable, new.servable) == (model, other)


def test_one_failing_request_sends_all_back_and_fails_nobody(backend, model):
    found = answers_of_one_turn(backend, post(body((1, "a"))), post(body((99, "b"))))
    assert found == [None, None]
    assert model.batch_sizes == [2]


def test_a_bug_sends_all_back_as_well(backend):
    assert answers_of_one_turn(backend, post(body((98, "a")))) == [None]


@pytest.mark.parametrize(
    "text",
    [
        '{"instances": [{"x": 1, "word": "a:b"}]}',
        '{"instances": [{"x": 1, "x": 2, "word": "a"}]}',
        '{"instances": [{"x": "1", "word": "a"}]}',
        '{"instances": [{"x": [1], "word": "a"}]}',
        '{"instances": [{"x": 1, "word": {"b64": "YQ=="}}]}',
        '{"instances": [{"x": 1}]}',
        '{"instances": [{"x": 1, "word": "a", "more": 2}]}',
        '{"instances": [{"x": 1, "word": null}]}',
        '{"instances": [{"x": 1, "other": "a"}]}',
    ],
)
def test_rows_that_are_not_plain_go_the_usual_way(backend, model, text):
    found = answers_of_one_turn(backend, post(body((1, "a"))), post(text))
    assert found == [None, None]
    assert model.batch_sizes == []


@pytest.mark.parametrize(
    "request_",
    [
        post("{"),
        post('{"instances": []}'),
        post('{"instances": [1.0]}'),
        post('{"instances": {"x": {}}}'),
        post('{"signature_name": "s", "instances": [{"x": 1, "word": "a"}]}'),
        post('{"inputs": {"x": [1], "word": ["a"]}}'),
        post(body((1, "a")) + " " * (32 << 10)),
        post(body(*[(1, "a")] * 6)),
        post(body((1, "a")), "/v1/models/m:classify"),
        post(body((1, "a")), "/healthz"),
    ],
)
def test_what_is_no_common_request_is_not_taken(backend, request_):
    assert answers_of_one_turn(backend, request_, max_instances=5) == ["alone"]


def test_model_whose_requests_may_not_be_put_together_is_not_taken(model):
    model.num_shared = 0
    found = answers_of_one_turn(FakeBackend(model), post(body((1, "a"))))
    assert found == ["alone"]
    assert model.batch_sizes == []


def test_unknown_model_is_not_taken(backend):
    unknown = "/v1/models/none:predict"
    assert answers_of_one_turn(backend, post(body((1, "a")), unknown)) == ["alone"]


def test_model_that_goes_away_within_the_turn_sends_all_back(backend, monkeypatch):
    take = PredictTurn.take

    def take_then_unload(turn, request, on_answer):
        is_taken = take(turn, request, on_answer)
        backend.servables.clear()
        return is_taken

    monkeypatch.setattr(PredictTurn, "take", take_then_unload)
    assert answers_of_one_turn(backend, post(body((1, "a")))) == [None]


def test_parts_have_no_more_rows_than_the_model_takes(backend, model):
    model.num_shared = 2
    requests = [post(body((n, "a"))) for n in range(3)]
    long = post(body((5, "a"), (6, "a"), (7, "a")))
    found = answers_of_one_turn(backend, *requests, long)
    assert model.batch_sizes == [2, 1, 1]
    assert all(isinstance(answer, Answer) for answer in found)
    assert found[3].body.decode().count("loud") == 3


def test_gathering_ends_though_requests_keep_coming(backend, monkeypatch):
    monkeypatch.setattr("serving.server.rest.predict_turn._LONGEST_GATHERING_S", 0.05)
    answered = []

    async def ask():
        rest = RestOptions()
        plan = ModelApi(backend, rest).plan
        turn = PredictTurn(backend, rest, plan, Audience(()))
        end_s = time.monotonic() + 5
        while not answered and time.monotonic() < end_s:
            turn.take(post(body((1, "a"))), lambda *_: answered.append(True))
            await asyncio.sleep(0)
        return bool(answered)

    assert asyncio.run(ask())


def test_over_http_bad_and_good_requests_each_get_their_own_answer(backend):
    with running(backend) as server:
        clients = [server.connect() for _ in range(8)]
        for place, client in enumerate(clients):
            x = 99 if place == 3 else place
            text = body((x, "a")).encode()
            client.send(http_post(text))
        replies = [client.reply() for client in clients]
        for client in clients:
            client.socket.close()
    for place, reply in enumerate(replies):
        if place == 3:
            assert (reply.status, json.loads(reply.body)) == (400, {"error": "x is 99"})
        else:
            assert reply.body.decode() == expected(("A", f"{place * 2}.0"))
            assert reply.headers["x-slipway-model-version"] == "3"


def test_request_that_takes_too_long_gets_504_and_its_late_answer_nobody(model):
    model.delay_s = 0.3
    with running(FakeBackend(model), timeout_s=0.05) as server:
        with server.connect() as client:
            late = client.post(PATH, body((1, "a")).encode())
            assert (late.status, b"longer than 0.05 s" in late.body) == (504, True)
            time.sleep(0.4)
            model.delay_s = 0.0
            assert client.post(PATH, body((2, "b")).encode()).body.decode() == expected(
                ("B", "4.0")
            )
        assert server.server.num_connections <= 1


def test_request_that_is_sent_back_keeps_its_clock(model):
    class Slow(FakeServable):
        async def run(self, *_facts, **_more):
            await asyncio.sleep(0.2)
            raise ServingError(Code.INVALID_ARGUMENT, "refused")

    slow = Slow(**{name: getattr(model, name) for name in (
        "name", "version", "signatures", "functions", "num_shared")})  # fmt: skip
    with running(FakeBackend(slow), timeout_s=0.3) as server:
        started_s = time.monotonic()
        with server.connect() as client:
            reply = client.post(PATH, body((1, "a")).encode())
        took_s = time.monotonic() - started_s
    # 0.2 s together and 0.2 s alone are more than the time-out of both.
    assert reply.status == 504
    assert took_s < 0.4


def test_a_turn_looks_anew_whether_requests_may_be_shared(backend, model):
    async def ask():
        rest = RestOptions()
        plan = ModelApi(backend, rest).plan
        turn = PredictTurn(backend, rest, plan, Audience(()))
        found = [turn.take(post(body((1, "a"))), lambda *_: None)]
        await asyncio.sleep(0.01)
        model.num_shared = 0
        return [*found, turn.take(post(body((2, "b"))), lambda *_: None)]

    assert asyncio.run(ask()) == [True, False]


def test_client_that_hung_up_is_observed_as_cancelled(model):
    model.delay_s = 0.1
    seen = []
    with running(FakeBackend(model), observers=(seen.extend,)) as server:
        with server.connect() as client:
            text = body((1, "a")).encode()
            client.send(http_post(text))
            server.wait_until(lambda: model.batch_sizes == [1])
        server.wait_until(lambda: seen)
    assert [answered.answer.code for answered in seen] == ["CANCELLED"]
