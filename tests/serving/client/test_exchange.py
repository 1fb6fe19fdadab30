"""Which replies are asked for again, when, and what is raised in the end."""

import pickle

import pytest

from serving.client.errors import (
    DeadlineExceededError,
    InvalidRequestError,
    ModelNotFoundError,
    OverloadedError,
    ServerFaultError,
    ServingClientError,
    UnavailableError,
    error_type,
    status_code,
)
from serving.client.exchange import Call
from serving.client.model_target import ModelTarget
from serving.client.rest_wire import HttpReply, RestWire
from serving.client.retries import RetryPolicy
from serving.client.steps import NoReply
from tests.serving.client.conversation import Conversation

WIRE = RestWire("http://server", ModelTarget(name="m", version=None, label=None))
OK = HttpReply(status=200, headers={}, body=b"{}")
BROKEN = NoReply(kind=UnavailableError, message="closed", may_retry=True)
BROKEN_INSIDE = NoReply(kind=UnavailableError, message="closed", may_retry=False)
LATE = NoReply(kind=DeadlineExceededError, message="", may_retry=False)


def refusal(status, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpReply(status=status, headers=named, body=b'{"error": "no"}')


def exchange(talk, timeout_s=10.0, attempts=3):
    retries = RetryPolicy(attempts=attempts, initial_backoff_s=0.1, jitter=lambda: 1.0)
    call = Call(
        place="http://server", timeout_s=timeout_s, retries=retries, clock=talk.clock
    )
    return talk.run(call.exchange(WIRE.status(), WIRE.read))


@pytest.mark.parametrize(
    "reply",
    [refusal(429), refusal(503), refusal(502), BROKEN],
    ids=["429", "503", "502", "no-reply"],
)
def test_what_was_not_done_is_asked_again(reply):
    talk = Conversation(reply, reply, OK)
    assert exchange(talk).body == b"{}"
    assert talk.pauses_s == pytest.approx([0.1, 0.2])
    assert len({step.request_id for step in talk.sent}) == 1


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        (refusal(400), InvalidRequestError, "INVALID_ARGUMENT"),
        (refusal(413), InvalidRequestError, "INVALID_ARGUMENT"),
        (refusal(404), ModelNotFoundError, "NOT_FOUND"),
        (refusal(409), ServerFaultError, "ABORTED"),
        (refusal(500), ServerFaultError, "INTERNAL"),
        (refusal(504), DeadlineExceededError, "DEADLINE_EXCEEDED"),
        (BROKEN_INSIDE, UnavailableError, "UNAVAILABLE"),
        (LATE, DeadlineExceededError, "DEADLINE_EXCEEDED"),
    ],
    ids=["400", "413", "404", "409", "500", "504", "broken-inside", "late"],
)
def test_what_would_fail_again_is_raised_at_once(reply, kind, code):
    talk = Conversation(reply)
    with pytest.raises(kind, match=r"no|closed|within 10 s") as caught:
        exchange(talk)
    assert caught.value.code == code
    assert caught.value.attempts == 1
    assert caught.value.request_id == talk.sent[0].request_id
    assert talk.pauses_s == []


def test_last_failure_is_raised_after_the_last_attempt():
    talk = Conversation(BROKEN, refusal(503), refusal(429))
    with pytest.raises(OverloadedError, match=r"no \(3 attempts\)") as caught:
        exchange(talk)
    assert caught.value.attempts == 3


def test_retry_after_is_waited_for():
    talk = Conversation(refusal(503, retry_after="4"), OK)
    exchange(talk)
    assert talk.pauses_s == [4.0]


def test_pause_that_outlasts_the_call_is_not_begun():
    talk = Conversation(refusal(503, retry_after="11"))
    with pytest.raises(UnavailableError):
        exchange(talk)
    assert talk.pauses_s == []


def test_every_attempt_gets_what_is_left_of_the_time():
    talk = Conversation(BROKEN, BROKEN, OK, reply_takes_s=2.0)
    exchange(talk, timeout_s=10.0)
    assert [step.timeout_s for step in talk.sent] == pytest.approx([10.0, 7.9, 5.7])


def test_retries_end_with_the_call():
    talk = Conversation(*[BROKEN] * 50, reply_takes_s=2.0)
    with pytest.raises(UnavailableError):
        exchange(talk, timeout_s=5.0, attempts=50)
    assert len(talk.sent) == 3
    assert talk.now_s < 100.0 + 5.0 + 2.0


@pytest.mark.parametrize("status", [301, 204, 199], ids=str)
def test_status_that_no_model_server_gives_is_a_protocol_error(status):
    talk = Conversation(refusal(status))
    with pytest.raises(ServingClientError, match=f"status {status}") as caught:
        exchange(talk)
    assert type(caught.value).__name__ == "ProtocolError"


def test_errors_survive_being_sent_to_another_process():
    error = pickle.loads(  # noqa: S301 - our own bytes
        pickle.dumps(error_type("NOT_FOUND")("gone", "NOT_FOUND", "id-1", 2))
    )
    assert type(error) is ModelNotFoundError
    assert (error.message, error.code) == ("gone", "NOT_FOUND")
    assert (error.request_id, error.attempts) == ("id-1", 2)


def test_codes_of_http_are_those_of_our_server():
    from serving.server.status import Code, ServingError

    # 400 and 409 stand for several codes, 500 for all that have no status.
    ambiguous = {400: "INVALID_ARGUMENT", 409: "ABORTED", 500: "INTERNAL"}
    for code in Code:
        status = ServingError(code, "").http_status
        assert status_code(status) == ambiguous.get(status, code.name)
