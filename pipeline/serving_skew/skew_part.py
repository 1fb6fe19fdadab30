"""Puts skew into a monitor's report: what was proven, what was compared, the alarms."""

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

from serving.monitoring.alarms import alarm_id, sort_alarms
from serving.monitoring.report_format import (
    Alarm,
    MonitorReport,
    Skew,
    SkewDifference,
    SkewFeature,
)
from serving.skew_proof.proof_report import BundleProof, SkewProof

if TYPE_CHECKING:  # needs TFDV
    from pipeline.serving_skew.compare_statistics import Distributions


def skew_of(proof: SkewProof, distributions: "Distributions | None" = None) -> Skew:
    """Returns the report's part of a proof.

    Args:
        proof: Of the same log.
        distributions: TFDV's comparison; None: it was not made.
    """
    return Skew(
        num_replayed=sum(bundle.num_transformed for bundle in proof.bundles),
        num_different=sum(bundle.num_differing for bundle in proof.bundles),
        differences=tuple(
            SkewDifference(
                feature=column.column,
                num_rows=column.num_differing,
                example=column.sentence,
            )
            for bundle in proof.bundles
            for column in bundle.columns
        ),
        features=distributions.features if distributions else (),
    )


def skew_alarms(
    proof: SkewProof, distributions: "Distributions | None" = None
) -> tuple[Alarm, ...]:
    """Returns an alarm for each file, column and distribution that differs.

    A file or a value that is another is critical: the model is not the one that was
    evaluated. A distribution is a warning: rows may be right and the world changed.
    """
    found = [alarm for bundle in proof.bundles for alarm in _proof_alarms(bundle)]
    if distributions is not None:
        found += [
            _distribution_alarm(feature, distributions.num_rows)
            for feature in distributions.features
            if feature.alarmed
        ]
    return sort_alarms(found)


def with_skew(
    report: MonitorReport,
    proof: SkewProof,
    distributions: "Distributions | None" = None,
) -> MonitorReport:
    """Returns the report with its skew, and the alarms in its last window of all rows.

    Args:
        report: Without skew; one without windows gets the part and no alarms.
        proof: Of the same log.
        distributions: Likewise; None: not compared.
    """
    alarms = skew_alarms(proof, distributions)
    windows = list(report.windows)
    whole = [place for place, window in enumerate(windows) if not window.slice]
    if whole:
        last = windows[whole[-1]]
        windows[whole[-1]] = dataclasses.replace(
            last, alarms=sort_alarms([*last.alarms, *alarms])
        )
    return dataclasses.replace(
        report, windows=tuple(windows), skew=skew_of(proof, distributions)
    )


def _proof_alarms(bundle: BundleProof) -> Iterator[Alarm]:
    for file in bundle.files:
        yield Alarm(
            id=alarm_id("skew", file.path, ""),
            severity="critical",
            kind="skew",
            feature="",
            slice="",
            message=f"version {bundle.version}: {file.sentence}",
            value=1.0,
            threshold=1.0,
        )
    for column in bundle.columns:
        cause = f"; {column.cause}" if column.cause else ""
        yield Alarm(
            id=alarm_id("skew", column.column, ""),
            severity="critical",
            kind="skew",
            feature=column.column,
            slice="",
            message=f"version {bundle.version}: {column.sentence}{cause}",
            value=float(column.num_differing),
            threshold=1.0,
        )


def _distribution_alarm(feature: SkewFeature, num_rows: int) -> Alarm:
    measure = feature.measure.replace("_", " ")
    return Alarm(
        id=alarm_id("skew", feature.feature, ""),
        severity="warning",
        kind="skew",
        feature=feature.feature,
        slice="",
        message=(
            f"{feature.feature} is served otherwise distributed than it was in "
            f"training: {measure} {feature.value:.3f} over {num_rows:,} logged rows, "
            f"the schema allows {feature.threshold:g}"
        ),
        value=feature.value,
        threshold=feature.threshold,
    )
