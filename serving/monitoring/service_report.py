"""Brings a report up to date: windows that can still change are computed again.

A window is final once every window's labels have had their time: rows exist that are
younger than its end by the label delay. What is final is kept from the report before;
labels that come even later do not change it.

The whole log is read again all the same, which takes a twentieth of the time: what
later windows are compared with, and how much a feature matters, comes from all rows.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from serving.bundle.strict_json import FormatError
from serving.monitoring.monitor import monitor_table
from serving.monitoring.monitor_settings import MonitorSettings, reference_window
from serving.monitoring.report_format import (
    MonitorReport,
    Window,
    read_report,
    write_report,
)
from serving.monitoring.training_reference import bundle_reference
from serving.prediction_log.log_reader import PredictionLog

_CACHE = "report-{basis}.json"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ReportSource:
    """Where a report comes from.

    Attributes:
        log: Of the model.
        find_bundle: Returns the folder of the version to compare with; asked in each
            pass, for another one may be served by then.
        settings: Of the monitor.
        since: Rows before it are left out; None: from the first one on.
        label_delay: How long labels take at most.
    """

    log: PredictionLog
    find_bundle: Callable[[], Path]
    settings: MonitorSettings
    since: datetime | None = None
    label_delay: timedelta = timedelta(days=7)


def refresh_report(source: ReportSource, folder: Path) -> tuple[MonitorReport, int]:
    """Returns a report of all windows, and how many of them were computed.

    Args:
        source: What to watch.
        folder: Exists; keeps the report for the next call, one for the same bundle,
            settings and start. Another bundle or setting begins anew.

    Raises:
        BundleRefusedError: What find_bundle returns is no bundle.
        PredictionLogError: The log cannot be read.
        ValueError: As monitor_table does.
    """
    bundle_dir = source.find_bundle()
    path = folder / _CACHE.format(basis=_basis(source, bundle_dir))
    before = _read(path)
    if before is None or not before.windows:
        report = _computed(source, bundle_dir, None)
        num_computed = len(report.windows)
    else:
        report_from = first_open(before.windows, source.label_delay)
        fresh = _computed(source, bundle_dir, report_from)
        report, num_computed = merged(before, fresh, report_from)
    write_report(report, path)
    for other in folder.glob(_CACHE.format(basis="*")):
        if other != path:
            other.unlink(missing_ok=True)
    return report, num_computed


def _basis(source: ReportSource, bundle_dir: Path) -> str:
    """Names all that a kept window depends on but for the log."""
    facts = {
        "bundle": bundle_reference(bundle_dir).bundle_digest,
        "settings": dataclasses.asdict(source.settings),
        "since": None if source.since is None else source.since.isoformat(),
    }
    text = json.dumps(facts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read(path: Path) -> MonitorReport | None:
    """Returns the report before; None where there is none that can be read.

    It is made of the log alone: a damaged one costs time and nothing else.
    """
    try:
        return read_report(path)
    except (FileNotFoundError, FormatError):
        return None


def _computed(
    source: ReportSource, bundle_dir: Path, report_from: datetime | None
) -> MonitorReport:
    settings, start = source.settings, source.since
    chosen = reference_window(settings.reference)
    if chosen is not None and start is not None:
        start = min(start, chosen[0])
    clock: Any = settings.clock
    rows = source.log.read(start, clock=clock, with_labels=True)
    reference = bundle_reference(bundle_dir)
    return monitor_table(rows, reference, settings, source.since, report_from)


def first_open(windows: Sequence[Window], label_delay: timedelta) -> datetime:
    """Returns the start of the first window that can still change.

    Args:
        windows: At least one, in any order.
        label_delay: How long labels take at most, 0 or more.
    """
    newest = max(window.start for window in windows)
    return min(window.start for window in windows if window.end + label_delay > newest)


def merged(
    before: MonitorReport, fresh: MonitorReport, since: datetime
) -> tuple[MonitorReport, int]:
    """Returns the older windows of one report and the newer ones of the other.

    Args:
        before: Its windows that start before `since` are kept.
        fresh: Its windows from `since` on are taken, and all else.
        since: Where a window starts.

    Returns:
        The report, and how many windows of it are fresh.
    """
    kept = [window for window in before.windows if window.start < since]
    added = [window for window in fresh.windows if window.start >= since]
    report = dataclasses.replace(
        fresh, windows=tuple(kept + added), skew=fresh.skew or before.skew
    )
    return report, len(added)
