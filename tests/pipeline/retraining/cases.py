"""Evidence and histories to decide about."""

from datetime import UTC, datetime, timedelta

from pipeline.retraining.evidence import (
    AlarmFact,
    Evidence,
    MetricFact,
    PastRun,
    ReportFact,
    SpanFact,
    WindowFact,
)

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def span(number, rows=20_000):
    return SpanFact(span=number, digest=f"digest-{number}", num_rows=rows)


def evidence(numbers, rows=20_000, code="code-1", **others):
    return Evidence(
        spans=tuple(span(number, rows) for number in numbers),
        data_digest=f"data-{list(numbers)}",
        code_digest=code,
        **others,
    )


def run(numbers, state="pushed", code="code-1", hours_ago=48.0, run_id="run-1"):
    return PastRun(
        run_id=run_id,
        started_at=NOW - timedelta(hours=hours_ago),
        state=state,
        reason="because of this",
        span_digests=frozenset(f"digest-{number}" for number in numbers),
        data_digest=f"data-{list(numbers)}",
        code_digest=code,
    )


def alarm(kind="drift", impact=0.05, feature="humidity_pct"):
    return AlarmFact(
        kind=kind, feature=feature, value=0.3, threshold=0.1, impact=impact
    )


def measured(value, half_width, metric="auc", is_estimate=False):
    return MetricFact(
        metric=metric,
        value=value,
        low=value - half_width,
        high=value + half_width,
        num_rows=900,
        is_estimate=is_estimate,
    )


def window(day, alarms=(), metrics=()):
    start = datetime(2013, 4, day, tzinfo=UTC)
    return WindowFact(
        start=start,
        end=start + timedelta(days=1),
        num_rows=900,
        alarms=tuple(alarms),
        metrics=tuple(metrics),
    )


def report(*windows):
    return ReportFact(
        path="report.json",
        sha256="ab" * 32,
        created_at=NOW,
        version=3,
        windows=windows,
    )
