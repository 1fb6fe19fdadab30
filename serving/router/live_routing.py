"""Follows rollout.json: a new state is in force for the next request."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from serving.client.rest_address import RestAddress
from serving.rollout.errors import RolloutError
from serving.rollout.state_file import ROLLOUT, read_state
from serving.router.errors import RouterError
from serving.router.routing import Routing, routing_of

_LOG = logging.getLogger(__name__)
_LOOK_S = 0.1


class LiveRouting:
    """The routing in force.

    Attributes:
        current: Is replaced, never changed.
        is_stale: The file cannot be used; `current` is of the last that could.
    """

    def __init__(
        self, state_dir: Path | None, model: str, without: Routing | None
    ) -> None:
        """Reads the state.

        Args:
            state_dir: The rollout's folder; None: there never is one.
            model: Whose requests are routed; a rollout of another is refused.
            without: Is in force until a rollout starts; None: there must be one.

        Raises:
            RouterError: There is neither state nor `without`, or the state cannot be
                used.
        """
        self._state_dir = state_dir
        self._model = model
        self._seen = self._stamp()
        try:
            found = self._read()
        except RolloutError as error:
            raise RouterError(str(error)) from error
        current = found or without
        if current is None:
            raise RouterError(
                f"{state_dir} holds no rollout. Start one with slipway rollout start, "
                "or name the server that answers until then with --upstream."
            )
        self.current = current
        self.is_stale = False

    async def follow(self, on_change: Callable[[Routing], None]) -> None:
        """Looks at the file ten times a second until it is cancelled."""
        while True:
            await asyncio.sleep(_LOOK_S)
            if self.refresh():
                on_change(self.current)

    def refresh(self) -> bool:
        """Takes over the file's state, if it is another; returns whether it was."""
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        self._seen = stamp
        try:
            found = self._read()
        except RolloutError as error:
            self.is_stale = True
            _LOG.error("%s Requests go on as before.", error)
            return False
        if found is None:
            self.is_stale = True
            _LOG.error("%s is gone. Requests go on as before.", ROLLOUT)
            return False
        self.is_stale = False
        is_other, self.current = found != self.current, found
        return is_other

    def _read(self) -> Routing | None:
        state = None if self._state_dir is None else read_state(self._state_dir)
        if state is None:
            return None
        if state.model != self._model:
            raise RolloutError(
                f"the rollout in {self._state_dir} is of model {state.model!r}; this "
                f"router is for {self._model!r}."
            )
        routing = routing_of(state)
        for arm in routing.arms:
            try:
                RestAddress.parse(arm.url)
            except ValueError as error:
                raise RolloutError(f"arm {arm.name}: {error}") from error
        return routing

    def _stamp(self) -> tuple[int, int, int] | None:
        """What tells one state of the file from the next: each is a file of its own."""
        if self._state_dir is None:
            return None
        try:
            found = (self._state_dir / ROLLOUT).stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size
