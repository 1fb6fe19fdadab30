"""Asks `slipway retrain`'s own API on the replay's clock."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.year_replayed.year_settings import YearSettings
from pipeline.pipeline_argument import find_config
from pipeline.retraining.report_evidence import read_report_fact
from pipeline.retraining.retrain import Retrained, RetrainRequest, retrain
from pipeline.run_listener import RunListener
from pipeline.run_pipeline import run_pipeline
from pipeline.run_record import INTERRUPTED, RunRecord
from pipeline.selection import Selection

DATA_GATE = "anomaly_gate"
_BY = "the year replayed"


def ask(
    settings: YearSettings,
    now: datetime,
    listener: RunListener,
    *,
    report: Path | None = None,
    only_gate: bool = False,
    changes: dict[str, Any] | None = None,
) -> Retrained:
    """Decides whether to train, and trains if that is the decision.

    Args:
        settings: Of the replay.
        now: On its clock.
        listener: Told how a run goes on.
        report: The monitor's newest; None: there is none yet.
        only_gate: The run ends with the data gate: its data are under suspicion.
        changes: Settings over the replay's.

    Raises:
        KeyboardInterrupt: The run was interrupted.
    """
    request = RetrainRequest(
        config_path=find_config("flights"),
        overrides={**settings.pipeline_overrides(), **(changes or {})},
        report=read_report_fact(report) if report is not None else None,
        by=_BY,
        skip_repeated=True,
        clock=lambda: now,
    )
    run: Callable[..., RunRecord] = _up_to_gate if only_gate else run_pipeline
    done = retrain(request, listener, run)
    if done.record is not None and done.record.state == INTERRUPTED:
        raise KeyboardInterrupt  # the run took the signal for itself
    return done


def pushed_version(done: Retrained) -> int | None:
    """Returns the version a run pushed, held back or served; None: none."""
    if done.record is None:
        return None
    found = done.record.properties("pusher", "pushed_model")
    return int(found["version"]) if found.get("pushed") == 1 else None


def _up_to_gate(
    config_path: Path, overrides: dict[str, Any], listener: RunListener
) -> RunRecord:
    selection = Selection(last=DATA_GATE)
    return run_pipeline(config_path, overrides, listener, selection=selection)
