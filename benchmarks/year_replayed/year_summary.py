"""What a replay comes to: quality, faults, a verdict. The page and the JSON show it."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from benchmarks.year_replayed.year_quality import MonthQuality, year_quality
from benchmarks.year_replayed.year_record import YearRecord, as_document
from benchmarks.year_replayed.year_settings import MODEL, YearSettings
from serving.monitoring.report_format import Window
from serving.prediction_log.log_reader import PredictionLog

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class AlarmCount:
    """How often a kind of alarm was seen.

    Attributes:
        severity, kind, feature: Of the alarm; the graver severity counts.
        num_windows: Windows that had it.
        num_in_faults: Of them, windows in which a fault of the feed was on.
    """

    severity: str
    kind: str
    feature: str
    num_windows: int
    num_in_faults: int


@dataclass(frozen=True, kw_only=True, slots=True)
class YearSummary:
    """The whole of it.

    Attributes:
        record: What happened.
        months: Each month's quality.
        mean: Over the months.
        alarms: By severity, then number.
        num_windows: That the monitor judged.
        num_alarmed: Of them, with a warning or worse.
        settings: Of the replay, as JSON has them.
    """

    record: YearRecord
    months: tuple[MonthQuality, ...]
    mean: MonthQuality
    alarms: tuple[AlarmCount, ...]
    num_windows: int
    num_alarmed: int
    settings: Mapping[str, Any]

    @property
    def is_renewed_better(self) -> bool:
        """Whether the mean AUC of what was served lies above the first model's."""
        return self.mean.gain["auc"].value > 0

    @property
    def missed(self) -> list[str]:
        """Names of planted faults that were not caught and undone."""
        return [fault.name for fault in self.record.faults if not fault.is_caught]

    @property
    def is_good(self) -> bool:
        """Whether the replay shows what it must."""
        return self.is_renewed_better and not self.missed


def summarize(
    settings: YearSettings,
    record: YearRecord,
    never: Any,
    windows: Mapping[datetime, Window],
) -> YearSummary:
    """Works out what a replay comes to.

    Args:
        settings: Of the replay.
        record: What happened.
        never: pyarrow.Table with key and never_renewed.
        windows: Of the monitor, by start.
    """
    *months, mean = year_quality(_rows(settings, never))
    broken = {day for fault in record.faults for day in fault.broken_days}
    grave = [
        window
        for window in windows.values()
        if any(alarm.severity != "info" for alarm in window.alarms)
    ]
    return YearSummary(
        record=record,
        months=tuple(months),
        mean=mean,
        alarms=_count_alarms(windows, broken),
        num_windows=len(windows),
        num_alarmed=len(grave),
        settings={
            "months": list(settings.months),
            "rows_per_month": settings.rows_per_month,
            "rows_per_request": settings.rows_per_request,
            "window_spans": settings.window_spans,
            "pipeline": settings.pipeline_overrides(),
        },
    )


def _rows(settings: YearSettings, never: Any) -> Any:
    """Returns the labelled rows of the log with both models' probabilities."""
    log = PredictionLog(settings.log, MODEL)
    table = log.read(
        columns=["key", "version", "inputs.month", "outputs.probability"],
        with_labels=True,
    )
    rows = table.select(["key", "version", "label"]).to_pandas()
    rows["renewed"] = [one["probability"] for one in table["outputs"].to_pylist()]
    rows = rows.merge(never.to_pandas(), on="key", validate="one_to_one")
    rows = rows[rows["label"].notna()].rename(columns={"never_renewed": "never"})
    rows["day"] = rows["key"].str[:10]
    rows["month"] = rows["key"].str[5:7].astype(int)
    return rows


def _count_alarms(
    windows: Mapping[datetime, Window], broken: set[Any]
) -> tuple[AlarmCount, ...]:
    ranks = ("critical", "warning", "info")
    found: dict[tuple[str, str], list[tuple[str, bool]]] = {}
    for window in windows.values():
        for alarm in window.alarms:
            seen = found.setdefault((alarm.kind, alarm.feature), [])
            seen.append((alarm.severity, window.start.date() in broken))
    counts = [
        AlarmCount(
            severity=min((severity for severity, _ in seen), key=ranks.index),
            kind=kind,
            feature=feature,
            num_windows=len(seen),
            num_in_faults=sum(is_broken for _, is_broken in seen),
        )
        for (kind, feature), seen in found.items()
    ]
    counts.sort(key=lambda one: (ranks.index(one.severity), -one.num_windows))
    return tuple(counts)


def summary_document(summary: YearSummary) -> dict[str, Any]:
    """Returns the summary for JSON."""
    return {
        "format_version": FORMAT_VERSION,
        "is_good": summary.is_good,
        "is_renewed_better": summary.is_renewed_better,
        "missed": summary.missed,
        **{
            field.name: as_document(getattr(summary, field.name))
            for field in dataclasses.fields(summary)
        },
    }
