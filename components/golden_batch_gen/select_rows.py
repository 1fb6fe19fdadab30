"""Selects golden rows from a split, in one pass and bounded memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from components.columnar_examples.batch_source import read_examples
from components.golden_batch_gen.choose_rows import choose_rows, worth_keeping
from components.golden_batch_gen.traits import ANSWER, Trait, TraitFinder

BATCH_ROWS = 4096
# Beside the rows that stand for something, the first rows of the split stand for the
# ordinary ones.
MIN_ROWS = 64

Answer = Callable[[npt.NDArray[Any]], Sequence[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """What was selected.

    Attributes:
        examples: Serialized tf.Examples, in the order of the split.
        left_out: Traits that found no room, in words.
    """

    examples: tuple[bytes, ...]
    left_out: tuple[str, ...]


@dataclass(kw_only=True, slots=True)
class _Candidates:
    """Rows seen so far that may be chosen."""

    examples: dict[int, bytes] = field(default_factory=dict)
    traits: dict[Trait, int] = field(default_factory=dict)

    def add(self, row: int, example: bytes, trait: Trait | None = None) -> None:
        self.examples[row] = example
        if trait is not None:
            self.traits[trait] = row


def select_rows(
    files: Sequence[str],
    *,
    features: Sequence[str],
    categorical: frozenset[str],
    answer: Answer,
    max_rows: int,
) -> Selection:
    """Selects rows that have every category, missing-value pattern and answer.

    Args:
        files: Gzipped TFRecords of tf.Examples.
        features: Raw features, in order.
        categorical: Those whose values are categories.
        answer: Serialized tf.Examples [rows] to the model's label of each.
        max_rows: Rows at most.
    """
    finder = TraitFinder(features=features, categorical=categorical)
    candidates = _Candidates()
    start = 0
    for examples, batch in _read(files, features):
        if start < MIN_ROWS:
            for row in range(min(MIN_ROWS, len(examples))):
                candidates.add(start + row, examples[row])
        for row, trait in finder.find_new(batch):
            candidates.add(start + row, examples[row], trait)
        _find_answers(candidates, answer, examples, start)
        start += len(examples)
    return _choose(candidates, finder, answer, max_rows)


def _find_answers(
    candidates: _Candidates,
    answer: Answer,
    examples: npt.NDArray[Any],
    start: int,
    enough: int = 2,
) -> None:
    """Looks for a row of each class until two classes were seen."""
    if sum(trait.kind == ANSWER for trait in candidates.traits) >= enough:
        return
    for row, label in enumerate(answer(examples)):
        trait = Trait(ANSWER, "", label)
        if trait not in candidates.traits:
            candidates.add(start + row, examples[row], trait)


def _choose(
    candidates: _Candidates, finder: TraitFinder, answer: Answer, max_rows: int
) -> Selection:
    rows = sorted(candidates.examples)
    examples = np.array([candidates.examples[row] for row in rows], dtype=object)
    traits = worth_keeping(finder, list(candidates.traits))
    rows_by_trait = {trait: {candidates.traits[trait]} for trait in traits}
    _add_carriers(rows_by_trait, finder, rows, examples)
    if rows:
        for row, label in zip(rows, answer(examples), strict=True):
            rows_by_trait.setdefault(Trait(ANSWER, "", label), set()).add(row)
    chosen, left_out = choose_rows(rows_by_trait, max_rows)
    ordinary = [row for row in rows if row not in set(chosen)]
    missing = max(0, min(MIN_ROWS, max_rows) - len(chosen))
    chosen = sorted([*chosen, *ordinary[:missing]])
    return Selection(
        examples=tuple(candidates.examples[row] for row in chosen),
        left_out=tuple(trait.in_words for trait in left_out),
    )


def _add_carriers(
    rows_by_trait: dict[Trait, set[int]],
    finder: TraitFinder,
    rows: Sequence[int],
    examples: npt.NDArray[Any],
) -> None:
    """Adds to each trait the other candidates that have it."""
    from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

    alone = TraitFinder(features=finder.features, categorical=finder.categorical)
    batch = ExamplesToRecordBatchDecoder().DecodeBatch(examples.tolist())
    for trait, places in alone.find_all(batch):
        if trait in rows_by_trait:
            rows_by_trait[trait].update(rows[place] for place in places)


def _read(files: Sequence[str], features: Sequence[str]) -> Iterator[tuple[Any, Any]]:
    for path in sorted(files):
        for examples, batch in read_examples(path, BATCH_ROWS, features):
            yield examples.numpy(), batch
