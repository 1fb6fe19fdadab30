"""Nodes at work: their processes, time-outs and retries."""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.node_processes import (
    DIED,
    TIMED_OUT,
    NodeCall,
    NodeProcesses,
    wait_for_any,
)
from pipeline.run_config import RunConfig
from pipeline.run_record import NodeFailure, NodeResult

# Errors of ours with another code are about data, configuration or the model: the same
# again would end the same.
_MAY_PASS_EXIT_CODE = 1


def is_sudden(failure: NodeFailure | None) -> bool:
    """Whether a node's process was ended, and may not have told ML Metadata."""
    return failure is not None and failure.kind in (DIED, TIMED_OUT)


@dataclass(slots=True)
class _Attempt:
    """One node at work, or resting before its next attempt."""

    node_id: str
    number: int
    started: float
    call: NodeCall | None
    resumes_at: float = 0.0


class NodeAttempts:
    """Starts nodes and gives back how they ended, after retries where there are any."""

    def __init__(
        self,
        processes: NodeProcesses,
        settings: RunConfig,
        *,
        arguments: Callable[[str], tuple[Any, ...]],
        log_path: Callable[[str], Path],
    ) -> None:
        """Has started nothing yet.

        Args:
            processes: Makes the processes.
            settings: Retries and time-outs, of the run and of single nodes.
            arguments: Node to what node_process.launch_node is given.
            log_path: Node to its log.
        """
        self._processes = processes
        self._settings = settings
        self._arguments = arguments
        self._log_path = log_path
        self._attempts: dict[str, _Attempt] = {}

    def __len__(self) -> int:
        """Returns how many nodes are at work or rest before a retry."""
        return len(self._attempts)

    def start(self, node_id: str) -> None:
        """Starts a node's first attempt."""
        attempt = _Attempt(node_id, number=1, started=time.monotonic(), call=None)
        self._attempts[node_id] = attempt
        self._call(attempt)

    def wait(self, timeout_s: float) -> list[NodeResult]:
        """Waits for ends, at most so long; returns those that are final."""
        now = time.monotonic()
        for attempt in self._attempts.values():
            if attempt.call is None and now >= attempt.resumes_at:
                self._call(attempt)
        calls = {
            id(attempt.call): attempt
            for attempt in self._attempts.values()
            if attempt.call is not None
        }
        if not calls:
            time.sleep(timeout_s)
            return []
        ready = wait_for_any(
            [attempt.call for attempt in calls.values() if attempt.call], timeout_s
        )
        ended = [self._take(calls[id(call)], call.answer()) for call in ready]
        late = [
            self._take_late(attempt)
            for attempt in calls.values()
            if attempt.call not in ready
            and attempt.call is not None
            and attempt.call.is_late()
        ]
        return [result for result in (*ended, *late) if result is not None]

    def end_all(self) -> list[NodeResult]:
        """Ends every node at work, because the run is interrupted."""
        attempts = list(self._attempts.values())
        for attempt in attempts:
            if attempt.call is not None:
                attempt.call.ask_to_end()
        for attempt in attempts:
            if attempt.call is not None:
                attempt.call.end()
        self._attempts.clear()
        return [self._result(attempt, state="interrupted") for attempt in attempts]

    def _call(self, attempt: _Attempt) -> None:
        if attempt.number > 1:
            with self._log_path(attempt.node_id).open("a", encoding="utf-8") as log:
                log.write(f"\n===== attempt {attempt.number} =====\n")
        attempt.call = self._processes.start(
            "launch_node",
            *self._arguments(attempt.node_id),
            timeout_s=self._settings.of_node(attempt.node_id).timeout_s,
        )

    def _take_late(self, attempt: _Attempt) -> NodeResult | None:
        if attempt.call is not None:
            attempt.call.end()
        settings = self._settings.of_node(attempt.node_id)
        name = f"run.nodes.{attempt.node_id}.timeout_s"
        failure = NodeFailure(
            kind=TIMED_OUT,
            message=f"it took longer than {settings.timeout_s:g} s and was ended; set "
            f"{name} higher if it needs more.",
        )
        return self._take(attempt, failure)

    def _take(self, attempt: _Attempt, answer: Any) -> NodeResult | None:
        """Returns the node's final result, or None where it will be tried again."""
        settings = self._settings.of_node(attempt.node_id)
        if (
            isinstance(answer, NodeFailure)
            and answer.exit_code == _MAY_PASS_EXIT_CODE
            and attempt.number <= settings.retries
        ):
            rest_s = settings.backoff_s * 2 ** (attempt.number - 1)
            attempt.number += 1
            attempt.call = None
            attempt.resumes_at = time.monotonic() + rest_s
            return None
        del self._attempts[attempt.node_id]
        if isinstance(answer, NodeFailure):
            if attempt.number > 1:
                text = f"{answer.message} ({attempt.number} attempts)"
                answer = dataclasses.replace(answer, message=text)
            return self._result(attempt, state="failed", failure=answer)
        ended: NodeResult = answer
        return dataclasses.replace(
            ended,
            attempts=attempt.number,
            wall_s=time.monotonic() - attempt.started,
        )

    def _result(
        self, attempt: _Attempt, *, state: str, failure: NodeFailure | None = None
    ) -> NodeResult:
        return NodeResult(
            node_id=attempt.node_id,
            state=state,
            wall_s=time.monotonic() - attempt.started,
            attempts=attempt.number,
            failure=failure,
        )
