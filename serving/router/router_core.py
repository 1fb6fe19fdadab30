"""What REST and gRPC share: routing, connections, counts, shadow and log."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from serving.router.arm_counts import ArmCounts, ErrorKind
from serving.router.arm_links import ArmLinks
from serving.router.counts_file import CountsFile
from serving.router.live_routing import LiveRouting
from serving.router.prediction_recorder import PredictionRecorder
from serving.router.router_options import RouterOptions
from serving.router.routing import ArmPlace, Routing
from serving.router.shadow_queue import ShadowQueue
from serving.server.request_ids import RequestIds

LONG_BYTES = 64 << 10
"""A longer answer takes milliseconds to read, in which no request is passed on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RouterCore:
    """The parts of one router.

    Attributes:
        options: Its settings.
        live: The routing in force.
        links: Connections to the arms.
        counts_file: What was counted.
        shadow: Copies for the candidate.
        recorder: Writes the prediction log; None: there is none.
        request_ids: For requests whose client gave them none.
    """

    options: RouterOptions
    live: LiveRouting
    links: ArmLinks
    counts_file: CountsFile
    shadow: ShadowQueue
    recorder: PredictionRecorder | None = None
    request_ids: RequestIds = field(default_factory=RequestIds)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def counts(self, routing: Routing, arm: ArmPlace) -> ArmCounts:
        """Returns the counts of an arm, to be changed in place."""
        counts = self.counts_file.of(routing.rollout_id)
        found = counts.get(arm.name)
        if found is None:
            found = counts[arm.name] = ArmCounts()
        return found

    def attempt(self, routing: Routing, arm: ArmPlace, *, is_rescue: bool) -> "Attempt":
        """Begins to ask an arm.

        Args:
            routing: In force when the request came.
            arm: Is asked.
            is_rescue: Instead of another: it is counted as such, and no more.
        """
        counts = self.counts(routing, arm)
        if is_rescue:
            counts.rescued += 1
            return Attempt(ArmCounts())
        return Attempt(counts)

    def check_outputs[Answer](
        self,
        lacks_outputs: Callable[[Answer], bool],
        answer: Answer,
        num_bytes: int,
        attempt: "Attempt",
    ) -> None:
        """Counts an answer that lacks outputs: now, or in a while where it is long.

        Args:
            lacks_outputs: Tells.
            answer: A good one.
            num_bytes: Of the answer.
            attempt: That got it.
        """

        async def look() -> None:
            if await asyncio.to_thread(lacks_outputs, answer):
                attempt.lacked_outputs()

        if num_bytes > LONG_BYTES:
            task = asyncio.ensure_future(look())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif lacks_outputs(answer):
            attempt.lacked_outputs()

    def may_retry(self, routing: Routing, arm: ArmPlace) -> bool:
        """Returns whether the stable arm answers what this one did not."""
        return self.options.retries_on_stable and arm is not routing.stable

    def timeout_s(self, routing: Routing, arm: ArmPlace) -> float:
        """Returns how long an arm may take for its answer, seconds."""
        options = self.options
        if self.may_retry(routing, arm):
            return min(options.candidate_timeout_s, options.timeout_s)
        return options.timeout_s


class Attempt:
    """One prediction at one arm: is counted when it ends, whatever the end.

    Attributes:
        took_s: Seconds to the answer; 0: there is none yet.
    """

    __slots__ = ("_counts", "_started_s", "took_s")

    def __init__(self, counts: ArmCounts) -> None:
        """Begins."""
        self._counts = counts
        self._started_s = time.perf_counter()
        self.took_s = 0.0

    def answered(self, error: ErrorKind | None = None) -> None:
        """Counts an answer.

        Args:
            error: "client" or "server" for one that is no prediction.
        """
        self.took_s = time.perf_counter() - self._started_s
        self._counts.requests += 1
        self._counts.latency.add(self.took_s * 1e6)
        if error is not None:
            self._counts.add_error(error)

    def lacked_outputs(self) -> None:
        """Counts that the answer, a good one, had no outputs or none of use."""
        self._counts.missing_outputs += 1

    def failed(self, error: ErrorKind, *, is_retried: bool) -> None:
        """Counts that no answer came."""
        self._counts.requests += 1
        self._counts.add_error(error)
        self._counts.retried += is_retried
        if error == "timeout":
            self._counts.latency.add((time.perf_counter() - self._started_s) * 1e6)

    def cancelled(self) -> None:
        """Counts that the client hung up."""
        self._counts.cancelled += 1


def mirror(
    core: RouterCore,
    counts: ArmCounts,
    copy: Callable[[], Awaitable[None]],
    num_bytes: int,
) -> None:
    """Offers a copy to the shadow; counts it where there is no room."""
    if not core.shadow.offer(copy, num_bytes):
        counts.shadow_dropped += 1


async def beside[Result](
    num_bytes: int, look: Callable[..., Result], *arguments: Any
) -> Result:
    """Looks at an answer: at once where it is short, in a thread where it is long.

    Args:
        num_bytes: Of the answer.
        look: What to call; must change nothing.
        arguments: Its own.
    """
    if num_bytes <= LONG_BYTES:
        return look(*arguments)
    return await asyncio.to_thread(look, *arguments)
