"""The facts of many requests, side by side: one entry a request, or a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from serving.prediction_log.client_columns import client_columns
from serving.prediction_log.log_schema import TIME
from serving.prediction_log.logged_request import NO_FACTS, ClientFacts
from serving.prediction_log.merged_rows import ReadBatch
from serving.prediction_log.text_arrays import string_array

_MICROSECONDS = 1e6


@dataclass(frozen=True, kw_only=True, slots=True)
class MergedRequests:
    """The requests of several batches.

    Attributes:
        request_ids: pyarrow.StringArray [requests].
        facts: Of each request; empty: no client said anything.
        sizes: int64 [requests]; rows of each.
        latency_us: int64 [requests].
        answered_us: int64 [requests]; since 1970 UTC.
        row: int32 [rows]; a row's place in its request.
        places: int64 [rows]; a row's place in the arrays of all batches together.
    """

    request_ids: Any
    facts: Sequence[ClientFacts]
    sizes: npt.NDArray[np.int64]
    latency_us: npt.NDArray[np.int64]
    answered_us: npt.NDArray[np.int64]
    row: npt.NDArray[np.int32]
    places: npt.NDArray[np.int64]

    def repeated(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Returns one value a row of one a request."""
        return values if len(values) == len(self.row) else np.repeat(values, self.sizes)

    def columns(self) -> dict[str, Any]:
        """Returns the Arrow columns that are the request's own."""
        ids = self.request_ids
        if len(ids) != len(self.row):
            ids = ids.take(pa.array(self.repeated(np.arange(len(ids)))))
        return {
            "request_id": ids,
            "row": pa.array(self.row),
            "time": pa.array(self.repeated(self.answered_us)).cast(TIME),
            "latency_us": pa.array(self.repeated(self.latency_us)),
            **client_columns(self.facts, self.sizes),
        }


def merged_requests(parts: Sequence[ReadBatch]) -> MergedRequests:
    """Returns the requests of batches, in order.

    Args:
        parts: At least one; each with one request or more.
    """
    batches = [part.batch for part in parts]
    counts = [len(batch.sizes) for batch in batches]
    sizes = _flat([batch.sizes for batch in batches], np.int64)
    firsts = _flat([batch.first_rows for batch in batches], np.int64)
    begins = np.cumsum([0, *(part.num_rows for part in parts[:-1])])
    firsts += np.repeat(begins, counts)
    row = _within(sizes)
    latencies_s = _flat([batch.latencies_s for batch in batches], np.float64)
    return MergedRequests(
        request_ids=string_array([batch.request_ids for batch in batches]),
        facts=_facts(parts),
        sizes=sizes,
        latency_us=np.rint(latencies_s * _MICROSECONDS).astype(np.int64),
        answered_us=np.repeat([part.batch.answered_us for part in parts], counts),
        row=row.astype(np.int32),
        places=np.repeat(firsts, sizes) + row,
    )


def _flat(lists: Sequence[Any], dtype: Any) -> npt.NDArray[Any]:
    if all(isinstance(values, np.ndarray) for values in lists):
        return np.concatenate(lists).astype(dtype)
    # An array of each list first would take three times as long.
    return np.array(list(chain.from_iterable(lists)), dtype)


def _within(sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Returns 0, 1, … for each size, one after the other."""
    begins = np.cumsum(sizes) - sizes
    return np.arange(int(sizes.sum())) - np.repeat(begins, sizes)


def _facts(parts: Sequence[ReadBatch]) -> list[ClientFacts]:
    if not any(part.batch.facts for part in parts):
        return []
    return [
        fact
        for part in parts
        for fact in part.batch.facts or [NO_FACTS] * len(part.batch.sizes)
    ]
