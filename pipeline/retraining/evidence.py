"""What a decision is made of: data, monitoring and earlier runs, as plain values."""

from dataclasses import dataclass
from datetime import datetime

BLESSED_STATES = ("pushed", "unchanged")
REFUSED_STATES = ("not blessed", "stopped", "failed")
CONCLUDED_STATES = (*BLESSED_STATES, "not blessed", "stopped")


@dataclass(frozen=True, kw_only=True, slots=True)
class SpanFact:
    """One span.

    Attributes:
        span: Its number.
        digest: SHA-256 over its files.
        num_rows: Its rows.
    """

    span: int
    digest: str
    num_rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AlarmFact:
    """One alarm on all rows of a window.

    Attributes:
        kind: The monitor's kind, such as "drift".
        feature: The feature, or the output that is predicted.
        value: The statistic that alarmed.
        threshold: What it was held against.
        impact: How far it moves predictions at most, 0 to 1; None: not known.
    """

    kind: str
    feature: str
    value: float
    threshold: float
    impact: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricFact:
    """One metric of a window, with its interval.

    Attributes:
        metric: Its name.
        value, low, high: The metric and the ends of its interval.
        num_rows: Rows it was computed on.
        is_estimate: True where it was not measured on labels.
    """

    metric: str
    value: float
    low: float
    high: float
    num_rows: int
    is_estimate: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowFact:
    """One window of the prediction log that the judged version answered.

    Attributes:
        start, end: Its bounds, UTC; `end` is exclusive.
        num_rows: Rows in it, >= 1.
        alarms: On all rows, not on slices.
        metrics: Measured ones, then estimates.
    """

    start: datetime
    end: datetime
    num_rows: int
    alarms: tuple[AlarmFact, ...] = ()
    metrics: tuple[MetricFact, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportFact:
    """A monitor report.

    Attributes:
        path: The file it was read from; "" where the monitor ran for the decision.
        sha256: Of its bytes as JSON.
        created_at: When it was made, UTC.
        version: The version its windows are judged against.
        windows: Oldest first.
    """

    path: str
    sha256: str
    created_at: datetime
    version: int
    windows: tuple[WindowFact, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What is known at the moment of a decision.

    Attributes:
        spans: The spans the run would read, oldest first.
        data_digest: SHA-256 over their contents.
        code_digest: SHA-256 over the sources, settings and schema that decide what a
            run makes of its data.
        report: The monitor's; None: nobody gave one.
        going_on: Ids of runs that are going on in the work folder.
        asked: Why a person asks for a run; "": nobody asks.
    """

    spans: tuple[SpanFact, ...]
    data_digest: str
    code_digest: str
    report: ReportFact | None = None
    going_on: tuple[str, ...] = ()
    asked: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PastRun:
    """A run that is over, whoever started it.

    Attributes:
        run_id: Its id.
        started_at: UTC.
        state: How it ended, see pipeline/run_record.py.
        reason: The state in one sentence.
        span_digests: Digests of the spans it read; empty where it read none.
        data_digest: As Evidence's; "" where it read none.
        code_digest: As Evidence's; "" for a run of an early version.
    """

    run_id: str
    started_at: datetime
    state: str
    reason: str = ""
    span_digests: frozenset[str] = frozenset()
    data_digest: str = ""
    code_digest: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """What happened before.

    Attributes:
        runs: Whole runs that are over, oldest first.
        starts: When retraining started a run, whether or not it lived; in any order.
    """

    runs: tuple[PastRun, ...] = ()
    starts: tuple[datetime, ...] = ()

    @property
    def last_blessed(self) -> PastRun | None:
        """The newest run that ended with a blessed model."""
        return _newest(self.runs, BLESSED_STATES)

    @property
    def last_concluded(self) -> PastRun | None:
        """The newest run that reached a verdict on its data or its model."""
        return _newest(self.runs, CONCLUDED_STATES)

    @property
    def refused(self) -> tuple[PastRun, ...]:
        """The newest runs in a row without a blessed model, newest first.

        Runs that a person or a signal ended say nothing and are passed over.
        """
        found = []
        for run in reversed(self.runs):
            if run.state in BLESSED_STATES:
                break
            if run.state in REFUSED_STATES:
                found.append(run)
        return tuple(found)


def _newest(runs: tuple[PastRun, ...], states: tuple[str, ...]) -> PastRun | None:
    return next((run for run in reversed(runs) if run.state in states), None)


def new_spans(evidence: Evidence, run: PastRun | None) -> tuple[SpanFact, ...]:
    """Returns the spans of which a run has not read these very contents."""
    known = run.span_digests if run else frozenset()
    return tuple(span for span in evidence.spans if span.digest not in known)
