"""Joins what TFDV flagged with what the statistics show into one list of findings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from components.anomaly_gate.anomaly_kinds import (
    COUNTED_KINDS,
    KINDS,
    OTHER,
    kind_of,
)
from components.anomaly_gate.domains import Domain, declared_domain
from components.anomaly_gate.explain import Subject, explain_anomaly, explain_outside
from components.anomaly_gate.finding import WHOLE_DATASET, Finding
from components.anomaly_gate.outside_values import EXACTLY, OutsideValues, find_outside
from components.anomaly_gate.severities import IGNORE, SeverityRules
from components.schema_curator.declared_features import is_validated

type Count = Callable[
    [Mapping[str, Domain], Mapping[str, OutsideValues], Mapping[str, int]],
    Mapping[str, OutsideValues],
]


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitEvidence:
    """What is known about one split.

    Attributes:
        split: "train" or "eval".
        anomalies: ExampleValidator's findings.
        statistics: StatisticsGen's, one dataset.
        count: Counts values in the rows (count_values.count_outside). None: the rows
            are not at hand; counts of numbers are then bounds.
    """

    split: str
    anomalies: anomalies_pb2.Anomalies
    statistics: statistics_pb2.DatasetFeatureStatistics
    count: Count | None = None


def judge_split(
    evidence: SplitEvidence, schema: schema_pb2.Schema, rules: SeverityRules
) -> list[Finding]:
    """Returns the findings of one split, ignored kinds left out.

    Order: the split as a whole, then the schema's features in its order, then
    others by name; of one feature, by kind.
    """
    subjects = _Subjects(evidence, schema)
    flagged = _flagged(evidence.anomalies)
    domains = _domains(schema)
    outside = _measure(evidence, subjects, domains)
    findings = [
        explain_outside(subjects.of(name), domains[name], values, rules)
        for name, values in outside.items()
    ]
    findings += [
        explain_anomaly(subjects.of(name), kind, "; ".join(texts), rules)
        for (name, kind), texts in flagged.items()
        if not (kind in COUNTED_KINDS and name in outside)
    ]
    kept = [finding for finding in findings if finding.severity != IGNORE]
    return sorted(
        kept,
        key=lambda finding: (
            *subjects.place(finding.feature),
            KINDS.index(finding.kind),
        ),
    )


class _Subjects:
    """Looks up a feature's schema entry and statistics by name."""

    def __init__(self, evidence: SplitEvidence, schema: schema_pb2.Schema) -> None:
        self._evidence = evidence
        self._features = {feature.name: feature for feature in schema.feature}
        self._places = {name: place for place, name in enumerate(self._features)}
        self.statistics = {_name(part): part for part in evidence.statistics.features}

    def of(self, name: str) -> Subject:
        return Subject(
            split=self._evidence.split,
            name=name,
            num_rows=self._evidence.statistics.num_examples,
            feature=self._features.get(name),
            statistics=self.statistics.get(name),
        )

    def place(self, name: str) -> tuple[int, str]:
        first = -1 if name == WHOLE_DATASET else len(self._places)
        return self._places.get(name, first), name


def _name(part: statistics_pb2.FeatureNameStatistics) -> str:
    return part.name or ".".join(part.path.step)


def _flagged(anomalies: anomalies_pb2.Anomalies) -> dict[tuple[str, str], list[str]]:
    """Returns (feature, kind) to TFDV's descriptions."""
    flagged: dict[tuple[str, str], list[str]] = {}

    def note(feature: str, info: anomalies_pb2.AnomalyInfo) -> None:
        for reason in info.reason or [info]:
            kind = OTHER
            text = reason.description.strip() or reason.short_description
            if isinstance(reason, anomalies_pb2.AnomalyInfo.Reason):
                type_name = anomalies_pb2.AnomalyInfo.Type.Name(reason.type)
                kind = kind_of(type_name)
                if kind == OTHER:
                    text = f"{text.removesuffix('.')} ({type_name})"
            text = text[:1].lower() + text[1:].removesuffix(".")
            flagged.setdefault((feature, kind), []).append(text)

    if anomalies.data_missing:
        flagged[WHOLE_DATASET, OTHER] = ["the split holds no rows"]
    if anomalies.HasField("dataset_anomaly_info"):
        note(WHOLE_DATASET, anomalies.dataset_anomaly_info)
    for key, info in anomalies.anomaly_info.items():
        note(".".join(info.path.step) or key, info)
    return flagged


def _domains(schema: schema_pb2.Schema) -> dict[str, Domain]:
    domains = {}
    for feature in schema.feature:
        domain = declared_domain(schema, feature)
        if domain and is_validated(feature):
            domains[feature.name] = domain
    return domains


def _measure(
    evidence: SplitEvidence, subjects: _Subjects, domains: Mapping[str, Domain]
) -> dict[str, OutsideValues]:
    """Returns feature to its values outside, exact where that can be had."""
    outside: dict[str, OutsideValues] = {}
    for name, domain in domains.items():
        statistics = subjects.statistics.get(name)
        if statistics is not None and (found := find_outside(statistics, domain)):
            outside[name] = found
    inexact = {name: part for name, part in outside.items() if part.bound != EXACTLY}
    if inexact and evidence.count:
        types = {name: subjects.statistics[name].type for name in inexact}
        exact = evidence.count(domains, inexact, types)
        outside = {
            name: exact.get(name, part)
            for name, part in outside.items()
            if name not in inexact or name in exact
        }
    return {name: part for name, part in outside.items() if part.count}


def judge(
    splits: Sequence[SplitEvidence], schema: schema_pb2.Schema, rules: SeverityRules
) -> list[Finding]:
    """Returns the findings of all splits, split by split."""
    return [
        finding for split in splits for finding in judge_split(split, schema, rules)
    ]
