"""What a monitor found, and the JSON it is kept in.

    {"format_version": 1, "model": "flights", "created_at": "2013-11-02T00:00:00+00:00",
     "reference": {"source": "training", "version": 3, "bundle_digest": "ab…",
                   "num_examples": 78193, "predictions": "first window of version 3"},
     "settings": {…}, "deployments": [{"time": "…", "version": 3}], "skew": null,
     "windows": [{"start": "…", "end": "…", "slice": "", "num_rows": 921, …,
                  "features": [{"feature": "carrier", "kind": "categorical", …}],
                  "alarms": [{"id": "unknown:carrier", "severity": "critical", …}]}]}

Times are ISO 8601 with an offset. Shares and rates are 0 to 1. A null says that
nothing is known, never 0. Later readers read every format_version written before.
"""

import dataclasses
import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import AwareDatetime

from serving.bundle.strict_json import FormatError, decode, parse_json
from serving.monitoring.whole_file import write_whole

FORMAT_VERSION = 1

FeatureKind = Literal["numeric", "categorical"]
TestName = Literal[
    "ks", "psi", "jensen_shannon", "l_infinity", "chi_square", "binomial"
]
AlarmKind = Literal[
    "missing",
    "unknown",
    "range",
    "drift",
    "prediction",
    "quality",
    "estimate",
    "skew",
]
Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
"""In rising order."""

