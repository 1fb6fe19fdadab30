"""Puts a finding into words: what is wrong, what was expected, what to do."""

from dataclasses import dataclass

from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from components.anomaly_gate import anomaly_kinds as kinds
from components.anomaly_gate.domains import Domain
from components.anomaly_gate.finding import WHOLE_DATASET, Finding
from components.anomaly_gate.outside_values import OutsideValues
from components.anomaly_gate.severities import SeverityRules
from components.schema_curator.declared_features import type_in_words

REMEDIES = {
    kinds.MISSING_COLUMN: "Bring the column back at the source and write the span "
    "anew; if it is gone for good, take the feature out of the schema",
    kinds.WRONG_TYPE: "Fix the source and write the span anew; if the new form is "
    "right, change the feature in the schema",
    kinds.TOO_MANY_MISSING: "Fix the source and write the span anew; if so many gaps "
    "are normal, lower presence.min_fraction in the schema",
    kinds.OUT_OF_DOMAIN: "If the new values are right, add them to the domain in the "
    "schema; otherwise fix the source and write the span anew",
    kinds.OUT_OF_RANGE: "If the values are right, widen the range in the schema; "
    "otherwise fix the source and write the span anew",
    kinds.NEW_COLUMN: "To use the column, add it to the schema; otherwise no stage "
    "reads it",
    kinds.DRIFT: "If the change is real, train on newer spans or raise the "
    "comparator's threshold in the schema; otherwise fix the source and write the span "
    "anew",
    kinds.OTHER: "Fix the source and write the span anew, or change the schema",
}

# Below it a share rounds to 0.0 %.
_LEAST_SHOWN = 0.0005

