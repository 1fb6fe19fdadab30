"""Counts and times under TF Serving's names, as Prometheus reads them.

    :tensorflow:serving:request_count{model_name="m",status="OK"} 3
    :tensorflow:serving:request_latency_bucket{model_name="m",API="Predict",…,le="10"} 0

Written here and not with prometheus_client, which adds _total to a counter's name and
takes a lock and a look-up more a request.

Source: tensorflow_serving/servables/tensorflow/util.cc and
core/loader_harness.cc for names, labels and buckets (microseconds);
util/prometheus_exporter.cc for the text; the text format is Prometheus' 0.0.4.
"""

import threading
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_PREFIX = ":tensorflow:serving:"
_OWN_PREFIX = "slipway_"
# 10 µs times 1.8 to the power of 0 to 32: up to about 20 minutes.
_LATENCY_BOUNDS_US = tuple(10 * 1.8**power for power in range(33))
# 1, 2, 4, … rows.
_COUNT_BOUNDS = tuple(2.0**power for power in range(15))

COUNTED_APIS = ("Predict", "Classify", "Regress", "MultiInference")
"""What counts as a request."""

Labels = tuple[str, ...]
Snapshot = Mapping[str, Sequence[Any]]
"""Counts as they were at one moment, by the metric's attribute; JSON can hold them."""


class Counter:
    """A number a label set that only grows."""

    kind = "counter"

    def __init__(
        self, name: str, help_text: str, labels: Labels, prefix: str = _PREFIX
    ) -> None:
        """Names it; labels in the order in which `add` takes them."""
        self.name = prefix + name
        self.help_text = help_text
        self.labels = labels
        self._values: dict[Labels, float] = {}
        self._lock = threading.Lock()

    def add(self, labels: Labels, amount: float = 1) -> None:
        """Adds to one label set."""
        with self._lock:
            self._values[labels] = self._values.get(labels, 0) + amount

    def value(self, labels: Labels) -> float:
        """Returns what was added so far."""
        return self._values.get(labels, 0)

    def snapshot(self) -> Sequence[Any]:
        """Returns label sets with their numbers."""
        with self._lock:
            return list(self._values.items())

    def add_snapshot(self, snapshot: Sequence[Any]) -> None:
        """Adds another counter's numbers."""
        for labels, amount in snapshot:
            self.add(tuple(labels), amount)

    def lines(self) -> list[str]:
        """Returns one line a label set."""
        with self._lock:
            found = sorted(self._values.items())
        return [
            f"{self.name}{_braced(self.labels, values)} {_number(amount)}"
            for values, amount in found
        ]


class Gauge:
    """Numbers that rise and fall, of this process and of others."""

    kind = "gauge"

    def __init__(
        self, name: str, help_text: str, labels: Labels, prefix: str = _PREFIX
    ) -> None:
        """Names it; it shows nothing until it follows something."""
        self.name = prefix + name
        self.help_text = help_text
        self.labels = labels
        self._sources: dict[Labels, Callable[[], float]] = {}
        self._others: dict[Labels, float] = {}

    def follow(self, labels: Labels, source: Callable[[], float]) -> None:
        """Shows from now on what this returns, for one label set."""
        self._sources[labels] = source

    def snapshot(self) -> Sequence[Any]:
        """Returns label sets with this process's numbers."""
        return [(labels, source()) for labels, source in self._sources.items()]

    def add_snapshot(self, snapshot: Sequence[Any]) -> None:
        """Adds another process's numbers."""
        for labels, amount in snapshot:
            key = tuple(labels)
            self._others[key] = self._others.get(key, 0) + amount

    def forget_others(self) -> None:
        """Shows this process's numbers only."""
        self._others.clear()

    def lines(self) -> list[str]:
        """Returns one line a label set."""
        together = dict(self._others)
        for labels, amount in self.snapshot():
            together[labels] = together.get(labels, 0) + amount
        return [
            f"{self.name}{_braced(self.labels, values)} {_number(amount)}"
            for values, amount in sorted(together.items())
        ]


