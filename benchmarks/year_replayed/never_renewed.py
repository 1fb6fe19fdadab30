"""The first model, served for the whole year and asked about the very same rows."""

import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from benchmarks.year_replayed.feed_client import send_rows
from benchmarks.year_replayed.running import start_server
from benchmarks.year_replayed.year_rows import KEY
from benchmarks.year_replayed.year_settings import MODEL, YearSettings

_ROWS_PER_REQUEST = 500


class NeverRenewed:
    """A server of its own, over a copy of the first version."""

    def __init__(self, settings: YearSettings, first_bundle: Path) -> None:
        """Starts the server.

        Args:
            settings: Of the replay.
            first_bundle: The first version's folder.
        """
        base = settings.state / "never_renewed" / MODEL
        shutil.copytree(first_bundle, base / first_bundle.name)
        self._server = start_server(settings, base, "never-renewed")
        self._keys: list[str] = []
        self._probabilities: list[float] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends the server."""
        self._server.stop()

    def ask(self, rows: Any) -> None:
        """Asks about rows as they were sent to the served model."""
        address = self._server.rest_address.removeprefix("http://")
        sent = send_rows(address, rows, _ROWS_PER_REQUEST)
        self._keys += rows[KEY].to_pylist()
        self._probabilities += sent.probabilities

    def answers(self) -> Any:
        """Returns key and probability of every row that was asked about."""
        return pa.table({"key": self._keys, "never_renewed": self._probabilities})
