"""Watches a prediction log: every window and slice against what was trained on.

report = monitor_log(PredictionLog(log_dir, "flights"), bundle, MonitorSettings())
for window in report.windows:
    for alarm in window.alarms:
        print(window.start, alarm.severity, alarm.message)
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from serving.monitoring.alarms import (
    brief_slice,
    correct_tests,
    feature_alarms,
    sort_alarms,
)
from serving.monitoring.baselines import Baselines
from serving.monitoring.coded_log import (
    CodedLog,
    Rows,
    code_log,
    from_micros,
    struct_columns,
    to_micros,
)
from serving.monitoring.compare_section import compare_features, compare_predictions
from serving.monitoring.decay import quality_alarms
from serving.monitoring.estimate import estimate_of
from serving.monitoring.estimate_calibration import Calibration, calibrations_of
from serving.monitoring.feature_noises import Noises
from serving.monitoring.feature_space import CategorySpace
from serving.monitoring.monitor_settings import (
    MonitorSettings,
    reference_window,
    window_length,
)
from serving.monitoring.quality import quality_of
from serving.monitoring.reference import MonitorReference
from serving.monitoring.report_format import (
    Deployment,
    FeatureFinding,
    MonitorReport,
    ReferenceFacts,
    Window,
)
from serving.monitoring.section import ALL_ROWS, Section
from serving.monitoring.training_reference import bundle_reference
from serving.monitoring.window_noise import MIN_PAIRS
from serving.prediction_log.log_reader import PredictionLog

_MAX_EXAMPLES = 3
_CALIBRATION_ROWS = 50_000


def monitor_log(
    log: PredictionLog,
    bundle_dir: Path,
    settings: MonitorSettings,
    since: datetime | None = None,
    until: datetime | None = None,
) -> MonitorReport:
    """Compares the windows of a log with a bundle.

    The rows are held in memory, about 0.3 KiB each; read a large log in parts.

    Args:
        log: Of the model; labels that came are joined.
        bundle_dir: Folder of the version to compare with.
        settings: Windows, slices, level and thresholds.
        since: Rows before it are left out, but those of a reference window; None: from
            the first one on.
        until: Rows from it on are left out; None: up to the last one.

    Raises:
        BundleRefusedError: bundle_dir is no bundle.
        ValueError: As monitor_table does.
    """
    reference = bundle_reference(bundle_dir)
    chosen = reference_window(settings.reference)
    start = since if chosen is None or since is None else min(since, chosen[0])
    clock: Any = settings.clock
    table = log.read(start, until, clock=clock, with_labels=True)
    return monitor_table(table, reference, settings, since)


def monitor_table(
    table: Any,
    reference: MonitorReference,
    settings: MonitorSettings,
    since: datetime | None = None,
    report_from: datetime | None = None,
) -> MonitorReport:
    """Compares the windows of a table with a reference.

    Args:
        table: See PredictionLog.read; may have no rows.
        reference: Of the bundle.
        settings: Windows, slices, level and thresholds.
        since: No window is reported that starts earlier: those rows only serve as
            reference window. None: all are.
        report_from: Windows that start earlier are not reported either, but count in
            all that later ones are compared with: a report of them exists already.
            None: all are.

    Raises:
        ValueError: The reference window has too few rows, or a slice is no feature of
            the log.
    """
    created_at = datetime.now(UTC)
    if not table.num_rows:
        return _report(reference, settings, created_at, (), None)
    coded = code_log(table, reference, settings)
    every = list(_windows(coded, settings, since))
    first = [sections[0] for sections in every[: MIN_PAIRS + 1]]
    baselines, noises = Baselines(coded, settings), Noises(coded, settings, first)
    windows: list[Window] = []
    for sections in every:
        if report_from is not None and sections[0].start < to_micros(report_from):
            _note_baselines(coded, sections, baselines, noises, settings)
        else:
            windows.extend(
                _monitor_window(coded, sections, baselines, noises, settings, reference)
            )
        noises.add(sections[0])
    report = _report(reference, settings, created_at, tuple(windows), coded)
    facts = dataclasses.replace(report.reference, predictions=baselines.predictions)
    return dataclasses.replace(report, reference=facts)


def _note_baselines(
    coded: CodedLog,
    sections: list[Section],
    baselines: Baselines,
    noises: Noises,
    settings: MonitorSettings,
) -> None:
    """Lets later windows be compared with these, as if they had been reported."""
    for section in sections:
        if section.slice:
            baselines.of_slice(section)
        compare_predictions(coded, section, baselines, noises, settings)


def _report(
    reference: MonitorReference,
    settings: MonitorSettings,
    created_at: datetime,
    windows: tuple[Window, ...],
    coded: CodedLog | None,
) -> MonitorReport:
    chosen = None if coded is None else coded.reference_rows
    return MonitorReport(
        model=reference.model,
        created_at=created_at,
        reference=ReferenceFacts(
            source=settings.reference,
            version=reference.version,
            bundle_digest=reference.bundle_digest,
            num_examples=reference.num_examples if chosen is None else len(chosen),
            predictions="",
            untested=dict(reference.untested if coded is None else coded.untested),
        ),
        settings=json.loads(json.dumps(dataclasses.asdict(settings))),
        windows=windows,
        deployments=() if coded is None else _deployments(coded),
    )


def _deployments(coded: CodedLog) -> tuple[Deployment, ...]:
    found = [
        (int(coded.micros[coded.versions == version].min()), int(version))
        for version in np.unique(coded.versions)
    ]
    return tuple(
        Deployment(time=from_micros(first), version=version)
        for first, version in sorted(found)
    )


def _windows(
    coded: CodedLog, settings: MonitorSettings, since: datetime | None
) -> Iterator[list[Section]]:
    """Yields the sections of each window that has rows: all rows, then the slices."""
    length = window_length(settings.window) // timedelta(microseconds=1)
    numbers = coded.micros // length
    order = np.argsort(numbers, kind="stable")
    present, first = np.unique(numbers[order], return_index=True)
    for number, rows in zip(present, np.split(order, first[1:]), strict=True):
        start = int(number) * length
        if since is not None and start < to_micros(since):
            continue
        whole = Section(start=start, end=start + length, slice=ALL_ROWS, rows=rows)
        yield [whole, *_slices(coded, whole, settings)]


def _slices(
    coded: CodedLog, whole: Section, settings: MonitorSettings
) -> Iterator[Section]:
    for feature, (values, places) in coded.slices.items():
        mine = places[whole.rows]
        counts = np.bincount(mine[mine >= 0], minlength=len(values))
        large = np.flatnonzero(counts >= settings.min_slice_rows)
        for place in sorted(large, key=values.__getitem__):
            yield dataclasses.replace(
                whole,
                slice=f"{feature}={values[place]}",
                rows=whole.rows[mine == place],
                share=float(counts[place] / len(whole.rows)),
            )


@dataclass(frozen=True, kw_only=True)
class _Found:
    """A section's findings; the prediction's is the last of them, if there is one."""

    findings: tuple[FeatureFinding, ...]
    has_prediction: bool


def _monitor_window(
    coded: CodedLog,
    sections: list[Section],
    baselines: Baselines,
    noises: Noises,
    settings: MonitorSettings,
    reference: MonitorReference,
) -> Iterator[Window]:
    found = []
    for section in sections:
        features = compare_features(coded, section, baselines, noises, settings)
        prediction = compare_predictions(coded, section, baselines, noises, settings)
        own = features if prediction is None else (*features, prediction)
        found.append(_Found(findings=own, has_prediction=prediction is not None))
    corrected = correct_tests([one.findings for one in found], settings)
    calibrations = _calibrations(coded, sections[0], settings)
    told: frozenset[tuple[str, str]] = frozenset()
    for section, one, findings in zip(sections, found, corrected, strict=True):
        prediction = findings.pop() if one.has_prediction else None
        window = _window(
            coded, section, (tuple(findings), prediction), settings, calibrations
        )
        if section.slice == ALL_ROWS:
            decayed = [
                alarm
                for quality in (window.quality, window.estimate)
                for alarm in quality_alarms(quality, reference.evaluation, settings)
            ]
            alarms = sort_alarms((*window.alarms, *decayed))
            yield dataclasses.replace(window, alarms=alarms)
            told = frozenset((alarm.kind, alarm.feature) for alarm in alarms)
        else:
            yield brief_slice(window, told)


def _calibrations(
    coded: CodedLog, whole: Section, settings: MonitorSettings
) -> Mapping[int, Calibration]:
    """What the labels of earlier rows teach of each version's probabilities."""
    if "label" not in coded.table.column_names:
        return {}
    before = np.flatnonzero(coded.micros < whole.start)
    if len(before) > _CALIBRATION_ROWS:
        latest = np.argpartition(coded.micros[before], -_CALIBRATION_ROWS)
        before = before[latest[-_CALIBRATION_ROWS:]]
    return calibrations_of(coded.table.take(pa.array(before)), settings)


