"""Compares a window, or one slice of it, feature by feature."""

import dataclasses

import numpy as np

from serving.monitoring.baselines import Baselines
from serving.monitoring.coded_log import CodedLog
from serving.monitoring.compare_feature import compare_feature
from serving.monitoring.comparison import Comparison
from serving.monitoring.feature_noises import Noises
from serving.monitoring.feature_space import count_codes
from serving.monitoring.monitor_settings import MonitorSettings
from serving.monitoring.reference import from_counts
from serving.monitoring.report_format import FeatureFinding
from serving.monitoring.row_reference import unbounded_space
from serving.monitoring.section import Section


def compare_features(
    coded: CodedLog,
    section: Section,
    baselines: Baselines,
    noises: Noises,
    settings: MonitorSettings,
) -> tuple[FeatureFinding, ...]:
    """Returns what is found of each feature, in the contract's order."""
    is_enough = len(section.rows) >= settings.min_rows
    baseline = baselines.of_slice(section) if section.slice else None
    findings = []
    for name, reference in coded.references.items():
        compared, note = reference, ""
        if section.slice:
            rows = baseline.rows if baseline else section.rows[:0]
            compared = reference.recounted(coded.codes[name][rows])
        if not is_enough:
            note = f"{len(section.rows)} rows; expected {settings.min_rows} to test"
        elif section.slice and baseline is None:
            note = f"first window of {section.slice}: later ones are compared with it"
        finding = compare_feature(
            Comparison(
                reference=compared,
                counts=count_codes(coded.codes[name][section.rows], reference.space),
                sensitivity=coded.sensitivities[name],
                settings=settings,
                effects=noises.of(name, section.share),
            ),
            is_tested=not note,
        )
        findings.append(
            dataclasses.replace(
                finding, note=note, reference=baseline.text if baseline else ""
            )
        )
    return tuple(findings)


def compare_predictions(
    coded: CodedLog,
    section: Section,
    baselines: Baselines,
    noises: Noises,
    settings: MonitorSettings,
) -> FeatureFinding | None:
    """Returns what is found of the predictions of the version with the most rows.

    Its impact is how far the mean prediction moved. None where no row has a
    prediction.
    """
    if np.isnan(coded.predictions[section.rows]).all():
        return None
    versions, counts = np.unique(coded.versions[section.rows], return_counts=True)
    version = int(versions[counts.argmax()])
    rows = section.rows[coded.versions[section.rows] == version]
    now = coded.predictions[rows]
    baseline = baselines.of_predictions(section, version)
    is_tested = baseline is not None and len(rows) >= settings.min_rows
    then = coded.predictions[baseline.rows] if baseline is not None else now[:0]
    space = unbounded_space(then)
    reference = from_counts(
        settings.output, space, count_codes(space.encode_values(then), space)
    )
    finding = compare_feature(
        Comparison(
            reference=reference,
            counts=count_codes(space.encode_values(now), space),
            sensitivity=None,
            settings=settings,
            effects=noises.of(settings.output, section.share),
            about="prediction",
        ),
        is_tested=is_tested,
    )
    shift = _mean(now) - _mean(then) if is_tested else None
    return dataclasses.replace(
        finding,
        impact=None if shift is None else abs(shift),
        mean_shift=shift,
        reference=baseline.text if baseline else "",
        note="" if is_tested else f"version {version}: nothing earlier to compare with",
    )


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean(dtype=np.float64)) if len(known) else 0.0
