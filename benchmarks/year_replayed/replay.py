"""The year, day by day: serve, label, watch, decide, train, roll out, roll back."""

import contextlib
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.year_replayed import renewal
from benchmarks.year_replayed.arrived_rows import ArrivedRows
from benchmarks.year_replayed.diary import Diary
from benchmarks.year_replayed.feed_client import send_rows
from benchmarks.year_replayed.feed_faults import FeedFault
from benchmarks.year_replayed.feed_watch import GRAVE, FeedWatch
from benchmarks.year_replayed.monthly_renewal import MonthlyRenewal
from benchmarks.year_replayed.never_renewed import NeverRenewed
from benchmarks.year_replayed.rollouts import Rollouts
from benchmarks.year_replayed.running import (
    AlertReceiver,
    logging_flags,
    running_router,
    start_server,
)
from benchmarks.year_replayed.watching import Watching
from benchmarks.year_replayed.year_record import YearEvent, YearRecord
from benchmarks.year_replayed.year_rows import (
    SpanLanding,
    days_of,
    labels_of,
    midnight,
    prepare_source,
    served_rows,
)
from benchmarks.year_replayed.year_settings import (
    DECISION_DAY,
    FIRST_MONTHS,
    MODEL,
    YearSettings,
)
from pipeline.config import load_config
from pipeline.pipeline_argument import find_config
from pipeline.run_listener import RunListener
from serving.monitoring.report_format import MonitorReport, Window
from serving.prediction_log.labels import add_labels
from serving.versions.model_folder import version_path

_DAY = timedelta(days=1)


