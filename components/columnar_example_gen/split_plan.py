"""Decides which rows train and which rows judge: by time (default), hash or group.

By time, no evaluation row is earlier than any training row: a model is judged on
the future of what it has seen, as in production. By group, all rows of one group, an
aircraft for example, are on one side: a model is judged on groups it has not seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from components.columnar_example_gen.key_hash import unit_hashes
from components.columnar_examples.event_times import epoch_seconds
from data.spans import DataContractError

SPLITS = ("train", "eval")


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitPlan:
    """How one batch of rows is divided.

    Attributes:
        column: Event time (by time), key (by hash) or the column of groups.
        cutoff_s: By time: first second, since the epoch in UTC, that belongs to
            "eval". None: by hash of the column.
        eval_fraction: By hash: share of keys or groups that belong to "eval", in
            (0, 1).
    """

    column: str
    cutoff_s: int | None = None
    eval_fraction: float | None = None

    def is_eval(self, batch: pa.RecordBatch) -> np.ndarray:
        """Returns bool [rows]: True where a row belongs to the eval split."""
        values = batch.column(self.column)
        if self.cutoff_s is not None:
            return epoch_seconds(values) >= self.cutoff_s
        is_eval = unit_hashes(values, self.column) < (self.eval_fraction or 0.0)
        return np.asarray(is_eval)


def plan_split(
    settings: Mapping[str, Any],
    *,
    key: str,
    event_time: str,
    times_by_span: Mapping[int, np.ndarray],
) -> SplitPlan:
    """Fixes the split before any row is written.

    Args:
        settings: `by`, `column`, `eval_spans`, `eval_fraction` of the configuration.
        key: Column hashed for a split by hash.
        event_time: Column compared for a split by time.
        times_by_span: Span to int64 [rows] seconds since the epoch, rows with a
            label only. Not read for a split by hash or group.

    Raises:
        DataContractError: The split would leave one side empty, or spans overlap
            in time so that no cut at a span's start is a cut in time.
    """
    if settings["by"] == "group":
        return SplitPlan(
            column=settings["column"], eval_fraction=settings["eval_fraction"]
        )
    if settings["by"] == "hash":
        return SplitPlan(column=key, eval_fraction=settings["eval_fraction"])
    if settings["eval_spans"]:
        cutoff_s = _cutoff_at_span(times_by_span, settings["eval_spans"])
    else:
        cutoff_s = _cutoff_at_fraction(
            list(times_by_span.values()), settings["eval_fraction"]
        )
    return SplitPlan(column=event_time, cutoff_s=cutoff_s)


def _cutoff_at_span(times_by_span: Mapping[int, np.ndarray], eval_spans: int) -> int:
    spans = sorted(times_by_span)
    if len(spans) <= eval_spans:
        raise DataContractError(
            f"data.split.eval_spans is {eval_spans} and the run reads {len(spans)} "
            "span(s): none is left to train on. Read more spans, or use eval_fraction."
        )
    earlier, later = spans[:-eval_spans], spans[-eval_spans:]
    last_train = _extreme(times_by_span, earlier, np.max)
    first_eval = _extreme(times_by_span, later, np.min)
    if last_train >= first_eval:
        raise DataContractError(
            f"span {earlier[-1]} and span {later[0]} overlap in time: rows to "
            f"train on reach {_utc(last_train)}, rows to evaluate on begin "
            f"{_utc(first_eval)}. "
            "Use data.split.eval_fraction, which cuts by time across spans."
        )
    return first_eval


def _extreme(
    times_by_span: Mapping[int, np.ndarray], spans: Sequence[int], pick: Any
) -> int:
    values = [
        int(pick(times_by_span[span])) for span in spans if len(times_by_span[span])
    ]
    if not values:
        raise DataContractError(
            f"no row of span(s) {', '.join(map(str, spans))} has a label."
        )
    return int(pick(values))


def _cutoff_at_fraction(times: list[np.ndarray], eval_fraction: float) -> int:
    ordered = np.sort(np.concatenate(times)) if times else np.array([], dtype=np.int64)
    if not len(ordered):
        raise DataContractError("no row has a label; there is nothing to train on.")
    cutoff_s = int(ordered[int(len(ordered) * (1 - eval_fraction))])
    if cutoff_s == int(ordered[0]):
        raise DataContractError(
            f"a cut in time at {_utc(cutoff_s)} leaves no row to train on: too many "
            "rows share one event time. Set data.split.by to hash."
        )
    return cutoff_s


def _utc(seconds: int) -> str:
    return str(np.datetime64(seconds, "s")) + "Z"
