"""What the gate found, and the error that stops a run and says all of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from components.anomaly_gate.anomaly_kinds import KINDS
from components.anomaly_gate.severities import STOP
from data.errors import list_in_words

WHOLE_DATASET = ""
MAX_SHOWN = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One way in which one feature of one split breaks the schema.

    Attributes:
        split: "train" or "eval".
        feature: Name of the feature; WHOLE_DATASET for the split as a whole.
        kind: One of anomaly_kinds.KINDS.
        severity: "stop" or "warn".
        count: Rows or values concerned. None: not counted.
        total: Rows or values there are. None: not counted.
        fraction: count / total, in [0, 1]. None: not counted.
        examples: At most five values with their counts, as "'ZZ' (300)", most
            frequent first.
        expected: What the schema asks for, in words.
        sentence: All of it for a person, without a full stop's follow-up.
        remedy: What to do about it.
    """

    split: str
    feature: str
    kind: str
    severity: str
    count: int | None = None
    total: int | None = None
    fraction: float | None = None
    examples: tuple[str, ...] = ()
    expected: str = ""
    sentence: str
    remedy: str


class AnomalyGateError(RuntimeError):
    """The data breaks the schema and the run must not go on.

    TFX deletes the outputs of a failed component, so the text and the attributes
    carry everything. It survives pickling, as from a worker process.

    Attributes:
        findings: All findings, those that only warn included.
        exit_code: What the command line ends with.
    """

    exit_code = 3

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__(_render(stopping_findings(findings)))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.findings,)


def stopping_findings(findings: Sequence[Finding]) -> list[Finding]:
    """Returns the findings that stop a run, in order."""
    return [finding for finding in findings if finding.severity == STOP]


def _render(stopping: Sequence[Finding]) -> str:
    return " ".join([_head(stopping), *_sentences(stopping)])


def _head(stopping: Sequence[Finding]) -> str:
    num_features = len({finding.feature for finding in stopping} - {WHOLE_DATASET})
    where = [f"in {num_features} feature{'s' if num_features != 1 else ''}"]
    if any(finding.feature == WHOLE_DATASET for finding in stopping):
        where = [*where, "as a whole"] if num_features else ["as a whole"]
    return f"the data breaks the schema {' and '.join(where)}, the run stops here."


def _sentences(stopping: Sequence[Finding]) -> Iterator[str]:
    """Yields the sentences kind by kind, a remedy once after those it is good for."""
    ordered = sorted(stopping, key=lambda finding: KINDS.index(finding.kind))
    shown = ordered[:MAX_SHOWN]
    for index, finding in enumerate(shown):
        yield f"{finding.sentence}."
        following = shown[index + 1].remedy if index + 1 < len(shown) else None
        if finding.remedy != following:
            yield f"{finding.remedy}."
    if rest := ordered[MAX_SHOWN:]:
        names = [
            f"{finding.feature or 'dataset'} ({finding.split})" for finding in rest
        ]
        yield f"{len(rest)} more: {list_in_words(names)}."
