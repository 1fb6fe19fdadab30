"""Where a watch gets its monitor reports: a file that others write, or the monitor."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from pipeline.config import PipelineConfig, load_config
from pipeline.retraining.evidence import ReportFact
from pipeline.retraining.report_evidence import read_report_fact, report_fact
from serving.monitoring.monitor_settings import window_length
from serving.versions.model_folder import served_version, version_path

ReportSource = Callable[[], ReportFact | None]
"""Reads or makes the newest monitor report; None: there is none yet."""

# Labels come late, and some windows have no rows.
_SPARE = 4


def from_file(path: Path) -> ReportSource:
    """Returns a source that reads a file anew each time; none while it is not there."""

    def read() -> ReportFact | None:
        return read_report_fact(path) if path.exists() else None

    return read


def from_monitor(config_path: Path, overrides: dict[str, Any]) -> ReportSource:
    """Returns a source that reads what `slipway monitor` writes, as soon as it does."""
    config = load_config(config_path, overrides)
    return from_file(Path(config.work_dir) / "monitor" / "report.json")


def from_log(
    config_path: Path, overrides: dict[str, Any], log_dir: Path
) -> ReportSource:
    """Returns a source that runs the monitor on a prediction log.

    Args:
        config_path: The pipeline's YAML file.
        overrides: Dotted settings laid over the file's.
        log_dir: The folder of all logs.
    """

    def read() -> ReportFact | None:
        from serving.monitoring.monitor import monitor_log
        from serving.prediction_log.log_clock import Clock
        from serving.prediction_log.log_reader import PredictionLog

        config = load_config(config_path, overrides)
        model_dir = Path(config.deployment.model_base_path) / config.name
        version = served_version(model_dir)
        log = PredictionLog(log_dir, config.name)
        clock: Clock = "time" if config.monitoring.clock == "time" else "event_time"
        logged = log.time_range(clock)
        if version is None or logged is None:
            return None
        report = monitor_log(
            log,
            version_path(model_dir, version),
            config.monitoring,
            since=logged[1] - _looked_at(config),
        )
        return report_fact(report)

    return read


def _looked_at(config: PipelineConfig) -> timedelta:
    """Returns how far back the triggers look, with room for days without rows."""
    retraining = config.retraining
    looked_at = [trigger.of_last for trigger in retraining.quality]
    if retraining.drift is not None:
        looked_at.append(retraining.drift.of_last)
    return _SPARE * max(looked_at, default=1) * window_length(config.monitoring.window)