class Replay:
    """One replay, from the first training to the last day."""

    def __init__(
        self,
        settings: YearSettings,
        tell: Callable[[YearEvent], None],
        listener: RunListener,
    ) -> None:
        """Empties the folder of the state.

        Args:
            settings: What to replay.
            tell: Is given each event as it happens.
            listener: Is told how runs of the pipeline go on.
        """
        shutil.rmtree(settings.state, ignore_errors=True)
        settings.state.mkdir(parents=True)
        self._settings = settings
        self._listener = listener
        self._diary = Diary(tell)
        self._feed = FeedWatch(settings.faults)
        self._landing = SpanLanding(settings.source, settings.spans)
        self._arrived = ArrivedRows(settings.log, MODEL)
        self._unlabelled: list[Any] = []
        self._told: set[tuple[date, str]] = set()

    @property
    def record(self) -> YearRecord:
        """What happened so far."""
        return self._diary.record

    @property
    def windows(self) -> dict[datetime, Window]:
        """What the monitor said of all rows, by the window's start."""
        return self._watching.windows

    def run(self, on_day: Callable[[date, YearRecord], None]) -> Any:
        """Replays the year.

        Args:
            on_day: Called when a day is over.

        Returns:
            pyarrow.Table with key and never_renewed: the first model's probabilities.

        Raises:
            RuntimeError: The first model was not pushed.
        """
        settings, record = self._settings, self.record
        with self._diary.timed("data"):
            prepare_source(settings.source, settings.rows_per_span)
        first_bundle = self._first_model()
        days = self._days()
        with ExitStack() as stack:
            never = self._start(stack, first_bundle, days[0][0])
            for day, rows in days:
                self._day(day, rows, never)
                on_day(day, record)
            self._label_rest(days[-1][0])
        record.faults = self._feed.planted
        if self._rollouts.bad is not None:
            record.faults.append(self._rollouts.bad)
        record.faults.sort(key=lambda fault: fault.began)
        record.num_alerts = self._watching.num_delivered
        return never.answers()

    def _days(self) -> list[tuple[date, Any]]:
        settings = self._settings
        rows = pa.concat_tables(
            served_rows(settings.source, month, settings.rows_per_month)
            for month in settings.months
        )
        last_day = settings.last_day or date.max
        return [(day, rows) for day, rows in days_of(rows) if day <= last_day]

    def _first_model(self) -> Path:
        settings = self._settings
        first_day = date(2013, settings.months[0], 1)
        if settings.first_bundle is not None:
            bundle = settings.models / settings.first_bundle.name
            shutil.copytree(settings.first_bundle, bundle)
            self._diary.note(first_day, "deployed", f"v{bundle.name}", "given")
            return bundle
        for month in FIRST_MONTHS:
            self._landing.land(month)
        with self._diary.timed("first training"):
            done = renewal.ask(
                settings,
                midnight(first_day),
                self._listener,
                changes={"retraining": settings.retraining_policy(push="served")},
            )
        version = renewal.pushed_version(done)
        if version is None:
            reason = done.record.reason if done.record else done.decision.sentence
            raise RuntimeError(f"the first model was not pushed: {reason}")
        self._diary.note(first_day, "deployed", f"v{version}", done.decision.sentence)
        return version_path(settings.models, version)

    def _start(
        self, stack: ExitStack, first_bundle: Path, first_day: date
    ) -> NeverRenewed:
        """Starts all processes; they end with the stack."""
        settings = self._settings
        with self._diary.timed("starting servers"):
            flags = logging_flags(settings)
            stable = start_server(settings, settings.models, "stable", *flags)
            stack.enter_context(stable)
            never = stack.enter_context(NeverRenewed(settings, first_bundle))
            upstream = stable.rest_address
            self._router = stack.enter_context(running_router(settings, upstream))
        receiver = stack.enter_context(contextlib.closing(AlertReceiver()))
        config = load_config(find_config(MODEL), settings.pipeline_overrides())
        self._watching = Watching(settings, config.monitoring, receiver, first_day)
        self._rollouts = Rollouts(settings, stable, self._watching, self._diary)
        stack.enter_context(contextlib.closing(self._rollouts))
        parts = self._feed, self._landing, self._watching, self._rollouts
        self._renewal = MonthlyRenewal(settings, parts, self._diary, self._listener)
        return never

    def _day(self, day: date, rows: Any, never: NeverRenewed) -> None:
        now = midnight(day + _DAY)
        fault = self._feed.fault_on(day)
        if fault is not None:
            if not self._feed.days_of(fault):
                self._diary.note(day, "fault", fault.name, "planted in the feed")
            rows = self._feed.send(fault, day, rows)
        self._serve(rows, fault)
        with self._diary.timed("never renewed"):
            never.ask(rows)
        self._label_day_before(rows)
        report = self._look(day)
        if fault is not None:
            self._look_at_feed(day, now, fault, report)
        self._rollouts.look(day, now)
        if day.day == DECISION_DAY:
            self._renewal.decide(day, now)
        self._rollouts.plant_bad_model(day, now)

    def _serve(self, rows: Any, fault: FeedFault | None) -> None:
        per_request = self._settings.rows_per_request
        with self._diary.timed("serving"):
            sent = send_rows(
                self._router, rows, 1 if self._rollouts.is_going_on else per_request
            )
            self.record.num_requests += sent.num_requests
            self.record.num_rows += sent.num_rows
            self._arrived.wait_for(self.record.num_rows)
        self._rollouts.sent(sent)
        if fault is not None:
            self._feed.sent(fault, sent.num_requests, sent.num_rows)

    def _label_day_before(self, rows: Any) -> None:
        """Adds the labels of the day before, for they are a day late."""
        with self._diary.timed("labels"):
            for earlier in self._unlabelled:
                self._add_labels(earlier)
        self._unlabelled = [rows]

    def _label_rest(self, day: date) -> None:
        """Adds the last day's labels, and has the monitor take them in."""
        for earlier in self._unlabelled:
            self._add_labels(earlier)
        self._look(day)

    def _add_labels(self, rows: Any) -> None:
        file = self._settings.state / "labels.parquet"
        pq.write_table(labels_of(rows), file)
        add_labels(self._settings.log, MODEL, file)

    def _look(self, day: date) -> MonitorReport:
        """Lets the monitor do a pass; notes alarms on the first day they are on."""
        with self._diary.timed("monitor"):
            report = self._watching.look()
        for window in report.windows:
            start = window.start.date()
            for alarm in window.alarms:
                if window.slice or alarm.severity not in GRAVE:
                    continue
                is_known = (start, alarm.id) in self._told
                goes_on = (start - _DAY, alarm.id) in self._told
                self._told.add((start, alarm.id))
                if not is_known and not goes_on:
                    title = f"{alarm.severity}: {alarm.kind} {alarm.feature}".strip()
                    numbers = {"severity": alarm.severity}
                    self._diary.note(day, "alarm", title, alarm.message, numbers)
        return report

    def _look_at_feed(
        self, day: date, now: datetime, fault: FeedFault, report: MonitorReport
    ) -> None:
        """Has a fault repaired that the monitor tells, and nothing learned from it."""
        if self._feed.look(fault, day, report) is None:
            return
        self._renewal.decide_on_alarm(day, now, fault)
        record = self._feed.record_of(fault)
        record.is_undone = True
        self._diary.note(
            day,
            "repair",
            f"feed repaired: {fault.name}",
            f"noticed after {record.num_requests:,} requests, {record.num_rows:,} "
            f"rows, {record.num_looks} windows",
        )
