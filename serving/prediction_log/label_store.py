"""The labels of one model: what the files below `labels/` say together.

Columns of a file:

    key         string
    label       double, or string; the same in all files
    label_time  timestamp[us, UTC]   when it was known; null: the source did not say
    added_at    timestamp[us, UTC]
    metric.NAME double               one for every business metric; null: not given

Of a key that comes several times the row added last counts, as a whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from serving.prediction_log import log_layout
from serving.prediction_log.errors import PredictionLogError
from serving.prediction_log.log_schema import TIME
from serving.prediction_log.unified_tables import concatenated

METRIC_PREFIX = "metric."
_VERSION_KEY = b"slipway.format_version"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Labels:
    """The label that counts for each key.

    Attributes:
        table: key, label, label_time, metric.*; every key once.
    """

    table: Any

    def attached(self, table: Any) -> Any:
        """Returns a table with `label`, `label_time` and `metric.*` added.

        Args:
            table: Has a column `key`; rows whose key is null, or has no label yet, get
                null.
        """
        found = pc.index_in(
            table["key"].combine_chunks(),
            value_set=self.table["key"].combine_chunks(),
            skip_nulls=True,
        )
        for name in self.table.column_names:
            if name != "key":
                table = table.append_column(name, self.table[name].take(found))
        return table


class LabelStore:
    """The files of a model's labels.

    Attributes:
        folder: Theirs; it may be missing.
    """

    def __init__(self, log_dir: Path, model: str) -> None:
        """Names a store; nothing is read yet."""
        self.folder = log_layout.model_dir(log_dir, model) / log_layout.LABELS

    def files(self) -> list[Path]:
        """Returns its files in the order in which they were added."""
        return log_layout.own_files(self.folder)

    def tables(self) -> Iterator[Any]:
        """Yields the files' tables, in order.

        Raises:
            PredictionLogError: A file is damaged, or of a newer version.
        """
        for path in self.files():
            yield _read(path)

    def label_type(self) -> Any:
        """Returns float64 or string, as the first file has it; None: there is none."""
        for path in self.files():
            return pq.read_schema(path).field("label").type
        return None

    def latest(self) -> Labels:
        """Returns the label that counts for each key."""
        tables = list(self.tables())
        if not tables:
            return Labels(table=_NO_LABELS.empty_table())
        every = concatenated(tables)
        keys = every["key"].combine_chunks().dictionary_encode()
        last = np.zeros(len(keys.dictionary), np.int64)
        # Of equal places numpy keeps the last value that is assigned.
        last[keys.indices.to_numpy()] = np.arange(len(keys))
        return Labels(
            table=every.take(pa.array(np.sort(last))).drop_columns("added_at")
        )


_NO_LABELS = pa.schema(
    [("key", pa.string()), ("label", pa.float64()), ("label_time", TIME)]
)


def _read(path: Path) -> Any:
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise PredictionLogError(
            f"{path} cannot be read: {error}. Add its labels again and remove it."
        ) from error
    version = (table.schema.metadata or {}).get(_VERSION_KEY, b"").decode()
    if version != str(log_layout.FORMAT_VERSION):
        raise PredictionLogError(
            f"{path} has format_version {version!r}; this slipway reads "
            f"{log_layout.FORMAT_VERSION}. Upgrade slipway."
        )
    return table.replace_schema_metadata(None)
