"""Monitor reports of made-up windows."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from serving.monitoring.report_format import (
    Alarm,
    Measured,
    MonitorReport,
    Quality,
    ReferenceFacts,
    Window,
    write_report,
)

START = datetime(2013, 4, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def drift(impact, slice_="", kind="drift"):
    return Alarm(
        id=f"{kind}:humidity_pct:{slice_}",
        severity="warning",
        kind=kind,
        feature="humidity_pct",
        slice=slice_,
        message="it moved",
        value=0.3,
        threshold=0.1,
        impact=impact,
    )


def quality(auc, *, is_estimate=False, low=None, high=None):
    return Quality(
        metrics={"auc": Measured(value=auc, low=low, high=high)},
        coverage=1.0,
        num_rows=500,
        is_estimate=is_estimate,
    )


def window(number, alarms: Sequence[Alarm] = (), **others):
    values = {
        "start": START + number * DAY,
        "end": START + (number + 1) * DAY,
        "slice": "",
        "num_rows": 900,
        "num_labelled": 0,
        "versions": {"3": 900},
        "features": (),
        "prediction": None,
        "quality": None,
        "estimate": None,
        "alarms": tuple(alarms),
    }
    return Window(**{**values, **others})


def report(windows):
    return MonitorReport(
        model="flights",
        created_at=START + 30 * DAY,
        reference=ReferenceFacts(
            source="training",
            version=3,
            bundle_digest="ab" * 32,
            num_examples=1000,
            predictions="none",
        ),
        settings={},
        windows=tuple(windows),
    )


def write_report_of(path: Path, impacts: Sequence[float]) -> None:
    """Writes a report of one window for each impact; 0: a window without alarms."""
    windows = [
        window(number, [drift(impact)] if impact else [])
        for number, impact in enumerate(impacts)
    ]
    write_report(report(windows), path)
