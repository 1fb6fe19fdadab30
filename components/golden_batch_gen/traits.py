"""What makes a row worth keeping: the kinds of rows that a golden batch must hold.

A trait is a kind of row: "carrier=AA", "wind_gust_mph missing", "missing together:
plane_year, plane_seats", "answer late". Rows are chosen so that every trait is there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

# A feature with more values than this is no list of categories but a list of names:
# some of its values stand for the others.
MAX_CATEGORIES = 128
STANDING_FOR_ALL = 16

ANSWER, MISSING, CATEGORY, PATTERN = "answer", "missing", "category", "pattern"


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
    """Finds the first row of every trait in a stream of batches.

    Attributes:
        features: Raw features, in order.
        categorical: Those of them whose values are categories.
        seen: Traits found so far, per feature for CATEGORY.
    """

    features: Sequence[str]
    categorical: frozenset[str]
    seen: set[Trait] = field(default_factory=set)
    num_values: dict[str, int] = field(default_factory=dict)

    def find(self, batch: pa.RecordBatch) -> Iterator[tuple[int, Trait]]:
        """Yields the row and the trait, for each trait not seen in earlier batches.

        Args:
            batch: Columns of lists with at most one value, as tf.Examples decode.
        """
        present = {name: _is_present(batch, name) for name in self.features}
        for name in self.features:
            yield from self._find_missing(name, present[name])
            if name in self.categorical and present[name].any():
                yield from self._find_categories(batch, name)
        yield from self._find_patterns(present)

    def is_list_of_names(self, feature: str) -> bool:
        """Tells whether a feature has too many values to be categories."""
        return self.num_values.get(feature, 0) > MAX_CATEGORIES

    def _find_missing(
        self, name: str, present: npt.NDArray[np.bool_]
    ) -> Iterator[tuple[int, Trait]]:
        trait = Trait(MISSING, name, "")
        if trait not in self.seen and not present.all():
            self.seen.add(trait)
            yield int(np.argmin(present)), trait

    def _find_categories(
        self, batch: pa.RecordBatch, name: str
    ) -> Iterator[tuple[int, Trait]]:
        if self.is_list_of_names(name):
            return
        column = batch.column(name)
        rows = pc.list_parent_indices(column).to_numpy(zero_copy_only=False)
        encoded = column.flatten().dictionary_encode()
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        _, first = np.unique(codes, return_index=True)
        values = encoded.dictionary.to_pylist()
        for place in first:
            trait = Trait(CATEGORY, name, _as_text(values[codes[place]]))
            if trait not in self.seen:
                self.seen.add(trait)
                self.num_values[name] = self.num_values.get(name, 0) + 1
                yield int(rows[place]), trait

    def _find_patterns(
        self, present: Mapping[str, npt.NDArray[np.bool_]]
    ) -> Iterator[tuple[int, Trait]]:
        missing = ~np.stack([present[name] for name in self.features], axis=1)
        packed = np.packbits(missing, axis=1)
        _, first = np.unique(packed, axis=0, return_index=True)
        for row in sorted(int(place) for place in first):
            together = [
                name
                for name, is_missing in zip(self.features, missing[row], strict=True)
                if is_missing
            ]
            trait = Trait(PATTERN, "", ", ".join(together))
            if trait not in self.seen:
                self.seen.add(trait)
                yield row, trait


def _is_present(batch: pa.RecordBatch, name: str) -> npt.NDArray[np.bool_]:
    place = batch.schema.get_field_index(name)
    if place < 0 or pa.types.is_null(batch.schema.field(place).type):
        return np.zeros(batch.num_rows, dtype=bool)
    lengths = pc.fill_null(pc.list_value_length(batch.column(place)), 0)
    return np.asarray(lengths.to_numpy(zero_copy_only=False) > 0)


def _as_text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
