"""Metrics as Prometheus reads them: on a port, or as text for a file."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from serving.monitoring.prometheus_metrics import Sample


def exposition(found: Sequence[Sample]) -> str:
    """Returns samples in Prometheus' text format.

    Args:
        found: Those of one metric beside each other.
    """
    text: str = generate_latest(_registry(lambda: found)).decode()
    return text


@contextmanager
def serving_metrics(
    collect: Callable[[], Sequence[Sample]], port: int, address: str = "127.0.0.1"
) -> Iterator[int]:
    """Serves metrics at /metrics while the context lasts.

    Args:
        collect: Returns the samples as they are now; called by another thread.
        port: 0: any that is free.
        address: Of the interface.

    Yields:
        The port.

    Raises:
        OSError: The port cannot be had.
    """
    server, thread = start_http_server(port, address, registry=_registry(collect))
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _registry(collect: Callable[[], Sequence[Sample]]) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Samples(collect))
    return registry


class _Samples(Collector):
    def __init__(self, collect: Callable[[], Sequence[Sample]]) -> None:
        self._collect = collect

    def describe(self) -> Iterable[Any]:
        """Keeps the registry from collecting while it registers."""
        return []

    def collect(self) -> Iterator[Any]:
        """Yields one family a metric."""
        found = self._collect()
        for metric, own in groupby(found, key=lambda sample: sample.metric):
            kind = (
                CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            )
            family = kind(metric.full_name, metric.about, labels=metric.labels)
            for sample in own:
                family.add_metric(sample.labels, sample.value)
            yield family
