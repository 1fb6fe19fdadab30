"""Many floats are looked at by numpy as a few are by Python."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.server.rest import clean_values
from serving.server.rest.input_plan import InputPlan
from serving.server.rest.tensor_types import element_type
from tests.serving.server.fake_backend import DOUBLE, FLOAT

MANY = clean_values._FEW + 1
NUMBERS = st.one_of(
    st.integers(-(2**24), 2**24),
    st.integers(2**53 - 2, 2**53 + 2),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.floats(width=32, allow_nan=False),
    st.none(),
    st.booleans(),
    st.just("text"),
)


def plan_of(kind, *, is_nullable=True):
    return InputPlan(name="x", element=element_type(kind), is_nullable=is_nullable)


def as_a_few(values, plan):
    """The same, looked at by Python."""
    known, clean_values._FEW = clean_values._FEW, len(values)
    try:
        return clean_values.clean_tensor(values, plan)
    finally:
        clean_values._FEW = known


def check(values, plan):
    many, few = clean_values.clean_tensor(values, plan), as_a_few(values, plan)
    if few is None:
        assert many is None
    else:
        assert many.dtype == few.dtype
        assert many.tobytes() == few.tobytes()
    return many


@given(
    st.lists(NUMBERS, min_size=1, max_size=4),
    st.sampled_from([FLOAT, DOUBLE]),
    st.booleans(),
)
@settings(max_examples=500, deadline=None)
def test_many_are_as_few(values, kind, is_nullable):
    check((values * MANY)[:MANY], plan_of(kind, is_nullable=is_nullable))


@pytest.mark.parametrize("kind", [FLOAT, DOUBLE])
@pytest.mark.parametrize("sign", [1, -1])
def test_limits(kind, sign):
    plan = plan_of(kind)
    whole, largest = plan.element.max_whole, plan.element.high
    assert check([sign * whole] * MANY, plan) is not None
    assert check([sign * (whole + 1)] + [1] * MANY, plan) is None
    assert check([sign * float(whole + 1)] + [1.5] * MANY, plan) is not None
    assert check([sign * largest] + [1.5] * MANY, plan) is not None
    assert check([sign * largest] + [1] * MANY, plan) is None
    assert check([sign * float("inf")] * MANY, plan) is None
    assert check([sign * 10**400] + [1.5] * MANY, plan) is None


def test_missing_values():
    plan = plan_of(FLOAT)
    assert np.isnan(check([None] * MANY, plan)).all()
    assert np.isnan(check([1.5, None] * MANY, plan)).sum() == MANY
    assert check([1.5, None] * MANY, plan_of(FLOAT, is_nullable=False)) is None
    assert check([True] * MANY, plan) is None


def test_nan_is_taken_as_it_is():
    values = [float("nan"), 1.5] * MANY
    assert np.isnan(clean_values.clean_tensor(values, plan_of(FLOAT))).sum() == MANY