class Histogram:
    """How often a value fell between which bounds, a label set."""

    kind = "histogram"

    def __init__(
        self, name: str, help_text: str, labels: Labels, bounds: Sequence[float]
    ) -> None:
        """Names it; bounds are inclusive and rise."""
        self.name = _PREFIX + name
        self.help_text = help_text
        self.labels = labels
        self._bounds = bounds
        # A label set's buckets, and last the sum of its values.
        self._cells: dict[Labels, tuple[list[int], list[float]]] = {}
        self._lock = threading.Lock()

    def add(self, labels: Labels, value: float, times: int = 1) -> None:
        """Counts a value so many times."""
        with self._lock:
            cell = self._cells.get(labels)
            if cell is None:
                cell = self._cells[labels] = ([0] * (len(self._bounds) + 1), [0.0])
            cell[0][bisect_left(self._bounds, value)] += times
            cell[1][0] += value * times

    def add_all(self, labels: Labels, values: Sequence[float]) -> None:
        """Counts every value once."""
        with self._lock:
            cell = self._cells.get(labels)
            if cell is None:
                cell = self._cells[labels] = ([0] * (len(self._bounds) + 1), [0.0])
            buckets, bounds = cell[0], self._bounds
            for value in values:
                buckets[bisect_left(bounds, value)] += 1
            cell[1][0] += sum(values)

    def count(self, labels: Labels) -> int:
        """Returns how many values were counted."""
        cell = self._cells.get(labels)
        return sum(cell[0]) if cell else 0

    def snapshot(self) -> Sequence[Any]:
        """Returns label sets with their buckets and the sum of their values."""
        with self._lock:
            return [
                (labels, list(buckets), total)
                for labels, (buckets, (total,)) in self._cells.items()
            ]

    def add_snapshot(self, snapshot: Sequence[Any]) -> None:
        """Adds the values that another histogram with these bounds has counted."""
        for labels, buckets, total in snapshot:
            with self._lock:
                known, (known_total,) = self._cells.get(
                    tuple(labels), ([0] * len(buckets), (0.0,))
                )
                summed = [
                    one + other for one, other in zip(known, buckets, strict=True)
                ]
                self._cells[tuple(labels)] = (summed, [known_total + total])

    def lines(self) -> list[str]:
        """Returns the cumulative buckets, sum and count of every label set."""
        with self._lock:
            found = sorted(
                (values, list(cell[0]), cell[1][0])
                for values, cell in self._cells.items()
            )
        written = []
        for values, buckets, total in found:
            so_far = 0
            for bound, amount in zip((*self._bounds, None), buckets, strict=True):
                so_far += amount
                le = "+Inf" if bound is None else _number(bound)
                labels = _braced((*self.labels, "le"), (*values, le))
                written.append(f"{self.name}_bucket{labels} {so_far}")
            labels = _braced(self.labels, values)
            written.append(f"{self.name}_sum{labels} {_number(total)}")
            written.append(f"{self.name}_count{labels} {so_far}")
        return written


