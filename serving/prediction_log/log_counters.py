"""What became of the rows that a writer was offered.

    {log_dir}/{model}/writers/{writer id}.json
    {"format_version": 1, "written": 120000, "left_out": 0, "replaced_texts": 0,
     "dropped": {"buffer_full": 0, "unwritable": 0, "unreadable": 0}}

The file is written when a log file was, and when the writer closes; numbers are rows,
but for `replaced_texts`, values that were no UTF-8.
"""

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from serving.prediction_log import log_layout
from serving.prediction_log.errors import PredictionLogError

WRITTEN, LEFT_OUT, REPLACED = "written", "left_out", "replaced_texts"
BUFFER_FULL, UNWRITABLE, UNREADABLE = "buffer_full", "unwritable", "unreadable"
DROPS = (BUFFER_FULL, UNWRITABLE, UNREADABLE)
"""Why rows were dropped: more came than the buffer holds; the disk took no more; or
they could not be made into columns, or into a file."""

OnRows = Callable[[str, str, int], None]
"""Takes a model's name, an outcome (WRITTEN, LEFT_OUT or one of DROPS) and rows."""


class LogCounters:
    """The counts of one writer, by model."""

    def __init__(self, on_rows: OnRows | None = None) -> None:
        """Starts at nothing; `on_rows` hears of every count, in any thread."""
        self._on_rows = on_rows
        self._lock = threading.Lock()
        self._counts: dict[str, dict[str, int]] = {}

    def add(self, model: str, outcome: str, amount: int) -> None:
        """Counts rows, or texts that were replaced."""
        if not amount:
            return
        with self._lock:
            counts = self._counts.setdefault(model, {})
            counts[outcome] = counts.get(outcome, 0) + amount
        if self._on_rows is not None and outcome != REPLACED:
            self._on_rows(model, outcome, amount)

    def value(self, outcome: str, model: str | None = None) -> int:
        """Returns a count; of all models together where none is named."""
        with self._lock:
            return sum(
                counts.get(outcome, 0)
                for name, counts in self._counts.items()
                if model in (None, name)
            )

    @property
    def dropped(self) -> int:
        """Rows that were dropped for whatever reason."""
        return sum(self.value(reason) for reason in DROPS)

    def write(self, log_dir: Path, writer_id: str) -> None:
        """Writes the counts of every model into its folder.

        Raises:
            OSError: One cannot be written.
        """
        with self._lock:
            counts = {model: dict(found) for model, found in self._counts.items()}
        for model, found in counts.items():
            folder = log_layout.model_dir(log_dir, model) / log_layout.WRITERS
            folder.mkdir(parents=True, exist_ok=True)
            document = {
                "format_version": log_layout.FORMAT_VERSION,
                **{name: found.get(name, 0) for name in (WRITTEN, LEFT_OUT, REPLACED)},
                "dropped": {reason: found.get(reason, 0) for reason in DROPS},
            }
            beside = folder / f".{writer_id}.json.part"
            beside.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
            beside.replace(folder / f"{writer_id}.json")


def read_counters(path: Path) -> Mapping[str, int]:
    """Returns the counts of a writer's file, flat; `dropped` is their sum.

    Raises:
        PredictionLogError: It is no such file, or a newer version's.
    """
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = document["format_version"]
        drops = {reason: int(document["dropped"][reason]) for reason in DROPS}
        counts = {name: int(document[name]) for name in (WRITTEN, LEFT_OUT, REPLACED)}
    except (ValueError, KeyError, TypeError) as error:
        raise PredictionLogError(
            f"{path} holds no counters of a prediction log ({error}); remove it."
        ) from error
    if version != log_layout.FORMAT_VERSION:
        raise PredictionLogError(
            f"{path} has format_version {version!r}; this slipway reads "
            f"{log_layout.FORMAT_VERSION}. Upgrade slipway."
        )
    return {**counts, **drops, "dropped": sum(drops.values())}
