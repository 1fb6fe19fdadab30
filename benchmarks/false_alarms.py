"""False alarms of the monitor on rows that did not change, and what it finds in others.

    python -m benchmarks.false_alarms PARQUET        a span, such as
                                                     var/flights/spans/span-7/…parquet

Stationary: windows are drawn at random from one month of flights. Their reference is,
first, that month's own statistics as TFDV writes them; second, a random half of the
month, drawn anew for every hundred windows, which are then drawn from the other half
without replacement, so that the reference is a sample itself. Counted are windows with
an alarm, and windows in which any test is significant whatever its size: the second
must hold too, or the level says nothing. Predictions are gradient boosting's.

Planted: each change is made to fresh windows of N rows; N is the smallest of SIZES at
which every one of them is alarmed, for the feature that was changed.

Exit code 1 if more windows alarm than the level explains, or a change is not found.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest
from sklearn.ensemble import HistGradientBoostingClassifier

from models.flights.features import FEATURE_KEYS, LABEL_KEY
from serving.batch_scoring.row_rules import FeatureRule
from serving.monitoring.monitor import monitor_table
from serving.monitoring.monitor_settings import MonitorSettings
from serving.monitoring.reference import MonitorReference
from serving.monitoring.report_format import Window
from serving.monitoring.row_reference import rows_reference
from serving.monitoring.training_reference import statistics_features

NUM_WINDOWS = 1000
WINDOWS_A_CALL = 100
WINDOW_ROWS = (300, 3000)
SLICED_ROWS = 1000
NUM_PLANTED = 50
SIZES = (50, 100, 200, 500, 1000, 2000)
SETTINGS = MonitorSettings(window="1h", min_rows=50)
SEED = 20130701


Logs = Iterator[tuple[Any, MonitorReference]]
"""Logs of WINDOWS_A_CALL windows each, and what they are compared with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stationary:
    """What windows that did not change gave.

    Attributes:
        num_windows: How many there were.
        num_alarmed: Those with an alarm at the settings' sizes of effect.
        num_significant: Those with a corrected p-value at or below the level.
        num_tests: Tests of one window.
        seconds: That the monitor took.
    """

    num_windows: int
    num_alarmed: int
    num_significant: int
    num_tests: int
    seconds: float


def main() -> int:
    """Prints both tables; returns the exit code."""
    if len(sys.argv) != 2:  # noqa: PLR2004 - the program and its argument
        sys.stderr.write("usage: python -m benchmarks.false_alarms PARQUET\n")
        return 2
    rows = read_rows(Path(sys.argv[1]))
    console = Console(width=110)
    month = month_reference(rows)
    table = Table("reference", box=None)
    for heading in ("rows", "tests", "windows", "alarmed", "significant", "95 %", "s"):
        table.add_column(heading, justify="right")
    is_held = True
    for name, size, draw, settings in _variants(rows, month):
        found = stationary(draw, settings)
        test = binomtest(found.num_significant, found.num_windows, SETTINGS.level)
        interval = test.proportion_ci()
        is_held &= found.num_alarmed <= SETTINGS.level * found.num_windows
        is_held &= interval.low <= SETTINGS.level
        table.add_row(
            name,
            f"{size:,}",
            f"{found.num_tests:,}",
            f"{found.num_windows:,}",
            f"{found.num_alarmed}",
            f"{found.num_significant}",
            f"{interval.low:.2%} to {interval.high:.2%}",
            f"{found.seconds:.0f}",
        )
    console.print(table)
    return 0 if planted_are_found(rows, month, console) and is_held else 1


def _variants(
    rows: Any, month: MonitorReference
) -> Iterator[tuple[str, int, Logs, MonitorSettings]]:
    for size in WINDOW_ROWS:
        yield "the month's own", size, own_windows(rows, month, size), SETTINGS
        yield "half of it", size, half_windows(rows, month, size), SETTINGS
    sliced = replace(SETTINGS, slices=("origin",), min_slice_rows=200)
    size = SLICED_ROWS
    yield "half, by origin", size, half_windows(rows, month, size), sliced