_STRICT = {"extra": "forbid"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A confidence interval; low <= high."""

    __pydantic_config__: ClassVar[Any] = _STRICT
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Test:
    """One comparison of a window with the reference.

    Attributes:
        name: The statistic.
        about: The alarm it may raise.
        statistic: How large the change is: a difference of shares for "binomial" (rate
            now less rate then, -1 to 1), the divergence itself for the others (>= 0).
        p_value: Probability of a change at least this large where nothing changed.
            None: it is not known.
        p_adjusted: After Holm's correction over every test of the window and of its
            slices. None where the p-value is.
        interval: Of the difference of rates; None for all but "binomial".
        threshold: The smallest change worth an alarm, same unit as the statistic.
        formula: The formula in words and numbers, bins and rows included.
        num_rows, reference_rows: Rows compared, missing ones left out where values
            are compared.
        alarmed: Whether the change is both proven and large enough.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    __test__: ClassVar[bool] = False  # pytest collects classes of this name
    name: TestName
    about: AlarmKind
    statistic: float
    p_value: float | None
    p_adjusted: float | None = None
    interval: Interval | None = None
    threshold: float
    formula: str
    num_rows: int
    reference_rows: int
    alarmed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Histogram:
    """Shares of the same bins then and now.

    Attributes:
        labels: One a bin: a value, "low … high" or "other values".
        reference_shares, shares: Of the rows that have a value; each adds up to 1, or
            is all 0 without such rows.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    labels: tuple[str, ...]
    reference_shares: tuple[float, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureFinding:
    """One feature, or the prediction, in one window.

    Attributes:
        feature: Name of the raw feature, or of the output.
        kind: Which tests fit it.
        num_rows: Rows of the window.
        missing_rate, reference_missing_rate: Shares of rows without a value.
        unknown_rate: Share of the values that no training row had. None for numbers,
            and where the reference does not list every value.
        reference_unknown_rate: What is to be expected of it; None likewise.
        out_of_range_rate: Share of the values outside the range; None for text.
        tests: See Test; empty if there were too few rows or nothing to compare with.
        impact: How far the change moves predictions at most, 0 to 1: the sum over bins
            of |share now - share then| * |mean prediction in the bin - mean|. None
            where there are no predictions to tell by.
        mean_shift: The same without absolute values: what it does to the mean
            prediction. None likewise.
        design_effect: Rows that count as one measurement of the values, >= 1. None:
            there were too few windows to tell, and rows count as independent.
        histogram: None where there is nothing to compare with.
        reference: What the feature is compared with, in words; "" is what the report's
            head says.
        note: Why something was not tested; "" otherwise.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    feature: str
    kind: FeatureKind
    num_rows: int
    missing_rate: float
    reference_missing_rate: float | None
    unknown_rate: float | None = None
    reference_unknown_rate: float | None = None
    out_of_range_rate: float | None = None
    tests: tuple[Test, ...] = ()
    impact: float | None = None
    mean_shift: float | None = None
    design_effect: float | None = None
    histogram: Histogram | None = None
    reference: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A metric with its confidence interval; None where it cannot be computed."""

    __pydantic_config__: ClassVar[Any] = _STRICT
    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Quality:
    """How good the predictions were, measured or estimated.

    Attributes:
        metrics: "auc", "log_loss", "calibration" (mean prediction by mean label), …
        coverage: Share of the window's rows whose labels have come; of an estimate,
            the share of rows it speaks for.
        num_rows: Rows it was computed from.
        is_estimate: Whether no labels were used.
        method: How intervals, or the whole estimate, were computed.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    metrics: dict[str, Measured]
    coverage: float
    num_rows: int
    is_estimate: bool = False
    method: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """Something a person should look at.

    Attributes:
        id: Kind, feature and slice: the same in each window in which it goes on.
        severity: How bad.
        kind: Of what.
        feature: "" for quality, estimate and the proof of skew as a whole.
        slice: "" for all rows, else "carrier=UA".
        message: A sentence with the numbers.
        value, threshold: What was measured, and the smallest value that alarms.
        impact: See FeatureFinding; None where it is not known.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    id: str
    severity: Severity
    kind: AlarmKind
    feature: str
    slice: str
    message: str
    value: float
    threshold: float
    impact: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """All rows, or one slice, of one stretch of time.

    Attributes:
        start, end: start is part of it, end is not.
        slice: "" for all rows, else "carrier=UA".
        num_rows: Predictions in it.
        num_labelled: Those whose labels have come.
        versions: Model version, as text, to its rows.
        features: In the contract's order.
        prediction: Of the probability; None where no row has one.
        quality: None where too few labels have come.
        estimate: None where it cannot be made.
        alarms: The worst first, then the largest impact.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    start: AwareDatetime
    end: AwareDatetime
    slice: str
    num_rows: int
    num_labelled: int
    versions: dict[str, int]
    features: tuple[FeatureFinding, ...]
    prediction: FeatureFinding | None
    quality: Quality | None
    estimate: Quality | None
    alarms: tuple[Alarm, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReferenceFacts:
    """What the windows are compared with.

    Attributes:
        source: "training", or "window START END".
        version: Of the bundle.
        bundle_digest: Its contract's digest; "" where there is no bundle.
        num_examples: Rows the reference was counted over.
        predictions: What the predictions are compared with, in words.
        untested: Feature to why something of it cannot be tested with this reference.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    source: str
    version: int
    bundle_digest: str
    num_examples: int
    predictions: str
    untested: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """The first time a version answered in the log."""

    __pydantic_config__: ClassVar[Any] = _STRICT
    time: AwareDatetime
    version: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SkewDifference:
    """A transformed feature, or output, that was not what the bundle's graph gives.

    Attributes:
        feature: Name of the transformed feature or output.
        num_rows: Rows in which it differs.
        example: One of them in words: request, row, served and replayed value.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    feature: str
    num_rows: int
    example: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SkewFeature:
    """One raw feature of the log against training, by TFDV's comparator.

    Attributes:
        feature: Its name.
        measure: "l_infinity" or "jensen_shannon".
        value, threshold: Measured, and the schema's limit.
        alarmed: Whether value is above threshold.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    feature: str
    measure: str
    value: float
    threshold: float
    alarmed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Skew:
    """Training-serving skew.

    Attributes:
        num_replayed: Logged rows whose transformed features were computed again.
        num_different: Those that differ anywhere.
        differences: By feature; empty if all agree.
        features: TFDV's comparison; empty if it did not run.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    num_replayed: int
    num_different: int
    differences: tuple[SkewDifference, ...] = ()
    features: tuple[SkewFeature, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class MonitorReport:
    """The whole of a report; see the module's docstring.

    Attributes:
        model: Name of the served model.
        created_at: UTC.
        reference: What it was compared with.
        settings: Of the monitor, as JSON has them.
        windows: By start, all rows before slices.
        skew: None where it was not looked for.
        deployments: In order of time.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    model: str
    created_at: AwareDatetime
    reference: ReferenceFacts
    settings: dict[str, Any]
    windows: tuple[Window, ...]
    skew: Skew | None = None
    deployments: tuple[Deployment, ...] = ()


def encode_report(report: MonitorReport) -> bytes:
    """Returns the report as JSON, UTF-8.

    Raises:
        ValueError: A number is NaN or infinite: whoever computed it had nothing to
            compute it from and should have said None.
    """
    document = {"format_version": FORMAT_VERSION, **dataclasses.asdict(report)}
    text = json.dumps(
        document,
        ensure_ascii=False,
        allow_nan=False,
        default=datetime.isoformat,
    )
    return f"{text}\n".encode()


def decode_report(text: bytes) -> MonitorReport:
    """Reads a report.

    Raises:
        FormatError: It is none, or one of a later format.
    """
    document = parse_json(text)
    version = document.pop("format_version", None)
    if version != FORMAT_VERSION or isinstance(version, bool):
        raise FormatError(
            f"format_version is {version!r}; expected {FORMAT_VERSION}. Read a newer "
            "report with the slipway that wrote it."
        )
    return decode(MonitorReport, document)


def write_report(report: MonitorReport, path: Path) -> None:
    """Writes a report so that a reader sees the old one or the new one, no half."""
    write_whole(path, encode_report(report))


def read_report(path: Path) -> MonitorReport:
    """Reads a report's file.

    Raises:
        OSError: It cannot be read.
        FormatError: As decode_report does.
    """
    return decode_report(path.read_bytes())
