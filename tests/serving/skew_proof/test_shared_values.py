"""What rows with another answer have in common."""

import numpy as np
import pyarrow as pa
import pytest

from serving.bundle.contract import RawFeature
from serving.skew_proof.logged_rows import LoggedRows
from serving.skew_proof.shared_values import SharedValues
from serving.skew_proof.vocabulary_cause import Vocabulary

FEATURES = tuple(
    RawFeature(name=name, dtype="string", example_type="BYTES", missing="")
    for name in ("carrier", "origin")
)
VOCABULARY = Vocabulary(path="assets/categories", lines=("origin=UA", "carrier=UA"))


def cause_of(*rows, vocabularies=(VOCABULARY,)):
    """Takes carrier, origin and whether the row differs."""
    inputs = pa.array([{"carrier": row[0], "origin": row[1]} for row in rows])
    logged = LoggedRows(table=pa.table({"inputs": inputs}), features=FEATURES)
    shared = SharedValues()
    shared.add(logged, np.array([row[2] for row in rows]))
    return shared.cause(vocabularies)


def test_a_value_that_all_of_them_and_no_others_have_is_the_cause():
    cause = cause_of(("UA", "JFK", True), ("UA", "EWR", True), ("B6", "JFK", False))
    assert cause == (
        "every row that differs has carrier='UA', as 2 rows do: look at line 2 "
        "('carrier=UA') of assets/categories"
    )


@pytest.mark.parametrize(
    "rows",
    [
        # A third of the rows of UA differ: it is not the carrier.
        [("UA", "JFK", True), ("UA", "JFK", False), ("UA", "JFK", False)],
        # One of the rows that differ has no carrier and no origin.
        [("UA", "JFK", True), (None, "", True)],
        # Too many values.
        [(name, name, True) for name in "ABCD"],
        [("UA", "JFK", False)],
    ],
)
def test_what_does_not_explain_all_rows_is_no_cause(rows):
    assert cause_of(*rows) == ""


def test_a_value_in_no_vocabulary_is_named_without_a_line():
    cause = cause_of(("UA", "A", True), ("B6", "A", False), vocabularies=())
    assert cause == "every row that differs has carrier='UA', as 1 rows do"
