"""Tries a model in a server of its own, through the doors its clients will use.

    load_check (a process)   what only a look from inside can tell: serving.load_check
    server (a process)       loads the model as it will be served, warm-up included
    this process             golden rows over REST and gRPC, timings, a short load

The first two work at the same time; the rest is measured when the server has the
machine to itself. This process imports no TensorFlow, and starts the others before it
imports what it needs itself.
"""

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from serving.bundle.errors import BundleRefusedError
from serving.server_check.candidate_folder import (
    MODEL_NAME,
    Candidate,
    link_candidate,
    server_flags,
)
from serving.server_check.errors import CheckFailedError
from serving.server_check.module_process import ModuleProcess
from serving.server_check.report import CheckReport
from serving.server_check.server_binary import server_name
from serving.server_check.server_process import ServerFailedError, ServerProcess

if TYPE_CHECKING:
    # Run as a process; named here so that an edit of it is seen as one of this module.
    from serving import load_check  # noqa: F401

_LOOK = "serving.load_check"
_STOP_S = 5.0
_LINE_CHARACTERS = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckLimits:
    """How long each part may take.

    Attributes:
        look_s: The look from inside.
        start_s: From the server's start until it serves the model.
        call_s: One call.
        load_s: How long the clients at once ask.
    """

    look_s: float = 300.0
    start_s: float = 300.0
    call_s: float = 30.0
    load_s: float = 1.0


def check_model(candidate: Candidate, binary: str, limits: CheckLimits) -> CheckReport:
    """Looks at a model, serves it and asks it.

    Whatever this starts has ended when it returns or raises, and its files are gone.

    Args:
        candidate: The model.
        binary: Path of a tensorflow_model_server; "": our own server.
        limits: How long it may take.

    Raises:
        OSError: A folder cannot be read or written.
    """
    name = ""
    try:
        with ExitStack() as stack:
            look = stack.enter_context(_look_from_inside(candidate))
            name = server_name(binary)
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            link_candidate(folder, candidate)
            pool = stack.enter_context(ThreadPoolExecutor(1))
            server = ServerProcess(
                server_flags(folder), log=folder / "server.log", binary=binary or None
            )
            stack.callback(server.stop, _STOP_S)
            waiting = pool.submit(
                server.wait_until_available, MODEL_NAME, limits.start_s
            )
            from serving.server_check.ask_server import ask_server, measurements

            found = look.report(limits.look_s)
            if not found["is_servable"]:
                raise CheckFailedError(found["reason"])
            load_s = waiting.result()
            asked = ask_server(
                server, candidate, call_s=limits.call_s, load_s=limits.load_s
            )
            return CheckReport(
                is_servable=True,
                reason="",
                server=name,
                rows=found["rows"],
                signatures=found["signatures"],
                serving=measurements(server, name, load_s, asked.timings),
                load=asked.load,
            )
    except ServerFailedError as error:
        sys.stderr.write(f"{error}\n")
        reason = _with_last_line(error)
    except BundleRefusedError as error:
        reason = error.reason
    except CheckFailedError as error:
        reason = str(error)
    return CheckReport(is_servable=False, reason=reason, server=name)


def _look_from_inside(candidate: Candidate) -> ModuleProcess:
    return ModuleProcess(_LOOK, (str(candidate.model_dir), str(candidate.extras)))


def _with_last_line(error: ServerFailedError) -> str:
    lines = error.log.strip().splitlines()
    if not lines:
        return error.reason
    return f"{error.reason} Its log ends with: {lines[-1].strip()[:_LINE_CHARACTERS]}"
