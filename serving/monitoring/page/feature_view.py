"""What the page says of one feature: impact, rates, distributions, tests."""

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from serving.monitoring.page.histogram_chart import ValueRow, columns, value_rows
from serving.monitoring.page.numbers import (
    NOTHING,
    count,
    number,
    percent,
    points,
)
from serving.monitoring.report_format import (
    SEVERITIES,
    Alarm,
    FeatureFinding,
    Test,
    Window,
)

TEST_NAMES = {
    "ks": "Kolmogorov-Smirnov",
    "psi": "Population stability index",
    "jensen_shannon": "Jensen-Shannon divergence",
    "l_infinity": "L-infinity distance",
    "chi_square": "Chi-square (Cohen's w)",
    "binomial": "Difference of rates",
}
_ALL_BINS = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class RateRow:
    """One rate then and now, in words."""

    name: str
    then: str
    now: str
    is_alarmed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class TestRow:
    """One test in words; see report_format.Test."""

    __test__ = False  # pytest collects classes of this name
    name: str
    about: str
    statistic: str
    threshold: str
    p_value: str
    p_adjusted: str
    interval: str
    rows: str
    formula: str
    is_alarmed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureView:
    """One feature as the template shows it.

    Attributes:
        name: Of the feature.
        kind: numeric or categorical.
        severity: Of its gravest alarm in the window; "" if none.
        impact: In words.
        impact_width: Percent of the largest one's bar.
        mean_shift: Of the mean prediction, in percentage points, in words.
        headline: What changed most, in a few words.
        rates: Missing, unknown, outside the range.
        columns: The picture of a numeric feature; None: values are shown as rows.
        value_rows: Values or bins, the frequent ones.
        all_rows: All of them; empty where value_rows has them all.
        tests: All tests.
        reference, note: See FeatureFinding.
    """

    name: str
    kind: str
    severity: str
    impact: str
    impact_width: float
    mean_shift: str
    headline: str
    rates: tuple[RateRow, ...]
    columns: Markup | None
    value_rows: tuple[ValueRow, ...]
    all_rows: tuple[ValueRow, ...]
    tests: tuple[TestRow, ...]
    reference: str
    note: str


def feature_views(window: Window) -> list[FeatureView]:
    """Returns the window's features, those with the largest impact first.

    Where no impact is known, graver alarms come first, then the contract's order.
    """
    most = max((finding.impact or 0.0 for finding in window.features), default=0.0)
    views = [
        (finding, _view(finding, _alarms_of(finding, window), most, f"f{place}"))
        for place, finding in enumerate(window.features)
    ]
    views.sort(key=lambda pair: (-(pair[0].impact or 0.0), -_rank(pair[1].severity)))
    return [view for _, view in views]


def prediction_view(window: Window) -> FeatureView | None:
    """Returns the same of the prediction; None where there is none."""
    if window.prediction is None:
        return None
    alarms = [alarm for alarm in window.alarms if alarm.kind == "prediction"]
    return _view(window.prediction, alarms, 0.0, "prediction")


def _alarms_of(finding: FeatureFinding, window: Window) -> list[Alarm]:
    return [
        alarm
        for alarm in window.alarms
        if alarm.feature == finding.feature and alarm.kind != "prediction"
    ]


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity else -1


def _view(
    finding: FeatureFinding, alarms: list[Alarm], most: float, chart_id: str
) -> FeatureView:
    histogram = finding.histogram
    rows = value_rows(histogram) if histogram else []
    every = value_rows(histogram, _ALL_BINS) if histogram else []
    is_numeric = histogram is not None and finding.kind == "numeric"
    shift = finding.mean_shift
    return FeatureView(
        name=finding.feature,
        kind=finding.kind,
        severity=max((alarm.severity for alarm in alarms), key=_rank, default=""),
        impact=number(finding.impact),
        impact_width=round((finding.impact or 0.0) / most * 100, 2) if most else 0.0,
        mean_shift=NOTHING if shift is None else points(shift),
        headline=_headline(finding, alarms),
        rates=tuple(_rates(finding, {alarm.kind for alarm in alarms})),
        columns=columns(histogram, finding.feature, chart_id)
        if is_numeric and histogram and histogram.labels
        else None,
        value_rows=tuple(rows),
        all_rows=tuple(every) if is_numeric or len(every) > len(rows) else (),
        tests=tuple(_test_row(test) for test in finding.tests),
        reference=finding.reference,
        note=finding.note,
    )


def _headline(finding: FeatureFinding, alarms: list[Alarm]) -> str:
    said = {
        "missing": f"{percent(finding.missing_rate)} missing",
        "unknown": f"{percent(finding.unknown_rate)} unknown",
        "range": f"{percent(finding.out_of_range_rate)} out of range",
        "drift": "distribution changed",
        "prediction": "predictions changed",
        "skew": "not as in training",
    }
    kinds = dict.fromkeys(alarm.kind for alarm in alarms)
    return ", ".join(said[kind] for kind in kinds if kind in said)


def _rates(finding: FeatureFinding, kinds: set[str]) -> Iterable[RateRow]:
    yield RateRow(
        name="missing",
        then=percent(finding.reference_missing_rate),
        now=percent(finding.missing_rate),
        is_alarmed="missing" in kinds,
    )
    if finding.unknown_rate is not None:
        yield RateRow(
            name="unknown",
            then=percent(finding.reference_unknown_rate),
            now=percent(finding.unknown_rate),
            is_alarmed="unknown" in kinds,
        )
    if finding.out_of_range_rate is not None:
        yield RateRow(
            name="out of range",
            then=NOTHING,
            now=percent(finding.out_of_range_rate),
            is_alarmed="range" in kinds,
        )


def _test_row(test: Test) -> TestRow:
    interval = test.interval
    return TestRow(
        name=TEST_NAMES[test.name],
        about=test.about,
        statistic=number(test.statistic),
        threshold=number(test.threshold),
        p_value=number(test.p_value),
        p_adjusted=number(test.p_adjusted),
        interval=f"{number(interval.low)} to {number(interval.high)}"
        if interval
        else NOTHING,
        rows=f"{count(test.num_rows)} / {count(test.reference_rows)}",
        formula=test.formula,
        is_alarmed=test.alarmed,
    )
