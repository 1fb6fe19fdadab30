"""A store on a database server that survives the loss of its connection.

A call that was lost is made again where that cannot write anything twice: reading,
types, and changes of what has an id already. Each call is one transaction; of a call
that gives an execution its outputs, the execution itself tells whether it was written.
"""

import time
from collections.abc import Callable
from typing import Any

from pipeline.metadata.driver import is_lost
from pipeline.metadata.errors import MetadataLostError, MetadataUnavailableError
from pipeline.metadata.place import MetadataServer

_FIRST_REST_S, _MAX_REST_S = 0.2, 5.0
# Whoever loses it so often in one call loses it because of the call.
_MAX_LOSSES = 3
_BY_ID = ("put_artifacts", "put_executions", "put_contexts")


class RetriedStore:
    """Has the methods of MLMD's MetadataStore."""

    def __init__(self, server: MetadataServer, reopen: Callable[[], Any]) -> None:
        """Opens the store.

        Args:
            server: For its name in messages.
            reopen: Gives a store that is open; waits for the server.
        """
        self._server = server
        self._reopen = reopen
        self._store = reopen()

    def __getattr__(self, name: str) -> Any:
        """Returns a method of the store that survives a loss."""

        def call(*arguments: Any, **options: Any) -> Any:
            return self._call(name, arguments, options)

        return call

    def _call(
        self, name: str, arguments: tuple[Any, ...], options: dict[str, Any]
    ) -> Any:
        for _ in range(_MAX_LOSSES):
            try:
                return getattr(self._store, name)(*arguments, **options)
            except Exception as error:
                if not is_lost(error):
                    raise
                self._store = self._reopen()
                if not self._may_repeat(name, arguments):
                    raise MetadataLostError(
                        f"the connection to {self._server} broke in {name}, and what "
                        "it wrote may or may not be there. Run again; run.retries does "
                        "so by itself."
                    ) from error
        raise MetadataUnavailableError(
            f"{self._server} broke the connection {_MAX_LOSSES} times in {name}; its "
            "own log says why."
        )

    def _may_repeat(self, name: str, arguments: tuple[Any, ...]) -> bool:
        if name.startswith("get_") or name.endswith("_type"):
            return True
        if name in _BY_ID:
            return all(each.id for each in arguments[0])
        if name == "put_execution" and arguments[0].id:
            return not self._was_written(arguments[0])
        return False

    def _was_written(self, execution: Any) -> bool:
        """Whether an execution was changed after it was read; nobody else does that."""
        (stored,) = self._store.get_executions_by_id([execution.id])
        read_at: int = execution.last_update_time_since_epoch
        changed_at: int = stored.last_update_time_since_epoch
        return changed_at > read_at


def wait_for[Opened](open_it: Callable[[], Opened], wait_s: float) -> Opened:
    """Calls a function until the server answers, with rests that grow to 5 s.

    Args:
        open_it: Raises MetadataUnavailableError while there is no answer.
        wait_s: After so many seconds the last error is raised.
    """
    deadline = time.monotonic() + wait_s
    rest_s = _FIRST_REST_S
    while True:
        try:
            return open_it()
        except MetadataUnavailableError:
            if time.monotonic() + rest_s > deadline:
                raise
            time.sleep(rest_s)
            rest_s = min(2 * rest_s, _MAX_REST_S)
