"""What makes a row worth keeping: the kinds of rows that a golden batch must hold.

A trait is a kind of row: "carrier=AA", "wind_gust_mph missing", "missing together:
plane_year, plane_seats", "answer late". Rows are chosen so that every trait is there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

# A feature with more values than this is no list of categories but a list of names:
# some of its values stand for the others.
MAX_CATEGORIES = 128
STANDING_FOR_ALL = 16

ANSWER, MISSING, CATEGORY, PATTERN = "answer", "missing", "category", "pattern"

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, order=True)
class Trait:
    """A kind of row.

    Attributes:
        kind: ANSWER, MISSING, CATEGORY or PATTERN.
        feature: The feature it is about; "" for the other kinds.
        value: Category, class, or the features that are missing together.
    """

    kind: str
    feature: str
    value: str

    @property
    def in_words(self) -> str:
        """The trait as a person reads it."""
        if self.kind == CATEGORY:
            return f"{self.feature}={self.value}"
        if self.kind == MISSING:
            return f"{self.feature} missing"
        if self.kind == PATTERN:
            return f"missing together: {self.value or 'nothing'}"
        return f"answer {self.value}"


@dataclass(kw_only=True, slots=True)
class TraitFinder:
    """Finds the traits of rows in a stream of batches.

    Attributes:
        features: Raw features, in order.
        categorical: Those of them whose values are categories.
        seen: Traits found so far.
        num_values: Categorical feature to the number of its values found so far.
    """

    features: Sequence[str]
    categorical: frozenset[str]
    seen: set[Trait] = field(default_factory=set)
    num_values: dict[str, int] = field(default_factory=dict)

    def find_new(self, batch: pa.RecordBatch) -> Iterator[tuple[int, Trait]]:
        """Yields the first row and the trait, for each not seen in earlier batches.

        Args:
            batch: Columns of lists with at most one value, as tf.Examples decode.
        """
        for trait, rows in self.find_all(batch):
            if trait not in self.seen:
                self.seen.add(trait)
                if trait.kind == CATEGORY:
                    known = self.num_values.get(trait.feature, 0)
                    self.num_values[trait.feature] = known + 1
                yield int(rows[0]), trait

    def find_all(self, batch: pa.RecordBatch) -> Iterator[tuple[Trait, Rows]]:
        """Yields each trait of a batch with its rows, in ascending order."""
        missing = {name: ~_is_present(batch, name) for name in self.features}
        for name, is_missing in missing.items():
            if is_missing.any():
                yield Trait(MISSING, name, ""), np.flatnonzero(is_missing)
            if name in self.categorical and not is_missing.all():
                yield from self._find_categories(batch, name)
        yield from self._find_patterns(missing)

    def is_list_of_names(self, feature: str) -> bool:
        """Tells whether a feature has too many values to be categories."""
        return self.num_values.get(feature, 0) > MAX_CATEGORIES

    def _find_categories(
        self, batch: pa.RecordBatch, name: str
    ) -> Iterator[tuple[Trait, Rows]]:
        if self.is_list_of_names(name):
            return
        column = batch.column(name)
        rows = pc.list_parent_indices(column).to_numpy(zero_copy_only=False)
        encoded = column.flatten().dictionary_encode()
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        values = encoded.dictionary.to_pylist()
        for code, places in _group(codes):
            yield Trait(CATEGORY, name, _as_text(values[code])), rows[places]

    def _find_patterns(
        self, missing: Mapping[str, npt.NDArray[np.bool_]]
    ) -> Iterator[tuple[Trait, Rows]]:
        table = np.stack([missing[name] for name in self.features], axis=1)
        _, first, codes = np.unique(
            np.packbits(table, axis=1), axis=0, return_index=True, return_inverse=True
        )
        for code, rows in _group(codes.reshape(-1)):
            together = [
                name
                for name, is_missing in zip(
                    self.features, table[first[code]], strict=True
                )
                if is_missing
            ]
            yield Trait(PATTERN, "", ", ".join(together)), rows


def _group(codes: npt.NDArray[Any]) -> Iterator[tuple[int, Rows]]:
    """Yields each code with the places where it stands, by first place."""
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    groups = np.split(order, starts[1:])
    for places in sorted(groups, key=lambda group: int(group[0])):
        yield int(codes[places[0]]), places


def _is_present(batch: pa.RecordBatch, name: str) -> npt.NDArray[np.bool_]:
    place = batch.schema.get_field_index(name)
    if place < 0 or pa.types.is_null(batch.schema.field(place).type):
        return np.zeros(batch.num_rows, dtype=bool)
    lengths = pc.fill_null(pc.list_value_length(batch.column(place)), 0)
    return np.asarray(lengths.to_numpy(zero_copy_only=False) > 0)


def _as_text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
