"""One call's time and attempts: the loop that sends until there is an answer."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from serving.client.errors import DeadlineExceededError, ServingClientError
from serving.client.retries import RETRIED_CODES, RetryPolicy
from serving.client.steps import NoReply, Pause, Send, Steps


@dataclass(frozen=True, kw_only=True, slots=True)
class Success:
    """A reply that holds what was asked for.

    Attributes:
        body: As it came.
        model_version: Of the server's headers; None: it sent none.
        bundle_digest: Likewise.
        request_id: The server's word for it; "": it sent none.
    """

    body: bytes
    model_version: int | None = None
    bundle_digest: str | None = None
    request_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A reply that says what is wrong.

    Attributes:
        kind: Of the error to raise.
        code: Name of gRPC's code.
        message: The server's.
        retry_after_s: The pause it asks for; None: none.
    """

    kind: type[ServingClientError]
    code: str
    message: str
    retry_after_s: float | None = None


@dataclass(slots=True, kw_only=True)
class Call:
    """One call of a client, from its first request to its result.

    Attributes:
        place: Address of the server, for messages.
        timeout_s: For all of it: every request, attempt and pause.
        retries: How often and how patiently.
        clock: Seconds that only grow.
        request_id: The same for every attempt.
        num_attempts: Of the request that is under way, or was the last.
    """

    place: str
    timeout_s: float
    retries: RetryPolicy
    clock: Callable[[], float] = time.monotonic
    request_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    num_attempts: int = 0
    _end_s: float = field(init=False)

    def __post_init__(self) -> None:
        """Starts the clock."""
        self._end_s = self.clock() + self.timeout_s

    def exchange(
        self, request: Any, read: Callable[[Any], Success | Failure]
    ) -> Steps[Success]:
        """Sends a request, and again where it may be, until it is answered.

        Args:
            request: For the transport.
            read: Says what a reply of the transport is.

        Raises:
            ServingClientError: What the last attempt failed with.
        """
        self.num_attempts = 0
        while True:
            remaining_s = self._end_s - self.clock()
            if remaining_s <= 0:
                raise DeadlineExceededError(
                    self._late_words(),
                    request_id=self.request_id,
                    attempts=self.num_attempts,
                )
            self.num_attempts += 1
            reply = yield Send(
                request=request, request_id=self.request_id, timeout_s=remaining_s
            )
            found = (
                self._unanswered(reply) if isinstance(reply, NoReply) else read(reply)
            )
            if isinstance(found, Success):
                return found
            pause_s = self._pause_s(reply, found)
            if pause_s is None:
                raise found.kind(
                    found.message, found.code, self.request_id, self.num_attempts
                )
            yield Pause(seconds=pause_s)

    def _unanswered(self, reply: NoReply) -> Failure:
        is_late = reply.kind is DeadlineExceededError
        message = self._late_words() if is_late else f"{self.place}: {reply.message}"
        return Failure(kind=reply.kind, code=reply.kind.default_code, message=message)

    def _late_words(self) -> str:
        return f"{self.place} gave no answer within {self.timeout_s:g} s."

    def _pause_s(self, reply: Any, failure: Failure) -> float | None:
        """Returns the pause before the next attempt; None: there is none."""
        if isinstance(reply, NoReply) and not reply.may_retry:
            return None
        if failure.code not in RETRIED_CODES:
            return None
        pause_s = self.retries.pause_s(self.num_attempts, failure.retry_after_s)
        if pause_s is None or self.clock() + pause_s >= self._end_s:
            return None
        return pause_s
