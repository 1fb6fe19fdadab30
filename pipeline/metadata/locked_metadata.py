"""TFX's handle of ML Metadata, for nodes that work at the same time."""

from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

# v1 lacks it; TFX's Launcher asks for it.
from tfx.orchestration import metadata

from pipeline.metadata.connection import CREATE, connection_config, open_store
from pipeline.metadata.place import MetadataPlace, MetadataServer
from pipeline.metadata.retried_store import RetriedStore, wait_for
from pipeline.metadata.turn import metadata_turn


class LockedMetadata(metadata.Metadata):
    """Waits its turn when it is entered; on a server, also for the server.

    TFX has the store open for short times only, never while a component works.
    """

    def __init__(self, place: MetadataPlace) -> None:
        """Names the SQLite file or the server."""
        super().__init__(connection_config(place, CREATE))
        self._place = place
        self._turn = ExitStack()
        self._depth = 0
        self._opened: Any = None

    @property
    def store(self) -> Any:
        """The open store.

        Raises:
            RuntimeError: This handle is not entered.
        """
        if self._opened is None:
            raise RuntimeError(f"{self._place} is not open: enter the handle first.")
        return self._opened

    def __enter__(self) -> Self:
        """Opens the store, once nobody else has it open."""
        if self._depth == 0:
            self._opened = self._open_first()
        self._depth += 1
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        exc_tb: TracebackType | None = None,
    ) -> None:
        """Closes the store and lets the next one in."""
        self._depth -= 1
        if self._depth == 0:
            self._opened = None
            self._turn.close()

    def _open_first(self) -> Any:
        place = self._place
        if not isinstance(place, MetadataServer):
            return self._open()

        def reopen() -> Any:
            # With the store's connection the turn's is most likely gone as well.
            self._turn.close()
            return wait_for(self._open, place.settings.wait_s)

        return RetriedStore(place, reopen)

    def _open(self) -> Any:
        with ExitStack() as opening:
            opening.enter_context(metadata_turn(self._place))
            store = open_store(self._place, CREATE)
            self._turn = opening.pop_all()
        return store
