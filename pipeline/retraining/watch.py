"""Asks again and again whether to train, and trains: `slipway watch`.

SIGTERM and Ctrl-C end it between two rounds at once, and a run as they end
`slipway run`: cleanly, with what is complete kept. kill -9 is seen by the next round.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

from pipeline.retraining.evidence import ReportFact
from pipeline.retraining.report_source import ReportSource
from pipeline.retraining.retrain import Retrained, RetrainRequest, Run, retrain
from pipeline.run_listener import RunListener
from pipeline.run_pipeline import run_pipeline
from pipeline.run_record import RunRecord
from pipeline.settings_loader import ConfigError

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """Set by SIGTERM or Ctrl-C; interrupts a run that is going on."""

    def __init__(self) -> None:
        """Nobody asked yet."""
        self._event = threading.Event()
        self._is_interruptible = False

    @property
    def is_set(self) -> bool:
        """Whether somebody asked for the end."""
        return self._event.is_set()

    def set(self) -> None:
        """Asks for the end."""
        self._event.set()

    def wait(self, timeout_s: float) -> bool:
        """Waits, and tells whether somebody asked for the end meanwhile."""
        return self._event.wait(timeout_s)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Takes the signals over; only in the main thread."""
        before = {number: signal.signal(number, self._on_signal) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Lets a signal raise KeyboardInterrupt while this is entered."""
        self._is_interruptible = True
        try:
            yield
        finally:
            self._is_interruptible = False

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - signal's
        self._event.set()
        if self._is_interruptible:
            raise KeyboardInterrupt


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchPlan:
    """What is asked in each round.

    Attributes:
        request: What each round asks; its report is replaced by the newest.
        read_report: Gives the newest report.
        every_s: Seconds from the end of a round to the next, > 0.
    """

    request: RetrainRequest
    read_report: ReportSource
    every_s: float


def watch(
    plan: WatchPlan,
    stop: StopRequest,
    tell: Callable[[str], None],
    listener: RunListener,
    run: Run = run_pipeline,
) -> None:
    """Decides in rounds until somebody asks for the end.

    A round that fails is told and the next one comes: whoever watches must outlive a
    full disk and a broken report.

    Args:
        plan: What is asked, and how often.
        stop: Ends it.
        tell: Is given one line for each decision that is new, and for each failure.
        listener: Is told how a run goes on.
        run: What trains.
    """

    def interruptible(
        config_path: Path, overrides: dict[str, Any], heard_by: RunListener
    ) -> RunRecord:
        with stop.interrupting():
            if stop.is_set:
                raise KeyboardInterrupt
            return run(config_path, overrides, heard_by)

    failures = _Failures(tell)
    while not stop.is_set:
        try:
            report = _report_or_none(plan.read_report, failures)
            asked = replace(plan.request, report=report, skip_repeated=True)
            _tell(tell, retrain(asked, listener, interruptible))
        except KeyboardInterrupt:
            break
        except Exception as error:  # noqa: BLE001 - see above
            failures.add("this round failed", error)
        else:
            failures.forget("this round failed")
        stop.wait(plan.every_s)


class _Failures:
    """Tells a failure when it is new, not each time it comes again."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told: dict[str, str] = {}

    def add(self, what: str, error: Exception) -> None:
        text = f"{type(error).__name__}: {error}"
        if self._told.get(what) != text:
            self._tell(f"{what}, the next one comes: {text}")
        self._told[what] = text

    def forget(self, what: str) -> None:
        self._told.pop(what, None)


def _report_or_none(
    read_report: ReportSource, failures: _Failures
) -> ReportFact | None:
    """A broken report must not keep new data from being trained on."""
    what = "the monitor report cannot be used"
    try:
        report = read_report()
    except (ConfigError, OSError, ValueError) as error:
        failures.add(what, error)
        return None
    failures.forget(what)
    return report


def _tell(tell: Callable[[str], None], done: Retrained) -> None:
    if done.seq is None:
        return
    tell(done.decision.sentence)
    if done.record is not None:
        tell(
            f"run {done.record.run_id}: {done.record.state}, {done.record.reason} "
            "(slipway why retrain)"
        )
