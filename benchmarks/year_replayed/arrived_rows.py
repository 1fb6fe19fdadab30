"""How many rows are in the prediction log by now: files are counted once."""

import time
from pathlib import Path

import pyarrow.parquet as pq

from serving.prediction_log import log_layout

_POLL_S = 0.05
_PATIENCE_S = 30.0


class ArrivedRows:
    """Counts the rows of a growing log."""

    def __init__(self, log_dir: Path, model: str) -> None:
        """Takes the log's place; nothing is read yet."""
        self._folder = log_layout.model_dir(log_dir, model)
        self._counted: dict[Path, int] = {}

    def wait_for(self, num_rows: int) -> None:
        """Waits until the log holds so many rows.

        Raises:
            TimeoutError: They do not come within half a minute.
        """
        end_s = time.monotonic() + _PATIENCE_S
        while (found := self._count()) < num_rows:
            if time.monotonic() > end_s:
                raise TimeoutError(
                    f"the log in {self._folder} has {found:,} rows after "
                    f"{_PATIENCE_S:g} s; {num_rows:,} were answered."
                )
            time.sleep(_POLL_S)

    def _count(self) -> int:
        for _, path in log_layout.log_files(self._folder):
            if path not in self._counted:
                self._counted[path] = pq.read_metadata(path).num_rows
        return sum(self._counted.values())
