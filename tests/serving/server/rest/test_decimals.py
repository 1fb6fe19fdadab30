"""Floats in TF Serving's notation."""

import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.server.rest.decimals import float32_text, float64_text, float_texts


def expected(value: float, *, is_double: bool) -> str:
    """The rule as json_tensor.cc's WriteDecimal words it, one step after another."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    text = f"{value:.6g}"
    read = float(text) if is_double else float(np.float32(float(text)))
    if read != value:
        text = f"{value:.17g}" if is_double else f"{value:.9g}"
    return text if "." in text or "e" in text else text + ".0"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (2.5, "2.5"),
        (-3.0, "-3.0"),
        (0.1, "0.1"),
        (0.2, "0.2"),
        (123456.0, "123456.0"),
        (999999.0, "999999.0"),
        (1e6, "1e+06"),
        (9e6, "9e+06"),
        (1234567.0, "1234567.0"),
        (555557.5, "555557.5"),
        (16777216.0, "16777216.0"),
        (0.0003, "0.0003"),
        (0.00003, "3e-05"),
        (1e20, "1e+20"),
        (1 / 3, "0.333333343"),
        (0.123456789, "0.123456791"),
        (3.4028234663852886e38, "3.40282347e+38"),
        (1e-45, "1.4013e-45"),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
    ],
)
def test_float32(value, text):
    single = np.float32(value)
    assert float32_text(float(single)) == text
    assert float_texts(np.array([single])) == [text]
    assert float_texts(np.full((7, 9), single)) == [text] * 63


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (1 / 3, "0.33333333333333331"),
        (123456789.0, "123456789.0"),
        (1e15, "1e+15"),
        (1e15 + 1, "1000000000000001.0"),
        (1e300, "1e+300"),
        (2.0**70, "1.1805916207174113e+21"),
    ],
)
def test_float64(value, text):
    assert float64_text(value) == text
    assert float_texts(np.full(50, value)) == [text] * 50


def test_float16_is_printed_as_its_float32():
    assert float_texts(np.array([0.5, 0.1], np.float16)) == ["0.5", "0.0999755859"]


@pytest.mark.parametrize("is_double", [False, True])
def test_many_at_a_time_equal_one_at_a_time(is_double):
    """Random bits, round decimals and their neighbours."""
    generator = np.random.default_rng(0)
    bits = np.uint64 if is_double else np.uint32
    dtype = np.float64 if is_double else np.float32
    raw = generator.integers(0, np.iinfo(bits).max, 30_000, bits).view(dtype)
    digits = generator.integers(1, 10**7, 30_000)
    scales = 10.0 ** generator.integers(-30, 30, 30_000)
    round_ones = (digits * scales).astype(dtype)
    near = np.nextafter(round_ones, dtype(0))
    values = np.concatenate([raw, round_ones, near, -round_ones])
    texts = float_texts(values)
    for value, text in zip(values.tolist(), texts, strict=True):
        assert text == expected(value, is_double=is_double)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=300, deadline=None)
def test_a_text_reads_back_as_the_same_float32(bits):
    [value] = struct.unpack("f", struct.pack("I", bits))
    text = float32_text(value)
    assert text == expected(value, is_double=False)
    if math.isfinite(value):
        assert np.float32(float(text)) == np.float32(value)


def test_nothing():
    assert float_texts(np.zeros(0, np.float32)) == []