class ServerMetrics:
    """All that a server counts."""

    def __init__(self) -> None:
        """Starts at nothing."""
        self.requests = Counter(
            "request_count", "The total number of requests.", ("model_name", "status")
        )
        self.request_latency = Histogram(
            "request_latency",
            "Distribution of wall time (in microseconds) for Tensorflow Serving "
            "request.",
            ("model_name", "API", "entrypoint"),
            _LATENCY_BOUNDS_US,
        )
        self.runtime_latency = Histogram(
            "runtime_latency",
            "Distribution of wall time (in microseconds) for Tensorflow runtime.",
            ("model_name", "API", "runtime"),
            _LATENCY_BOUNDS_US,
        )
        self.example_counts = Histogram(
            "request_example_counts",
            "The number of tensorflow.Examples per request.",
            ("model",),
            _COUNT_BOUNDS,
        )
        self.example_total = Counter(
            "request_example_count_total",
            "The total number of tensorflow.Examples.",
            ("model",),
        )
        self.warmup_latency = Histogram(
            "model_warmup_latency",
            "Distribution of wall time (in microseconds) for warming up the model.",
            ("model_path", "status"),
            _LATENCY_BOUNDS_US,
        )
        self.batch_sizes = Histogram(
            "batching_session:processed_batch_size",
            "Tracks the batch size distribution on processing.",
            ("model_name",),
            _COUNT_BOUNDS,
        )
        self.queuing_latency = Histogram(
            "batching_session:queuing_latency",
            "Distribution of wall time spent (in microseconds) in queuing",
            ("model_name",),
            _LATENCY_BOUNDS_US,
        )

        self.prediction_log_rows = Counter(
            "prediction_log_rows_total",
            "Rows offered to the prediction log, by what became of them: written, "
            "left_out (not in the sample), or dropped for one of three reasons.",
            ("model_name", "outcome"),
            _OWN_PREFIX,
        )
        self.prediction_log_buffer = Gauge(
            "prediction_log_buffered_rows",
            "Rows of the prediction log that are in memory only.",
            (),
            _OWN_PREFIX,
        )

    def on_request(
        self, model: str, api: str, entrypoint: str, status: str, took_s: float
    ) -> None:
        """Counts an answered request, and the time of one that was answered well.

        Args:
            model: Its name.
            api: One of COUNTED_APIS.
            entrypoint: "REST" or "GRPC".
            status: "OK" or a code's name.
            took_s: Seconds from the request to the answer.
        """
        self.on_requests(model, api, entrypoint, status, (took_s,))

    def on_requests(
        self,
        model: str,
        api: str,
        entrypoint: str,
        status: str,
        times_s: Sequence[float],
    ) -> None:
        """Counts requests that are alike but for their times; see on_request."""
        self.requests.add((model, status), len(times_s))
        if status == "OK":
            times_us = [took_s * 1e6 for took_s in times_s]
            self.request_latency.add_all((model, api, entrypoint), times_us)

    def on_run(
        self, model: str, api: str, took_s: float, num_requests: int = 1
    ) -> None:
        """Counts a run of the graph, waiting in the queue included, a request each."""
        self.runtime_latency.add((model, api, "TF1"), took_s * 1e6, num_requests)

    def on_batch(self, model: str, rows: int, waited_s: float) -> None:
        """Counts a batch: its rows, and how long its first request waited."""
        self.batch_sizes.add((model,), rows)
        self.queuing_latency.add((model,), waited_s * 1e6)

    def on_warmup(self, model_path: str, status: str, took_s: float) -> None:
        """Counts a version's warm-up."""
        self.warmup_latency.add((model_path, status), took_s * 1e6)

    def on_examples(self, model: str, count: int) -> None:
        """Counts the tf.Examples of a request."""
        self.example_counts.add((model,), count)
        self.example_total.add((model,), count)

    def on_logged_rows(self, model: str, outcome: str, rows: int) -> None:
        """Counts what became of rows that were offered to the prediction log."""
        self.prediction_log_rows.add((model, outcome), rows)

    def snapshot(self) -> Snapshot:
        """Returns everything that was counted so far."""
        return {name: metric.snapshot() for name, metric in vars(self).items()}

    def add_snapshot(self, snapshot: Snapshot) -> None:
        """Adds what another server counted.

        Args:
            snapshot: Its `snapshot()`, from a server of the same release.
        """
        for name, metric in vars(self).items():
            metric.add_snapshot(snapshot[name])

    def restore(self, snapshot: Snapshot) -> None:
        """Goes on from what a server that is gone has counted; see add_snapshot."""
        self.add_snapshot(snapshot)
        self.prediction_log_buffer.forget_others()

    def exposition(self) -> str:
        """Returns everything in Prometheus' text format."""
        lines = []
        for metric in vars(self).values():
            own = metric.lines()
            if own:
                lines.append(f"# HELP {metric.name} {metric.help_text}")
                lines.append(f"# TYPE {metric.name} {metric.kind}")
                lines += own
        return "\n".join([*lines, ""])


def _braced(names: Sequence[str], values: Sequence[str]) -> str:
    if not names:
        return ""
    pairs = [
        f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True)
    ]
    return "{" + ",".join(pairs) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return format(value, ".15g")