def read_rows(path: Path) -> Any:
    """Returns a span's rows with the log's columns, predictions included."""
    span = pq.read_table(path)
    inputs = {name: span[name].combine_chunks() for name in FEATURE_KEYS}
    matrix = np.column_stack([_numbers(column) for column in inputs.values()])
    labels = span[LABEL_KEY].to_numpy(zero_copy_only=False)
    known = ~np.isnan(labels.astype(np.float64))
    model = HistGradientBoostingClassifier(max_iter=50, random_state=0)
    model.fit(matrix[known], labels[known])
    probability = pa.array(model.predict_proba(matrix)[:, 1].astype(np.float32))
    return pa.table(
        {
            **inputs,
            "probability": probability,
            "version": pa.array(np.ones(len(span), np.int64)),
        }
    )


def _numbers(column: Any) -> npt.NDArray[np.float64]:
    if pa.types.is_string(column.type):
        column = column.dictionary_encode().indices
    values: npt.NDArray[np.float64] = column.cast(pa.float64()).to_numpy(
        zero_copy_only=False
    )
    return values


def month_reference(rows: Any) -> MonitorReference:
    """Returns the reference that TFDV's statistics of all rows are.

    No range is declared, so that the month's smallest and largest values are the range.
    """
    from tensorflow_data_validation.statistics.stats_impl import (
        generate_statistics_in_memory,
    )

    batch = pa.RecordBatch.from_arrays(
        [_as_lists(rows[name].combine_chunks()) for name in FEATURE_KEYS],
        list(FEATURE_KEYS),
    )
    rules = {
        name: FeatureRule(
            name=name,
            is_text=pa.types.is_string(rows[name].type),
            is_required=False,
        )
        for name in FEATURE_KEYS
    }
    features, untested = statistics_features(
        generate_statistics_in_memory(batch), rules
    )
    return MonitorReference(
        model="flights",
        version=1,
        bundle_digest="",
        source="training",
        features=features,
        untested=untested,
    )


def _as_lists(column: Any) -> Any:
    """A value a list, null a null list, as TFDV has examples."""
    valid = np.asarray(column.is_valid())
    offsets = np.concatenate([[0], np.cumsum(valid)]).astype(np.int32)
    lists = pa.ListArray.from_arrays(pa.array(offsets), column.drop_null())
    return pc.if_else(pa.array(valid), lists, pa.scalar(None, lists.type))