def _window(
    coded: CodedLog,
    section: Section,
    found: tuple[tuple[FeatureFinding, ...], FeatureFinding | None],
    settings: MonitorSettings,
    calibrations: Mapping[int, Calibration],
) -> Window:
    features, prediction = found
    table = coded.table.take(pa.array(section.rows))
    findings = features if prediction is None else (*features, prediction)
    alarms = feature_alarms(
        findings, section.slice, settings, _unknown_examples(coded, section, findings)
    )
    labelled = "label" in table.column_names
    return Window(
        start=from_micros(section.start),
        end=from_micros(section.end),
        slice=section.slice,
        num_rows=len(section.rows),
        num_labelled=len(table) - table["label"].null_count if labelled else 0,
        versions=_version_rows(coded, section.rows),
        features=features,
        prediction=prediction,
        quality=quality_of(table, settings) if labelled else None,
        estimate=estimate_of(table, settings, calibrations) if calibrations else None,
        alarms=sort_alarms(alarms),
    )


def _version_rows(coded: CodedLog, rows: Rows) -> dict[str, int]:
    versions, counts = np.unique(coded.versions[rows], return_counts=True)
    pairs = zip(versions, counts, strict=True)
    return {str(version): int(count) for version, count in pairs}


def _unknown_examples(
    coded: CodedLog, section: Section, findings: tuple[FeatureFinding, ...]
) -> dict[str, list[str]]:
    """The most frequent unknown values of features with too many of them."""
    columns = struct_columns(coded.table, "inputs")
    examples = {}
    for finding in findings:
        if not any(test.alarmed and test.about == "unknown" for test in finding.tests):
            continue
        space = coded.references[finding.feature].space
        if not isinstance(space, CategorySpace):
            continue
        codes = coded.codes[finding.feature][section.rows]
        rows = pa.array(section.rows[codes == space.other])
        counted = pc.value_counts(columns[finding.feature].take(rows)).to_pylist()
        counted.sort(key=lambda entry: (-entry["counts"], entry["values"]))
        examples[finding.feature] = [
            entry["values"] for entry in counted[:_MAX_EXAMPLES]
        ]
    return examples
