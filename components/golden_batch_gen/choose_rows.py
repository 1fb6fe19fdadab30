"""Chooses few rows that together have every trait."""

from collections.abc import Mapping, Sequence

from components.golden_batch_gen.traits import (
    ANSWER,
    CATEGORY,
    MISSING,
    PATTERN,
    STANDING_FOR_ALL,
    Trait,
    TraitFinder,
)

# Where rows have no room for everything, the first of these goes first.
_ORDER = (ANSWER, MISSING, CATEGORY, PATTERN)


def worth_keeping(finder: TraitFinder, traits: Sequence[Trait]) -> list[Trait]:
    """Leaves out most values of features that have too many to be categories."""
    kept = []
    of_names: dict[str, int] = {}
    for trait in traits:
        if trait.kind == CATEGORY and finder.is_list_of_names(trait.feature):
            of_names[trait.feature] = of_names.get(trait.feature, 0) + 1
            if of_names[trait.feature] > STANDING_FOR_ALL:
                continue
        kept.append(trait)
    return kept


def choose_rows(
    rows_by_trait: Mapping[Trait, set[int]], max_rows: int
) -> tuple[list[int], list[Trait]]:
    """Covers traits with rows, greedily: the row that adds most comes next.

    Args:
        rows_by_trait: For each trait the rows that have it, at least one.
        max_rows: Rows at most.

    Returns:
        The chosen rows in ascending order, and the traits that found no room.
    """
    traits_by_row: dict[int, set[Trait]] = {}
    for trait, rows in rows_by_trait.items():
        for row in rows:
            traits_by_row.setdefault(row, set()).add(trait)
    chosen: list[int] = []
    covered: set[Trait] = set()
    for kind in _ORDER:
        open_traits = {trait for trait in rows_by_trait if trait.kind == kind}
        while (open_traits - covered) and len(chosen) < max_rows:
            wanted = open_traits - covered
            best = max(
                traits_by_row,
                key=lambda row: (  # ties: whoever adds more at all, then the earliest
                    len(traits_by_row[row] & wanted),
                    len(traits_by_row[row] - covered),
                    -row,
                ),
            )
            chosen.append(best)
            covered |= traits_by_row.pop(best)
    return sorted(chosen), sorted(set(rows_by_trait) - covered)
