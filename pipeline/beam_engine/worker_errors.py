"""What a Beam worker raised, out of the text that an engine elsewhere makes of it.

Beam's own runner raises the worker's error again. Of a job on Flink or Spark a text
comes back: Java's exception, in it the worker's traceback, and that twice.
"""

import importlib
import re

from pipeline.run_record import NodeFailure

_FAILED = " failed in state FAILED: "
_MARK = "Error received from SDK harness"
# What Flink says of slots that did not come in time, by what the job was doing.
_NO_SLOTS = (
    "java.util.concurrent.TimeoutException: Timeout has occurred",
    "NoResourceAvailableException",
)
_NO_SLOTS_MESSAGE = (
    "Flink did not get the slots that the job needs in time: a task manager is gone, "
    "or others hold them. Look at the cluster, or set beam.flink.parallelism lower; "
    "then run again."
)
_OURS = ("components", "data", "models", "pipeline", "serving")
# The line after a traceback's last frame, up to the next traceback or the end.
_RAISED = re.compile(
    r"^(?P<kind>[A-Za-z_][\w.]*): (?P<message>.*?)"
    r"(?=\n\n(?:During handling of|The above exception)|\s*\Z)",
    re.MULTILINE | re.DOTALL,
)
_STEP = re.compile(r" \[while running '[^']*'\]$")


class JobFailedError(RuntimeError):
    """A job on an engine elsewhere failed; the text says why, as far as it told."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def job_failure(error: Exception, kept: str) -> JobFailedError | None:
    """Returns the error to show instead of an engine's pages of text.

    Args:
        error: What the pipeline's end raised.
        kept: A sentence on what the job leaves behind.

    Returns:
        None where it is no error of a job.
    """
    text = str(error)
    failure = failure_in_worker(text)
    if failure is None and _FAILED in text:
        failure = NodeFailure(kind="JobFailed", message=text.strip().splitlines()[0])
    if failure is None:
        return None
    return JobFailedError(f"{failure.message} {kept}", failure.exit_code)


def failure_in_worker(text: str) -> NodeFailure | None:
    """Returns what went wrong in a worker, or that there were too few of them.

    Args:
        text: Of the error that the pipeline's end raised.

    Returns:
        None where the text tells of neither.
    """
    if any(sign in text for sign in _NO_SLOTS):
        return NodeFailure(kind="NoSlots", message=_NO_SLOTS_MESSAGE)
    _, mark, answer = text.partition(_MARK)
    traceback = answer.partition("Traceback (most recent call last):\n")[2]
    found = _RAISED.search(traceback) if mark else None
    if found is None:
        return None
    module, _, name = found["kind"].rpartition(".")
    message = _STEP.sub("", found["message"])
    exit_code = _exit_code(module, name)
    if exit_code is None:
        return NodeFailure(kind=name, message=message)
    return NodeFailure(kind=name, message=message, exit_code=exit_code)


def _exit_code(module: str, name: str) -> int | None:
    """Returns the exit code of one of our own errors."""
    if module.partition(".")[0] not in _OURS:
        return None
    error_class = getattr(importlib.import_module(module), name, None)
    exit_code = getattr(error_class, "exit_code", None)
    return exit_code if isinstance(exit_code, int) else None
