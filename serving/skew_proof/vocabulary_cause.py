"""Infers from wrong ids which line of a vocabulary is another one where it was served.

A vocabulary's id is the number of its line, from 0. Rows whose id should be that of
line 8, and that were served with another, say that line 8 is not there any more, even
where the served copy of the file is out of reach.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.bundle import layout
from serving.skew_proof.file_differences import ASSETS, read_lines

_MAX_TOLD = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Vocabulary:
    """A vocabulary file.

    Attributes:
        path: Relative to the model's folder.
        lines: Its lines; line i stands for id i.
    """

    path: str
    lines: Sequence[str]


def read_vocabularies(model_dir: Path) -> list[Vocabulary]:
    """Returns the model's assets that are text."""
    found = []
    for relative, path in layout.list_files(model_dir).items():
        lines = read_lines(path) if relative.startswith(ASSETS) else None
        if lines is not None:
            found.append(Vocabulary(path=relative, lines=lines))
    return found


def infer_line(
    vocabularies: Sequence[Vocabulary],
    pairs: Mapping[tuple[int, int], int],
    raw: Mapping[str, Any],
    worst: tuple[int, int],
) -> str:
    """Returns the cause in words, without a full stop; "" if no file explains the ids.

    Args:
        vocabularies: Of the reference.
        pairs: (served, replayed) id to rows, of one feature.
        raw: Raw values of one row that differs.
        worst: Its (served, replayed) ids.
    """
    served, replayed = worst
    for vocabulary in vocabularies:
        lines = vocabulary.lines
        if 0 <= replayed < len(lines) and _is_about(lines[replayed], raw):
            return _in_words(vocabulary, pairs)
    # A value that the reference does not know is in none of its lines.
    if len(vocabularies) == 1 and 0 <= served < len(vocabularies[0].lines) <= replayed:
        return _in_words(vocabularies[0], pairs)
    return ""


def _is_about(line: str, raw: Mapping[str, Any]) -> bool:
    texts = [_text(value) for value in raw.values() if value not in (None, "")]
    return any(text in line for text in texts)


def _text(value: Any) -> str:
    is_whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if is_whole else str(value)


def _in_words(vocabulary: Vocabulary, pairs: Mapping[tuple[int, int], int]) -> str:
    size = len(vocabulary.lines)
    known = sorted({replayed for _, replayed in pairs if 0 <= replayed < size})
    if not known:
        served = sorted({served for served, _ in pairs if 0 <= served < size})
        lines = _lines(vocabulary, served)
        return f"where it was served, {lines} of {vocabulary.path} must be another"
    steps = {served - replayed for served, replayed in pairs if replayed < size}
    if len(known) > 1 and len(steps) == 1:
        step = steps.pop()
        what = "put in" if step > 0 else "taken out"
        return (
            f"where it was served, {abs(step)} line(s) of {vocabulary.path} were "
            f"{what} before {_lines(vocabulary, known[:1])}: all ids from there on are "
            f"off by {step:+d}"
        )
    return (
        f"where it was served, {_lines(vocabulary, known)} of {vocabulary.path} cannot "
        "be the same: rows that have it got another id"
    )


def _lines(vocabulary: Vocabulary, ids: Sequence[int]) -> str:
    told = [f"line {at + 1} ({vocabulary.lines[at]!r})" for at in ids[:_MAX_TOLD]]
    rest = len(ids) - len(told)
    return ", ".join(told) + (f" and {rest:,} more" if rest else "")
