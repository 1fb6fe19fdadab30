"""Labels that come after the prediction, joined by key.

    report = add_labels(Path("predictions"), "flights", Path("arrived.csv"))

Adding is idempotent: a key whose label and metrics are known already changes nothing, a
killed run has added nothing, and the same command again gives the same store. A key
whose label is another now is counted, and the new one counts from then on. Keys without
a logged row are reported, and kept: their row may come later.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from serving.prediction_log import log_layout
from serving.prediction_log.errors import PredictionLogError
from serving.prediction_log.key_index import Hashes, KeyIndex, content_hashes, hashes
from serving.prediction_log.label_file import LabelColumns, label_tables
from serving.prediction_log.label_store import METRIC_PREFIX, LabelStore
from serving.prediction_log.log_reader import PredictionLog
from serving.prediction_log.log_schema import TIME

__all__ = ["LabelColumns", "LabelReport", "add_labels"]

_MAX_EXAMPLES = 10


@dataclass(kw_only=True, slots=True)
class LabelReport:
    """What became of a file of labels.

    Attributes:
        num_rows: Of the file.
        num_added: Keys that the store did not know.
        num_unchanged: Rows that say what was known.
        num_changed: Keys whose label or metrics were others.
        num_overruled: Rows that a later row of the same file contradicts; they are not
            taken.
        num_passed_over: Rows without a key or a label.
        num_matched: Rows whose key is in the log.
        num_unmatched: Rows whose key is not, yet.
        unmatched_keys: The first ten of them.
    """

    num_rows: int = 0
    num_added: int = 0
    num_unchanged: int = 0
    num_changed: int = 0
    num_overruled: int = 0
    num_passed_over: int = 0
    num_matched: int = 0
    num_unmatched: int = 0
    unmatched_keys: tuple[str, ...] = ()


def add_labels(
    log_dir: Path, model: str, file: Path, columns: LabelColumns | None = None
) -> LabelReport:
    """Adds a CSV or Parquet file of labels.

    Args:
        log_dir: Folder of the logs of all models.
        model: Whose predictions they are for.
        file: Read twice, in pieces: it may be larger than memory, of which 50 bytes
            a key are needed. A file that contradicts itself is taken by its last word.
        columns: What is where in it; None: columns `key` and `label`.

    Raises:
        PredictionLogError: The file cannot be read, lacks a column, or its label is of
            another type than the store's; the store is as it was.
    """
    store = LabelStore(log_dir, model)
    store.folder.mkdir(parents=True, exist_ok=True)
    with _lock(store.folder):
        columns = columns or LabelColumns()
        addition = _Addition(
            _known_labels(store),
            _last_of_file(file, columns),
            _logged_keys(PredictionLog(log_dir, model)),
        )
        now = datetime.now(UTC)
        name = log_layout.file_name(now, os.urandom(6).hex(), 1)
        part = store.folder / f".{name}{log_layout.PART_SUFFIX}"
        try:
            tables = _new_rows(file, columns, store, addition)
            if _write(part, tables, now):
                part.rename(store.folder / name)
        finally:
            part.unlink(missing_ok=True)
    return addition.report


class _Addition:
    """Compares the rows of a file with what is known, piece by piece.

    Attributes:
        report: What was counted so far.
    """

    def __init__(self, known: KeyIndex, last: KeyIndex, logged: Hashes) -> None:
        """Takes hashes of the store, of what counts of the file, and of the log."""
        self.report = LabelReport()
        self._known = known
        self._last = last
        self._logged = logged

    def new_rows(self, table: Any) -> Any:
        """Returns the rows that say something new; counts all."""
        keys, contents = _hashes(table)
        _, last = self._last.find(keys)
        is_overruled = last != contents
        is_known, before = self._known.find(keys)
        is_same = (is_known & (before == contents)) | _is_repeated(keys, contents)
        is_new = ~is_overruled & ~is_same
        report = self.report
        report.num_rows += len(keys)
        report.num_overruled += int(is_overruled.sum())
        report.num_unchanged += int((is_same & ~is_overruled).sum())
        report.num_added += int((is_new & ~is_known).sum())
        report.num_changed += int((is_new & is_known).sum())
        self._known.add(keys[is_new], contents[is_new])
        self._match(table, keys)
        return table.filter(pa.array(is_new))

    def _match(self, table: Any, keys: Hashes) -> None:
        is_logged = np.isin(keys, self._logged)
        report = self.report
        report.num_matched += int(is_logged.sum())
        report.num_unmatched += int((~is_logged).sum())
        room = _MAX_EXAMPLES - len(report.unmatched_keys)
        places = np.flatnonzero(~is_logged)[:room]
        report.unmatched_keys += tuple(table["key"].take(pa.array(places)).to_pylist())


def _hashes(table: Any) -> tuple[Hashes, Hashes]:
    """Returns each row's hash of its key, and of its label and metrics."""
    said = [
        name
        for name in table.column_names
        if name == "label" or name.startswith(METRIC_PREFIX)
    ]
    contents = content_hashes({name: table[name].combine_chunks() for name in said})
    return hashes(table["key"].combine_chunks()), contents


def _is_repeated(keys: Hashes, contents: Hashes) -> npt.NDArray[np.bool_]:
    """Tells of each row whether one above it says the same."""
    together = keys * np.uint64(0x9E3779B97F4A7C15) + contents
    _, firsts = np.unique(together, return_index=True)
    is_repeated = np.ones(len(keys), bool)
    is_repeated[firsts] = False
    return is_repeated


def _last_of_file(file: Path, columns: LabelColumns) -> KeyIndex:
    """Returns what the last row of each key says."""
    last = KeyIndex()
    for table, _ in label_tables(file, columns):
        last.add(*_hashes(table))
    return last


def _new_rows(
    file: Path, columns: LabelColumns, store: LabelStore, addition: _Addition
) -> Iterator[Any]:
    known_type = store.label_type()
    for table, num_passed_over in label_tables(file, columns):
        addition.report.num_rows += num_passed_over
        addition.report.num_passed_over += num_passed_over
        found_type = table.schema.field("label").type
        if known_type is not None and found_type != known_type:
            raise PredictionLogError(
                f"column {columns.label!r} of {file} is {found_type}, the labels in "
                f"{store.folder} are {known_type}. Write it as these are, or remove "
                "that folder."
            )
        if table.num_rows:
            yield addition.new_rows(table)


def _write(part: Path, tables: Iterator[Any], now: datetime) -> bool:
    """Writes the rows, synced; False: there is none."""
    writer = None
    try:
        for table in tables:
            if not table.num_rows:
                continue
            stamps = pa.array(np.full(table.num_rows, int(now.timestamp() * 1e6)))
            whole = table.append_column("added_at", stamps.cast(TIME))
            whole = whole.replace_schema_metadata(
                {"slipway.format_version": str(log_layout.FORMAT_VERSION)}
            )
            if writer is None:
                writer = pq.ParquetWriter(part, whole.schema)
            writer.write_table(whole)
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        return False
    with part.open("rb") as written:
        os.fsync(written.fileno())
    return True


def _known_labels(store: LabelStore) -> KeyIndex:
    known = KeyIndex()
    for table in store.tables():
        known.add(*_hashes(table))
    return known


def _logged_keys(log: PredictionLog) -> Hashes:
    """Returns the hashes of all keys in a log, each once."""
    found = [np.empty(0, np.uint64)]
    for table in log.batches(columns=["key"], clock="time"):
        keys = table["key"].combine_chunks().drop_null().unique()
        found.append(hashes(keys))
    return np.unique(np.concatenate(found))


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Lets one process at a time add labels."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
