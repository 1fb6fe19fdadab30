"""Reads a prediction log.

    log = PredictionLog(Path("predictions"), "flights")
    table = log.read(since=yesterday, columns=["time", "inputs.carrier", "outputs"],
                     with_labels=True)

Rows come file by file, each in the order of its requests: several processes write at a
time, so neither clock rises all along. A file that retention removes meanwhile is
passed over.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from serving.prediction_log import log_layout
from serving.prediction_log.errors import PredictionLogError
from serving.prediction_log.log_clock import (
    Clock,
    check_clock,
    clock_columns,
    exact_range,
    group_range,
    utc,
    within,
)
from serving.prediction_log.log_counters import read_counters
from serving.prediction_log.log_schema import REQUEST_COLUMNS
from serving.prediction_log.unified_tables import concatenated

__all__ = ["Clock", "PredictionLog"]

_VERSION_KEY = b"slipway.format_version"


class PredictionLog:
    """The log of one model.

    Attributes:
        log_dir: Folder of the logs of all models.
        model: The model's name.
        folder: The model's own folder; it may be missing.
    """

    def __init__(self, log_dir: Path, model: str) -> None:
        """Names a log; nothing is read yet, and there may be none."""
        self.log_dir = log_dir
        self.model = model
        self.folder = log_layout.model_dir(log_dir, model)

    def read(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        columns: Sequence[str] | None = None,
        clock: Clock = "event_time",
        with_labels: bool = False,
        versions: Sequence[int] | None = None,
    ) -> Any:
        """Returns rows as a pyarrow.Table.

        Args:
            since: The first moment; None: from the beginning. Without an offset UTC is
                meant.
            until: The moment after the last; None: to the end.
            columns: Names of columns, or "inputs.carrier" for a field of a struct;
                None: all. Names that no file has are left out.
            clock: Which time since and until are about.
            with_labels: Adds `label`, `label_time` and every `metric.NAME`, null where
                no label has come; always all of them, whatever `columns` says.
            versions: Of the model; None: all.

        Raises:
            PredictionLogError: A newer slipway wrote a file, or it is damaged.
        """
        tables = list(
            self.batches(
                since,
                until,
                columns=columns,
                clock=clock,
                with_labels=with_labels,
                versions=versions,
            )
        )
        if tables:
            return concatenated(tables)
        empty = _no_rows(columns)
        if not with_labels:
            return empty
        keyed = pa.schema([("key", pa.string())]).empty_table()
        labels = self._labels().attached(keyed).drop_columns("key")
        return pa.Table.from_arrays(
            [*empty.columns, *labels.columns],
            names=[*empty.column_names, *labels.column_names],
        )

    def batches(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        columns: Sequence[str] | None = None,
        clock: Clock = "event_time",
        with_labels: bool = False,
        versions: Sequence[int] | None = None,
    ) -> Iterator[Any]:
        """Yields rows as tables of at most a file; see read.

        The tables' columns are the files', so those of different versions may differ.
        """
        check_clock(clock)
        since, until = utc(since), utc(until)
        wanted = _wanted(columns, clock, with_labels=with_labels)
        attach = self._labels() if with_labels else None
        for path in self._files():
            table = _read_file(path, wanted, clock, since, until)
            if table is None:
                continue
            table = within(table, clock, since, until)
            if versions is not None:
                kept = pa.array(list(versions), pa.int64())
                table = table.filter(pc.is_in(table["version"], kept))
            if not table.num_rows:
                continue
            if attach is not None:
                table = attach.attached(table)
            yield _only(table, columns)

    def time_range(
        self, clock: Clock = "event_time"
    ) -> tuple[datetime, datetime] | None:
        """Returns the first and the last time of a row; None: there is none."""
        check_clock(clock)
        found: list[datetime] = []
        for path in self._files():
            file = _open(path)
            if file is None:
                continue
            with file:
                for group in range(file.num_row_groups):
                    found += exact_range(file, group, clock)
        return (min(found), max(found)) if found else None

    def num_rows(self) -> int:
        """Returns how many rows there are, without reading them."""
        count = 0
        for path in self._files():
            file = _open(path)
            if file is not None:
                with file:
                    count += file.metadata.num_rows
        return count

    def dropped(self) -> Mapping[str, Mapping[str, int]]:
        """Returns what writers counted, writer id to log_counters' names to rows.

        `dropped` is the sum of what was dropped. A writer that was killed has counted
        up to its last file.
        """
        paths = log_layout.counter_files(self.folder)
        return {path.stem: read_counters(path) for path in paths}

    def _files(self) -> Iterator[Path]:
        for _, path in log_layout.log_files(self.folder):
            yield path

    def _labels(self) -> Any:
        from serving.prediction_log.label_store import LabelStore

        return LabelStore(self.log_dir, self.model).latest()


def _wanted(
    columns: Sequence[str] | None, clock: Clock, *, with_labels: bool
) -> list[str] | None:
    """Returns the columns to read; None: all."""
    if columns is None:
        return None
    needed = ["version", *clock_columns(clock), *(["key"] if with_labels else [])]
    return list(dict.fromkeys([*columns, *needed]))


def _only(table: Any, columns: Sequence[str] | None) -> Any:
    """Leaves out what was read for the filters only."""
    if columns is None:
        return table
    asked = {name.partition(".")[0] for name in columns}
    return table.select(
        [
            name
            for name in table.column_names
            if name in asked or name not in REQUEST_COLUMNS
        ]
    )


def _open(path: Path) -> Any:
    """Opens a file; None: it was removed meanwhile."""
    try:
        file = pq.ParquetFile(path)
    except FileNotFoundError:
        return None
    except (pa.ArrowException, OSError) as error:
        raise PredictionLogError(
            f"{path} cannot be read: {error}. Move it away to read the others."
        ) from error
    version = (file.metadata.metadata or {}).get(_VERSION_KEY, b"").decode()
    if version != str(log_layout.FORMAT_VERSION):
        file.close()
        raise PredictionLogError(
            f"{path} has format_version {version!r}; this slipway reads "
            f"{log_layout.FORMAT_VERSION}. Upgrade slipway, or move the file away."
        )
    return file


def _read_file(
    path: Path,
    columns: list[str] | None,
    clock: Clock,
    since: datetime | None,
    until: datetime | None,
) -> Any:
    """Returns the row groups that may hold such rows; None: there are none."""
    file = _open(path)
    if file is None:
        return None
    with file:
        groups = [
            place
            for place in range(file.num_row_groups)
            if _may_hold(file.metadata.row_group(place), clock, since, until)
        ]
        if not groups:
            return None
        try:
            table = file.read_row_groups(groups, columns=columns, use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise PredictionLogError(
                f"{path} cannot be read: {error}. Move it away to read the others."
            ) from error
    return table.replace_schema_metadata(None)


def _may_hold(
    group: Any, clock: Clock, since: datetime | None, until: datetime | None
) -> bool:
    bounds = group_range(group, clock)
    if bounds is None:
        return False
    first, last = bounds
    return (since is None or last >= since) and (until is None or first < until)


def _no_rows(columns: Sequence[str] | None) -> Any:
    fields = {
        name: pa.string() if pa.types.is_dictionary(kind) else kind
        for name, kind in REQUEST_COLUMNS.items()
        if columns is None or name in columns
    }
    return pa.schema(list(fields.items())).empty_table()
