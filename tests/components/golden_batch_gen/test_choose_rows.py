"""Few rows have every kind of row, worked out by hand."""

import pyarrow as pa

from components.golden_batch_gen.choose_rows import choose_rows, worth_keeping
from components.golden_batch_gen.traits import (
    ANSWER,
    CATEGORY,
    MAX_CATEGORIES,
    MISSING,
    PATTERN,
    STANDING_FOR_ALL,
    Trait,
    TraitFinder,
)

LATE, ON_TIME = Trait(ANSWER, "", "late"), Trait(ANSWER, "", "on_time")
AA, UA = Trait(CATEGORY, "carrier", "AA"), Trait(CATEGORY, "carrier", "UA")
NO_MILES = Trait(MISSING, "miles", "")


def finder(*categorical):
    return TraitFinder(
        features=("carrier", "miles"), categorical=frozenset(categorical)
    )


def batch(rows):
    return pa.RecordBatch.from_pydict(
        {
            "carrier": pa.array([row[0] for row in rows], pa.large_list(pa.binary())),
            "miles": pa.array([row[1] for row in rows], pa.large_list(pa.float32())),
        }
    )


def test_first_row_of_every_kind_is_found_once():
    found = finder("carrier")
    rows = [([b"AA"], [1.0]), ([b"AA"], []), ([b"UA"], [2.0]), (None, [3.0])]

    first = {trait: row for row, trait in found.find_new(batch(rows))}
    again = list(found.find_new(batch(rows)))

    assert first == {
        AA: 0,
        UA: 2,
        Trait(MISSING, "carrier", ""): 3,
        NO_MILES: 1,
        Trait(PATTERN, "", ""): 0,
        Trait(PATTERN, "", "miles"): 1,
        Trait(PATTERN, "", "carrier"): 3,
    }
    assert again == []


def test_all_rows_of_a_kind_are_found_in_order():
    rows = [([b"UA"], [1.0]), ([b"AA"], []), ([b"UA"], []), ([b"AA"], [2.0])]
    found = {t: list(r) for t, r in finder("carrier").find_all(batch(rows))}
    assert found == {
        AA: [1, 3],
        UA: [0, 2],
        NO_MILES: [1, 2],
        Trait(PATTERN, "", ""): [0, 3],
        Trait(PATTERN, "", "miles"): [1, 2],
    }


def test_values_of_a_number_are_no_categories():
    kinds = {trait.kind for _, trait in finder().find_new(batch([([b"AA"], [1.0])]))}
    assert kinds == {PATTERN}


def test_column_that_is_absent_is_missing_everywhere():
    only_carrier = batch([([b"AA"], [1.0])]).select(["carrier"])
    assert NO_MILES in [trait for _, trait in finder().find_new(only_carrier)]


def test_feature_with_too_many_values_keeps_some_that_stand_for_all():
    found = finder("carrier")
    rows = [([f"N{place}".encode()], [1.0]) for place in range(MAX_CATEGORIES + 1)]
    traits = [trait for _, trait in found.find_new(batch(rows))]

    assert found.is_list_of_names("carrier")
    kept = [t for t in worth_keeping(found, traits) if t.kind == CATEGORY]
    assert len(kept) == STANDING_FOR_ALL


def test_one_row_that_has_everything_is_enough():
    rows = {LATE: {4, 9}, AA: {4}, NO_MILES: {4, 7}}
    assert choose_rows(rows, max_rows=10) == ([4], [])


def test_every_trait_is_covered_and_rows_are_in_order():
    rows = {LATE: {9}, ON_TIME: {3}, AA: {3, 9}, UA: {5}}
    assert choose_rows(rows, max_rows=10) == ([3, 5, 9], [])


def test_without_room_answers_come_first_and_the_rest_is_named():
    rows = {LATE: {9}, ON_TIME: {3}, UA: {5}, NO_MILES: {6}}
    chosen, left_out = choose_rows(rows, max_rows=2)

    assert chosen == [3, 9]
    assert [trait.in_words for trait in left_out] == ["carrier=UA", "miles missing"]


def test_traits_read_as_sentences():
    assert LATE.in_words == "answer late"
    assert Trait(PATTERN, "", "a, b").in_words == "missing together: a, b"
    assert Trait(PATTERN, "", "").in_words == "missing together: nothing"
