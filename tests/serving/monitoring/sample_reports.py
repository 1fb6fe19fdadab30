"""Reports made by hand: what alerts, page and metrics are tested with."""

from datetime import UTC, datetime, timedelta

from serving.monitoring.report_format import (
    Alarm,
    Deployment,
    FeatureFinding,
    Histogram,
    Interval,
    Measured,
    MonitorReport,
    Quality,
    ReferenceFacts,
    Test,
    Window,
)

FIRST_DAY = datetime(2013, 7, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def day(number):
    """Start of the first, second, … day of July."""
    return FIRST_DAY + DAY * (number - 1)


def unknown_test(rate=0.3, *, alarmed=True, about="unknown"):
    return Test(
        name="binomial",
        about=about,
        statistic=rate,
        p_value=0.00012,
        p_adjusted=0.0034,
        interval=Interval(low=rate - 0.05, high=rate + 0.05),
        threshold=0.02,
        formula="rate now - rate then; Newcombe's interval, n = 921",
        num_rows=921,
        reference_rows=78_193,
        alarmed=alarmed,
    )


def feature(name="carrier", **changes):
    """A feature of text with 30 % unknown values, unless told otherwise."""
    fields = {
        "feature": name,
        "kind": "categorical",
        "num_rows": 921,
        "missing_rate": 0.0,
        "reference_missing_rate": 0.0,
        "unknown_rate": 0.3,
        "reference_unknown_rate": 0.0,
        "tests": (unknown_test(),),
        "impact": 0.02,
        "mean_shift": -0.01,
        "histogram": Histogram(
            labels=("UA", "DL", "other values"),
            reference_shares=(0.6, 0.4, 0.0),
            shares=(0.45, 0.25, 0.3),
        ),
    }
    return FeatureFinding(**{**fields, **changes})


def numeric(name="temp_f", **changes):
    """A feature of numbers that did not change."""
    fields = {
        "kind": "numeric",
        "unknown_rate": None,
        "reference_unknown_rate": None,
        "out_of_range_rate": 0.0,
        "impact": 0.001,
        "tests": (unknown_test(0.0, alarmed=False, about="missing"),),
        "histogram": Histogram(
            labels=("0 … 10", "10 … 20", "20 … 30"),
            reference_shares=(0.2, 0.5, 0.3),
            shares=(0.2, 0.4, 0.4),
        ),
    }
    return feature(name, **{**fields, **changes})


def quality(auc=0.71, *, is_estimate=False):
    return Quality(
        metrics={
            "auc": Measured(value=auc, low=auc - 0.02, high=auc + 0.02),
            "log_loss": Measured(value=0.5, low=0.48, high=0.52),
        },
        coverage=0.9,
        num_rows=830,
        is_estimate=is_estimate,
        method="bootstrap",
    )


def alarm(kind="unknown", feature="carrier", severity="warning", **changes):
    slice_name = changes.pop("slice", "")
    name = ":".join(part for part in (kind, feature, slice_name) if part)
    fields = {
        "id": name,
        "severity": severity,
        "kind": kind,
        "feature": feature,
        "slice": slice_name,
        "message": f"{feature} has 30.0% unknown values of 921 rows.",
        "value": 0.3,
        "threshold": 0.02,
        "impact": 0.02,
    }
    return Alarm(**{**fields, **changes})


def window(number, *alarms, **changes):
    """The window of the first, second, … of July, with these alarms."""
    fields = {
        "start": day(number),
        "end": day(number + 1),
        "slice": "",
        "num_rows": 921,
        "num_labelled": 830,
        "versions": {"3": 921},
        "features": (feature(), numeric()),
        "prediction": numeric("probability"),
        "quality": quality(),
        "estimate": quality(0.7, is_estimate=True),
        "alarms": alarms,
    }
    return Window(**{**fields, **changes})


def calm_window(number, **changes):
    """A window that was tested and has no alarm."""
    calm = feature(
        unknown_rate=0.0, tests=(unknown_test(0.0, alarmed=False),), impact=0.001
    )
    return window(number, **{"features": (calm, numeric()), **changes})


def report(*windows, **changes):
    fields = {
        "model": "flights",
        "created_at": day(20),
        "reference": ReferenceFacts(
            source="training",
            version=3,
            bundle_digest="ab12cd34ef56789012",
            num_examples=78_193,
            predictions="first window of version 3",
        ),
        "settings": {"window": "1d", "level": 0.01, "effects": {"psi": 0.1}},
        "windows": windows,
        "deployments": (Deployment(time=day(1), version=3),),
    }
    return MonitorReport(**{**fields, **changes})