_TYPE_OF_STATISTICS = {
    statistics_pb2.FeatureNameStatistics.STRING: schema_pb2.BYTES,
    statistics_pb2.FeatureNameStatistics.BYTES: schema_pb2.BYTES,
    statistics_pb2.FeatureNameStatistics.INT: schema_pb2.INT,
    statistics_pb2.FeatureNameStatistics.FLOAT: schema_pb2.FLOAT,
    statistics_pb2.FeatureNameStatistics.STRUCT: schema_pb2.STRUCT,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """One feature of one split.

    Attributes:
        split: "train" or "eval".
        name: Name of the feature; WHOLE_DATASET for the split.
        num_rows: Rows in the split.
        feature: What the schema says. None: nothing.
        statistics: What the data holds. None: no such column.
    """

    split: str
    name: str
    num_rows: int
    feature: schema_pb2.Feature | None = None
    statistics: statistics_pb2.FeatureNameStatistics | None = None

    @property
    def label(self) -> str:
        """How a sentence begins: "carrier (train)"."""
        return f"{self.name or 'dataset'} ({self.split})"

    @property
    def num_present(self) -> int:
        """Rows in which the feature has a value."""
        if self.statistics is None:
            return 0
        holds = self.statistics.WhichOneof("stats")
        if holds is None:
            return 0
        present: int = getattr(self.statistics, holds).common_stats.num_non_missing
        return present


def explain_outside(
    subject: Subject, domain: Domain, outside: OutsideValues, rules: SeverityRules
) -> Finding:
    """Returns the finding about values outside a feature's domain or range."""
    fraction = outside.fraction
    verb = "is" if outside.count == 1 else "are"
    place = "domain" if domain.kind == kinds.OUT_OF_DOMAIN else "range"
    examples = ", ".join(outside.examples)
    return Finding(
        split=subject.split,
        feature=subject.name,
        kind=domain.kind,
        severity=rules.severity(domain.kind, fraction),
        count=outside.count,
        total=outside.total,
        fraction=fraction,
        examples=outside.examples,
        expected=domain.in_words,
        sentence=(
            f"{subject.label}: {outside.bound}{outside.count:,} of {outside.total:,} "
            f"values ({percent(fraction)}) {verb} outside its {place}"
            + (f", for example {examples}" if examples else "")
            + (f"; observed {outside.observed}" if outside.observed else "")
            + f"; expected {domain.in_words}; {_allowance(rules)}"
        ),
        remedy=REMEDIES[domain.kind],
    )


def explain_anomaly(
    subject: Subject, kind: str, description: str, rules: SeverityRules
) -> Finding:
    """Returns the finding about what TFDV reported, counted where rows are concerned.

    Args:
        subject: Where it was found.
        kind: One of KINDS.
        description: TFDV's own words.
        rules: What each kind does.
    """
    count, expected, sentence = _count_and_say(subject, kind, description)
    total = None if count is None else subject.num_rows
    return Finding(
        split=subject.split,
        feature=subject.name,
        kind=kind,
        severity=rules.severity(kind, None),
        count=count,
        total=total,
        fraction=count / total if count is not None and total else None,
        expected=expected,
        sentence=f"{subject.label}: {sentence}",
        remedy=REMEDIES[kind],
    )


def _allowance(rules: SeverityRules) -> str:
    share = rules.max_out_of_domain_fraction
    return f"at most {percent(share)} is allowed" if share else "none is allowed"


def percent(fraction: float) -> str:
    """Returns a share in [0, 1] as "3.2 %", and never rounds a rest away."""
    return "<0.1 %" if 0 < fraction < _LEAST_SHOWN else f"{100 * fraction:.1f} %"


def _count_and_say(
    subject: Subject, kind: str, description: str
) -> tuple[int | None, str, str]:
    """Returns count, expectation and sentence."""
    if subject.name != WHOLE_DATASET:
        if kind == kinds.NEW_COLUMN:
            return _new_column(subject)
        if kind in (kinds.MISSING_COLUMN, kinds.TOO_MANY_MISSING):
            return _missing(subject, kind, description)
        if kind == kinds.WRONG_TYPE and _types_differ(subject):
            return _wrong_type(subject)
    return None, "", description


def _missing(
    subject: Subject, kind: str, description: str
) -> tuple[int | None, str, str]:
    expected = _presence_in_words(subject)
    missing = subject.num_rows - subject.num_present
    if kind == kinds.MISSING_COLUMN:
        what = "the column is not in the data"
        if subject.statistics is not None:
            what = "the column holds no value"
        sentence = f"{what}, so it is missing from all {missing:,} rows"
        return missing, expected, f"{sentence}; expected {expected}"
    if not expected or not missing:
        return None, expected, description
    share = percent(missing / subject.num_rows)
    sentence = f"missing from {missing:,} of {subject.num_rows:,} rows ({share})"
    return missing, expected, f"{sentence}; expected {expected}"


def _presence_in_words(subject: Subject) -> str:
    if subject.feature is None:
        return ""
    words: str = type_in_words(subject.feature.type)
    presence = subject.feature.presence
    if subject.num_present < presence.min_fraction * subject.num_rows:
        if presence.min_fraction >= 1:
            return f"{words} in every row"
        return f"{words} in at least {percent(presence.min_fraction)} of the rows"
    return f"{words} in at least {presence.min_count:,} rows"


def _types_differ(subject: Subject) -> bool:
    if subject.feature is None or subject.statistics is None:
        return False
    found = _TYPE_OF_STATISTICS[subject.statistics.type]
    return bool(found != subject.feature.type)


def _wrong_type(subject: Subject) -> tuple[int | None, str, str]:
    assert subject.feature is not None  # noqa: S101  _types_differ has looked.
    assert subject.statistics is not None  # noqa: S101
    found = type_in_words(_TYPE_OF_STATISTICS[subject.statistics.type])
    expected = type_in_words(subject.feature.type)
    count = subject.num_present
    sentence = f"holds {found} in {count:,} of {subject.num_rows:,} rows"
    return count, expected, f"{sentence}; expected {expected}"


def _new_column(subject: Subject) -> tuple[int | None, str, str]:
    what = "a column"
    if subject.statistics is not None:
        what = type_in_words(_TYPE_OF_STATISTICS[subject.statistics.type])
    sentence = (
        f"the schema does not know the column; it holds {what} in "
        f"{subject.num_present:,} of {subject.num_rows:,} rows"
    )
    return subject.num_present, "no such column", sentence
