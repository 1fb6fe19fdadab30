"""Starts the server from its command line.

Exit codes: 0 stopped by a signal, 1 it cannot serve, 2 a flag or a file is wrong.
"""

import gc
import logging
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from serving.server.flags import ServerFlags, parse_flags
from serving.server.line_file import STANDARD_OUTPUT
from serving.server.status import Code, ServingError
from serving.server.workers import CONFIGURATION_EXIT_CODE, Supervisor

_LOG = logging.getLogger(__name__)
_GARBAGE_THRESHOLD = 50_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until a signal; returns the exit code.

    Raises:
        SystemExit: 2: a flag is wrong; 0: --help.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname).1s %(process)d %(message)s",
    )
    flags = parse_flags(given)
    if flags.version:
        sys.stdout.write(_versions())
        return 0
    if flags.access_log not in ("", str(STANDARD_OUTPUT)):
        # What logrotate is often told to send; the log follows its path without it.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if flags.workers > 1 and not flags.supervisor_pid:
        command = [sys.executable, "-m", "serving.server", *given]
        return Supervisor(command, flags.workers, flags.drain_seconds).run()
    try:
        _serve(flags)
    except ServingError as error:
        _LOG.error("%s", error.message)
        is_configuration = error.code is Code.INVALID_ARGUMENT
        return CONFIGURATION_EXIT_CODE if is_configuration else 1
    return 0


def _serve(flags: ServerFlags) -> None:
    import uvloop

    from serving.server.configuration import read_configuration

    configuration = read_configuration(flags)
    from serving.lean_tensorflow import preload_tensorflow

    preload_tensorflow()
    from serving.server.application import Application

    application = Application(flags, configuration)
    # Closing a version collects garbage; what was imported is none, and looking
    # through it would hold up requests.
    gc.collect()
    gc.freeze()
    # Requests that are under way are no garbage either: with Python's own threshold of
    # 700 objects they are looked through ten times a batch.
    gc.set_threshold(_GARBAGE_THRESHOLD, 20, 20)
    try:
        uvloop.run(application.run())
    finally:
        if flags.metrics_file and os.getppid() != flags.supervisor_pid:
            # The supervisor was killed: nobody else is left to do it.
            shutil.rmtree(Path(flags.metrics_file).parent, ignore_errors=True)


def _versions() -> str:
    from importlib.metadata import version

    return (
        f"Slipway ModelServer: {version('slipway')}\n"
        f"TensorFlow Library: {version('tensorflow')}\n"
    )
