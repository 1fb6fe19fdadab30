"""TFX's handle of ML Metadata, for nodes that work at the same time."""

from contextlib import ExitStack
from types import TracebackType
from typing import Self

# v1 lacks it; TFX's Launcher asks for it.
from tfx.orchestration import metadata

from pipeline.metadata_turn import metadata_turn


class LockedMetadata(metadata.Metadata):
    """Waits its turn when it is entered.

    TFX has the store open for short times only, never while a component works.
    """

    def __init__(self, path: str) -> None:
        """Names the SQLite file."""
        super().__init__(metadata.sqlite_metadata_connection_config(path))
        self._path = path
        self._turn = ExitStack()
        self._depth = 0

    def __enter__(self) -> Self:
        """Opens the store, once nobody else has it open."""
        if self._depth == 0:
            self._turn.enter_context(metadata_turn(self._path))
        self._depth += 1
        super().__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        exc_tb: TracebackType | None = None,
    ) -> None:
        """Closes the store and lets the next one in."""
        super().__exit__(exc_type, exc_value, exc_tb)
        self._depth -= 1
        if self._depth == 0:
            self._turn.close()
