"""A monitor report as evidence: the windows that the judged version answered."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from pipeline.retraining.evidence import AlarmFact, MetricFact, ReportFact, WindowFact
from pipeline.settings_loader import ConfigError
from serving.bundle.strict_json import FormatError
from serving.monitoring.report_format import (
    MonitorReport,
    Quality,
    Window,
    decode_report,
    encode_report,
)


def read_report_fact(path: Path) -> ReportFact:
    """Reads a report's file; its SHA-256 is of the bytes that were read.

    Raises:
        ConfigError: It cannot be read, or is no report.
    """
    try:
        text = path.read_bytes()
        report = decode_report(text)
    except OSError as error:
        raise ConfigError(
            f"the monitor report {path} cannot be read: {error.strerror}. Make one: "
            "slipway monitor --once --json FILE."
        ) from error
    except FormatError as error:
        raise ConfigError(f"{path} is no monitor report: {error}") from error
    return report_fact(report, path=str(path.absolute()), text=text)


def report_fact(
    report: MonitorReport, *, path: str = "", text: bytes | None = None
) -> ReportFact:
    """Returns what a report says of the version it judges.

    Args:
        report: The report.
        path: The file it was read from.
        text: That file's bytes; None: the report's own JSON.

    Returns:
        Of the windows, those on all rows in which the judged version answered most:
        what an earlier version saw was that version's reason to be replaced.
    """
    version = report.reference.version
    windows = [
        _window_fact(window)
        for window in report.windows
        if not window.slice and _answered_most(window, version)
    ]
    return ReportFact(
        path=path,
        sha256=hashlib.sha256(text or encode_report(report)).hexdigest(),
        created_at=report.created_at,
        version=version,
        windows=tuple(sorted(windows, key=lambda window: window.start)),
    )


def _answered_most(window: Window, version: int) -> bool:
    return 2 * window.versions.get(str(version), 0) > window.num_rows


def _window_fact(window: Window) -> WindowFact:
    return WindowFact(
        start=window.start,
        end=window.end,
        num_rows=window.num_rows,
        alarms=tuple(
            AlarmFact(
                kind=alarm.kind,
                feature=alarm.feature,
                value=alarm.value,
                threshold=alarm.threshold,
                impact=alarm.impact,
            )
            for alarm in window.alarms
        ),
        metrics=(
            *_metrics(window.quality, is_estimate=False),
            *_metrics(window.estimate, is_estimate=True),
        ),
    )


def _metrics(quality: Quality | None, *, is_estimate: bool) -> Iterator[MetricFact]:
    """Yields the metrics that have an interval; without one nothing can be proven."""
    for name, found in quality.metrics.items() if quality else ():
        if found.value is None or found.low is None or found.high is None:
            continue
        yield MetricFact(
            metric=name,
            value=found.value,
            low=found.low,
            high=found.high,
            num_rows=quality.num_rows if quality else 0,
            is_estimate=is_estimate,
        )
