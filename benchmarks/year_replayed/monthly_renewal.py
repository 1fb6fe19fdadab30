"""A month is over: its span arrives, a retraining is decided, a rollout begins."""

from datetime import date, datetime
from typing import Any

import pyarrow as pa

from benchmarks.year_replayed import renewal
from benchmarks.year_replayed.diary import Diary
from benchmarks.year_replayed.feed_faults import FeedFault
from benchmarks.year_replayed.feed_watch import FeedWatch
from benchmarks.year_replayed.rollouts import Rollouts
from benchmarks.year_replayed.watching import Watching
from benchmarks.year_replayed.year_rows import SpanLanding, days_of, read_span
from benchmarks.year_replayed.year_settings import FIRST_MONTHS, YearSettings
from pipeline import run_record
from pipeline.retraining.retrain import Retrained
from pipeline.run_listener import RunListener


class MonthlyRenewal:
    """Asks whether to train, once a month and whenever the feed alarms."""

    def __init__(
        self,
        settings: YearSettings,
        parts: tuple[FeedWatch, SpanLanding, Watching, Rollouts],
        diary: Diary,
        listener: RunListener,
    ) -> None:
        """Takes the replay's parts; nothing is asked yet."""
        self._settings = settings
        self._feed, self._landing, self._watching, self._rollouts = parts
        self._diary = diary
        self._listener = listener

    def decide(self, day: date, now: datetime) -> None:
        """Lets the month before arrive, and trains if that is the decision."""
        arriving = day.month - 1
        if arriving not in FIRST_MONTHS:
            fault = self._feed.fault_in(arriving)
            if fault is None:
                self._landing.land(arriving)
            else:
                self._land_suspect(day, now, arriving, fault)
        done = self._ask(now)
        version = renewal.pushed_version(done)
        if done.record is None:
            self._diary.note(day, "decision", "no retraining", done.decision.sentence)
        elif version is None:
            title = f"retrained: {done.record.state}"
            self._diary.note(day, "decision", title, done.record.reason)
        else:
            self._diary.note(
                day,
                "trained",
                f"v{version} held back",
                done.decision.sentence,
                {"wall_s": done.record.wall_s, "spans": list(done.record.spans)},
            )
            self._rollouts.begin(day, now, version)

    def decide_on_alarm(self, day: date, now: datetime, fault: FeedFault) -> None:
        """Asks with the report that has the alarm: nothing may be learned from it."""
        done = self._ask(now)
        title = "no retraining" if done.record is None else "retrained"
        self._diary.note(day, "decision", title, done.decision.sentence)
        asked = f"a retraining on the alarm: {done.decision.sentence}"
        self._feed.record_of(fault).also.append(asked)

    def _ask(self, now: datetime, *, only_gate: bool = False) -> Retrained:
        with self._diary.timed("retraining"):
            return renewal.ask(
                self._settings,
                now,
                self._listener,
                report=self._watching.report_file,
                only_gate=only_gate,
            )

    def _land_suspect(
        self, day: date, now: datetime, month: int, fault: FeedFault
    ) -> None:
        """Lets a month arrive as the broken feed sent it, then repaired.

        The data gate alone judges the first: whether it stops the run or not, nothing
        is trained on days that the monitor has alarmed.
        """
        self._landing.land(month, self._as_received(month, fault))
        done = self._ask(now, only_gate=True)
        record = self._feed.record_of(fault)
        if done.record is not None and done.record.state == run_record.STOPPED:
            verdict = "stopped by the data gate"
            reason = done.record.reason
        else:
            verdict = "kept back for the monitor's alarm"
            reason = "the data gate alone would have let it in"
        record.consequence = f"the month as received: {verdict} ({reason})"
        self._diary.note(day, "gate", f"span {month} {verdict}", reason)
        version = self._landing.land(month)
        self._diary.note(
            day, "repair", f"span {month} repaired", f"arrived as version {version}"
        )

    def _as_received(self, month: int, fault: FeedFault) -> Any:
        """Returns a month's rows, those of the broken days as they were sent."""
        broken = set(self._feed.days_of(fault))
        return pa.concat_tables(
            fault.change(rows) if day in broken else rows
            for day, rows in days_of(read_span(self._settings.source, month))
        )
