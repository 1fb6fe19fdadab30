"""Tells a program of the user's: the notification as JSON on its standard input."""

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress

from serving.monitoring.alerts.alert_state import Notification, as_json
from serving.monitoring.alerts.errors import DeliveryError

_MAX_SAID = 300


class CommandChannel:
    """Runs one process for each notification; exit code 0 is a delivery.

    There is no shell: a value of a request cannot become a command. What the program
    starts and leaves behind is ended with it.
    """

    def __init__(self, command: Sequence[str], timeout_s: float) -> None:
        """Starts nothing yet.

        Args:
            command: Program and arguments.
            timeout_s: Seconds until the program is killed.
        """
        self._command = list(command)
        self._timeout_s = timeout_s

    def send(self, notification: Notification) -> None:
        """Runs the program to its end.

        Raises:
            DeliveryError: It cannot be started, takes too long, or fails.
        """
        text = json.dumps(as_json(notification)) + "\n"
        try:
            process = subprocess.Popen(  # noqa: S603 - an argument list of the settings
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise DeliveryError(
                f"{self._command[0]} cannot be started: {error.strerror}"
            ) from error
        try:
            _, said = process.communicate(text.encode(), timeout=self._timeout_s)
        except subprocess.TimeoutExpired as error:
            raise DeliveryError(
                f"{self._command[0]} took longer than {self._timeout_s:g} s"
            ) from error
        finally:
            _end_group(process)
        if process.returncode:
            tail = " ".join(said.decode("utf-8", "replace").split())[-_MAX_SAID:]
            raise DeliveryError(
                f"{self._command[0]} ended with {process.returncode}: {tail!r}"
            )


def _end_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
