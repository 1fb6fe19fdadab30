"""Which row of an earlier embedding table each row of a new one starts from.

The table, see models/flights/model.py, holds the buckets of each bucketed feature, the
vocabulary, then one out-of-vocabulary row for each category. A bucket is its place
among the training quantiles, so it keeps its number while its bounds move. A term that
the base did not know starts where the base would have looked it up: at its category's
out-of-vocabulary row.
"""

from collections.abc import Sequence

import numpy as np

from models.flights import features
from models.flights.model import NUM_BUCKET_SLOTS
from models.warm_start import TableRows

TABLES = ("wide/embeddings", "deep/embeddings")
NUM_BUCKET_ROWS = len(features.BUCKET_INPUT_KEYS) * NUM_BUCKET_SLOTS


def table_rows(base_terms: Sequence[bytes], terms: Sequence[bytes]) -> TableRows:
    """Returns where the rows of a new table come from.

    Args:
        base_terms: The base's vocabulary, UTF-8 such as b"carrier=UA", in order.
        terms: The new one.

    Raises:
        ValueError: A new term belongs to no category of the features.
    """
    known = {term: place for place, term in enumerate(base_terms)}
    num_categories = len(features.CATEGORY_KEYS)
    slots = range(len(base_terms), len(base_terms) + num_categories)
    places = [known.get(term, slots[_category_of(term)]) for term in terms]
    kept = sum(term in known for term in terms)
    sources = [
        *range(NUM_BUCKET_ROWS),
        *(NUM_BUCKET_ROWS + place for place in (*places, *slots)),
    ]
    return TableRows(
        sources=np.array(sources, np.int64),
        num_base_rows=NUM_BUCKET_ROWS + len(base_terms) + num_categories,
        counts={
            "terms_kept": kept,
            "terms_new": len(terms) - kept,
            "terms_gone": len(base_terms) - kept,
        },
    )


def _category_of(term: bytes) -> int:
    name = term.partition(b"=")[0].decode()
    if name not in features.CATEGORY_KEYS:
        raise ValueError(
            f"vocabulary term {term!r} belongs to no category; expected one that "
            "begins with the name of a category and '='."
        )
    return features.CATEGORY_KEYS.index(name)
