"""The router's metrics in Prometheus' text format.

Counts are of the rollout in force and go on over restarts. A histogram's buckets
double, which is every eighth of those that are kept.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from serving.router.counts_file import Counts
from serving.router.latency_histogram import (
    BUCKETS_PER_DOUBLING,
    NUM_BUCKETS,
    LatencyHistogram,
    upper_bound_us,
)
from serving.router.prediction_recorder import PredictionRecorder
from serving.router.routing import Routing

METRICS_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "slipway_router_"
_US = 1e6
_LABELS = ("rollout", "arm")
_COUNTERS = {
    "requests": "Predictions assigned to an arm and ended, copies in shadow included.",
    "missing_outputs": "Good answers without outputs, or with null or NaN among them.",
    "cancelled": "Predictions whose client hung up.",
    "retried": "Errors of an arm for which another arm was asked instead.",
    "rescued": "Predictions asked for instead of another arm.",
    "shadow_sent": "Copies sent to an arm in shadow.",
    "shadow_dropped": "Copies left out, for the queue was full.",
    "shadow_compared": "Copies whose answer was held against the one that was given.",
    "shadow_different": "Compared copies that differed by more than the tolerance.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class RouterFacts:
    """What the page shows.

    Attributes:
        routing: In force.
        is_stale: rollout.json cannot be used at the moment.
        counts: Of the rollout in force.
        is_up: Arm name to whether it answered the last probe.
        shadow_waiting: Copies not sent yet.
        recorder: None: there is no log.
    """

    routing: Routing
    is_stale: bool
    counts: Counts
    is_up: Mapping[str, bool]
    shadow_waiting: int
    recorder: PredictionRecorder | None


def metrics_page(facts: RouterFacts) -> bytes:
    """Returns the page."""
    registry = CollectorRegistry()
    registry.register(_Page(facts))
    return bytes(generate_latest(registry))


class _Page(Collector):
    """The metrics of one moment."""

    def __init__(self, facts: RouterFacts) -> None:
        self._facts = facts
        self._rollout = facts.routing.rollout_id
        self._arms = sorted(facts.counts.items())

    def collect(self) -> Iterator[Metric]:
        """Yields every family."""
        for name, help_text in _COUNTERS.items():
            counter = CounterMetricFamily(_PREFIX + name, help_text, labels=_LABELS)
            for arm, counts in self._arms:
                counter.add_metric([self._rollout, arm], getattr(counts, name))
            yield counter
        yield self._errors()
        yield self._latency()
        yield from self._arm_gauges()
        yield from self._plain_gauges()
        if self._facts.recorder is not None:
            yield _log_outcomes(self._facts.recorder)

    def _errors(self) -> Metric:
        errors = CounterMetricFamily(
            f"{_PREFIX}errors",
            "Predictions that an arm failed.",
            labels=(*_LABELS, "kind"),
        )
        for arm, counts in self._arms:
            for kind, count in sorted(counts.errors.items()):
                errors.add_metric([self._rollout, arm, kind], count)
        return errors

    def _latency(self) -> Metric:
        found = HistogramMetricFamily(
            f"{_PREFIX}latency_seconds", "Time of an arm's answers.", labels=_LABELS
        )
        for arm, counts in self._arms:
            found.add_metric(
                [self._rollout, arm],
                _buckets(counts.latency),
                counts.latency.sum_us / _US,
            )
        return found

    def _arm_gauges(self) -> Iterator[Metric]:
        routing = self._facts.routing
        shares = GaugeMetricFamily(
            f"{_PREFIX}share", "Share of predictions an arm gets now.", labels=_LABELS
        )
        for arm in routing.arms:
            share = 1 - routing.share if arm is routing.stable else routing.share
            shares.add_metric([self._rollout, arm.name], share)
        yield shares
        up = GaugeMetricFamily(
            f"{_PREFIX}arm_up",
            "Whether an arm answered the last probe.",
            labels=["arm"],
        )
        for name, is_up in sorted(self._facts.is_up.items()):
            up.add_metric([name], int(is_up))
        yield up

    def _plain_gauges(self) -> Iterator[Metric]:
        facts = self._facts
        for name, help_text, value in (
            ("state_serial", "Serial of the state in force.", facts.routing.serial),
            ("state_stale", "1: rollout.json cannot be used.", int(facts.is_stale)),
            ("shadow_waiting", "Copies not sent yet.", facts.shadow_waiting),
        ):
            yield GaugeMetricFamily(_PREFIX + name, help_text, value=value)


def _buckets(latency: LatencyHistogram) -> list[tuple[str, float]]:
    """Returns upper bounds, seconds, and how many times lie below each."""
    found, so_far = [], 0
    for bucket in range(NUM_BUCKETS):
        so_far += latency.counts.get(bucket, 0)
        if (bucket + 1) % BUCKETS_PER_DOUBLING == 0 and bucket < NUM_BUCKETS - 1:
            found.append((f"{upper_bound_us(bucket) / _US:.6g}", float(so_far)))
    return [*found, ("+Inf", float(so_far))]


def _log_outcomes(recorder: PredictionRecorder) -> Metric:
    found = CounterMetricFamily(
        f"{_PREFIX}log_requests",
        "Predictions by what the log did with them.",
        labels=["outcome"],
    )
    for outcome in ("offered", "dropped", "unreadable"):
        found.add_metric([outcome], getattr(recorder.counts, outcome))
    return found