def own_windows(rows: Any, month: MonitorReference, size: int) -> Logs:
    """Yields logs of WINDOWS_A_CALL windows, drawn with replacement."""
    generator = np.random.default_rng(SEED + size)
    for _ in range(NUM_WINDOWS // WINDOWS_A_CALL):
        drawn = generator.integers(len(rows), size=size * WINDOWS_A_CALL)
        yield log_of(rows.take(pa.array(drawn)), size), month


def half_windows(rows: Any, month: MonitorReference, size: int) -> Logs:
    """Yields logs of windows from one half, and the other half as their reference."""
    generator = np.random.default_rng(SEED + size)
    for _ in range(NUM_WINDOWS // WINDOWS_A_CALL):
        order = generator.permutation(len(rows))
        middle = len(rows) // 2
        half = rows.take(pa.array(order[:middle]))
        drawn = [
            generator.choice(order[middle:], size, replace=False)
            for _ in range(WINDOWS_A_CALL)
        ]
        yield (
            log_of(rows.take(pa.array(np.concatenate(drawn))), size),
            rows_as_reference(half, month),
        )


def rows_as_reference(rows: Any, month: MonitorReference) -> MonitorReference:
    """Returns the reference that some rows are."""
    features = {
        name: rows_reference(known, rows[name])
        for name, known in month.features.items()
    }
    return replace(month, features=features)


def log_of(rows: Any, size: int) -> Any:
    """Returns rows as a log of windows of one hour, `size` rows each."""
    hours = np.arange(len(rows)) // size
    times = pa.array(hours * 3_600_000_000).cast(pa.timestamp("us", tz="UTC"))
    inputs = [rows[name].combine_chunks() for name in FEATURE_KEYS]
    probability = rows["probability"].combine_chunks()
    return pa.table(
        {
            "time": times,
            "event_time": times,
            "version": rows["version"],
            "inputs": pa.StructArray.from_arrays(inputs, list(FEATURE_KEYS)),
            "outputs": pa.StructArray.from_arrays([probability], ["probability"]),
        }
    )


def stationary(logs: Logs, settings: MonitorSettings) -> Stationary:
    """Counts false alarms."""
    alarmed, significant, starts = set(), set(), set()
    num_tests, seconds = 0, 0.0
    for number, (log, reference) in enumerate(logs):
        started = time.monotonic()
        windows = monitor_table(log, reference, settings).windows
        seconds += time.monotonic() - started
        for window in windows:
            start = (number, window.start)
            starts.add(start)
            if window.alarms:
                alarmed.add(start)
            if any(value <= settings.level for value in _corrected(window)):
                significant.add(start)
        num_tests = sum(
            len(_corrected(window))
            for window in windows
            if window.start == windows[-1].start
        )
    return Stationary(
        num_windows=len(starts),
        num_alarmed=len(alarmed),
        num_significant=len(significant),
        num_tests=num_tests,
        seconds=seconds,
    )


def _corrected(window: Window) -> list[float]:
    findings = [*window.features, *([window.prediction] if window.prediction else [])]
    return [
        test.p_adjusted
        for finding in findings
        for test in finding.tests
        if test.p_adjusted is not None
    ]


def unknown_carriers(rows: Any, generator: np.random.Generator) -> Any:
    """30 % of the rows come with a carrier that nobody knows."""
    is_hit = pa.array(generator.random(len(rows)) < 0.3)  # noqa: PLR2004
    values = pc.if_else(is_hit, "ZZ", rows["carrier"])
    return _with(rows, {"carrier": values})


def column_gone(rows: Any, _: np.random.Generator) -> Any:
    """No row has a distance."""
    gone = pa.nulls(len(rows), rows["distance_miles"].type)
    return _with(rows, {"distance_miles": gone})


def kilometres(rows: Any, _: np.random.Generator) -> Any:
    """Distances are in kilometres."""
    miles = rows["distance_miles"].cast(pa.float64())
    longer = pc.multiply(miles, 1.609344).cast(pa.float32())
    return _with(rows, {"distance_miles": longer})


def swapped_numbers(rows: Any, _: np.random.Generator) -> Any:
    """Temperature and dew point are swapped."""
    return _with(rows, {"temp_f": rows["dewpoint_f"], "dewpoint_f": rows["temp_f"]})


def swapped_texts(rows: Any, _: np.random.Generator) -> Any:
    """Origin and destination are swapped."""
    return _with(rows, {"origin": rows["dest"], "dest": rows["origin"]})


def _with(rows: Any, columns: Mapping[str, Any]) -> Any:
    for name, column in columns.items():
        rows = rows.set_column(rows.column_names.index(name), name, column)
    return rows


Change = Callable[[Any, np.random.Generator], Any]
PLANTED: Mapping[str, tuple[Change, str, str]] = {
    "30 % unknown carriers": (unknown_carriers, "unknown", "carrier"),
    "distance is gone": (column_gone, "missing", "distance_miles"),
    "distance in km": (kilometres, "drift", "distance_miles"),
    "temperature and dew point swapped": (swapped_numbers, "drift", "dewpoint_f"),
    "origin and destination swapped": (swapped_texts, "unknown", "origin"),
}
"""Change, and kind and feature of the alarm that it must raise."""


def planted_are_found(rows: Any, month: MonitorReference, console: Console) -> bool:
    """Prints how many rows each change takes; tells whether all were found."""
    table = Table("planted change", "alarm", box=None)
    for size in SIZES:
        table.add_column(f"{size:,} rows", justify="right")
    is_found = True
    for name, (change, kind, feature) in PLANTED.items():
        counts = []
        for size in SIZES:
            generator = np.random.default_rng(SEED + size)
            drawn = generator.integers(len(rows), size=size * NUM_PLANTED)
            log = log_of(change(rows.take(pa.array(drawn)), generator), size)
            windows = monitor_table(log, month, SETTINGS).windows
            counts.append(
                sum(
                    any(
                        (alarm.kind, alarm.feature) == (kind, feature)
                        for alarm in window.alarms
                    )
                    for window in windows
                )
            )
        is_found &= counts[-1] == NUM_PLANTED
        table.add_row(
            name, f"{kind} {feature}", *(f"{count}/{NUM_PLANTED}" for count in counts)
        )
    console.print(table)
    return is_found


if __name__ == "__main__":
    sys.exit(main())
