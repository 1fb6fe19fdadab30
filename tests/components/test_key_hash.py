"""A key's hash is the published one, on every machine."""

import numpy as np
import pyarrow as pa
import pytest

from components.columnar_example_gen.key_hash import unit_hashes
from data.spans import DataContractError

MASK = 2**64 - 1


def by_hand(text):
    """FNV-1a and fmix64 as published, in Python's own integers."""
    number = 0xCBF29CE484222325
    for byte in text.encode():
        number = ((number ^ byte) * 0x100000001B3) & MASK
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        number = ((number ^ (number >> 33)) * factor) & MASK
    return ((number ^ (number >> 33)) >> 11) / 2**53


def test_hash_is_the_published_one():
    texts = ["", "a", "foobar", "naïve", "x" * 300]

    assert unit_hashes(pa.array(texts), "k").tolist() == [by_hand(t) for t in texts]


def test_first_step_is_fnv_1a():
    # Test vector of the FNV page: FNV-1a of "foobar" is 0x85944171f73967e8.
    number = 0xCBF29CE484222325
    for byte in b"foobar":
        number = ((number ^ byte) * 0x100000001B3) & MASK
    assert number == 0x85944171F73967E8


def test_numbers_hash_as_their_text_and_slices_as_their_rows():
    numbers = pa.array([5, 17, 5, -3])

    expected = [by_hand(text) for text in ("17", "5", "-3")]
    assert unit_hashes(numbers.slice(1), "k").tolist() == expected
    texts = pa.array(["5", "17", "5", "-3"]).slice(1)
    assert unit_hashes(texts, "k").tolist() == expected


def test_hashes_are_spread_evenly():
    hashes = unit_hashes(pa.array([f"flight-{n}" for n in range(10_000)]), "k")

    counts, _ = np.histogram(hashes, bins=10, range=(0, 1))
    # Five standard deviations of a binomial count with n = 10,000, p = 0.1.
    assert abs(counts - 1000).max() < 5 * (10_000 * 0.1 * 0.9) ** 0.5


def test_key_whose_text_could_change_is_refused():
    with pytest.raises(DataContractError, match=r"'k' has type double .* by its hash"):
        unit_hashes(pa.array([1.5]), "k")
