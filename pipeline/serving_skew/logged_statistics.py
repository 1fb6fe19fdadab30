"""TFDV's statistics of logged rows, from columns and in bounded memory."""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from components.columnar_statistics_gen.describe_file import describe_batches
from components.columnar_statistics_gen.merge_summaries import merge_summaries
from serving.bundle.contract import RawFeature
from serving.skew_proof.example_encoder import present_values
from serving.skew_proof.logged_rows import LoggedRows

_NAME = "log"


def describe_log(tables: Iterable[Any], features: Sequence[RawFeature]) -> Any:
    """Returns what StatisticsGen would make of the rows.

    Args:
        tables: pyarrow tables with the column `inputs`; see the prediction log.
        features: The contract's; others of the log are left out.

    Returns:
        A statistics_pb2.DatasetFeatureStatisticsList of one dataset; without features
        if there is no row.
    """
    with tempfile.TemporaryDirectory() as folder:
        batches = (
            _as_lists(LoggedRows(table=table, features=features)) for table in tables
        )
        summary = describe_batches(_NAME, batches, Path(folder))
        return merge_summaries([summary])


def _as_lists(rows: LoggedRows) -> pa.RecordBatch:
    """Returns the rows as tf.Examples are decoded: a list a value, null if missing."""
    types = {feature.name: feature for feature in rows.features}
    return pa.RecordBatch.from_pydict(
        {
            name: _list_column(present_values(column, types[name]))
            for name, column in rows.raw_columns().items()
        }
    )


def _list_column(values: pa.Array) -> pa.Array:
    is_there = np.asarray(values.is_valid())
    offsets = np.concatenate([[0], np.cumsum(is_there)]).astype(np.int32)
    is_null = np.append(~is_there, False)
    return pa.ListArray.from_arrays(pa.array(offsets, mask=is_null), values.drop_null())
