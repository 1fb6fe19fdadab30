"""Which arm a key belongs to."""

import hashlib

import pytest

from serving.router.assignment import key_of, place_of
from serving.router.errors import RouterError
from serving.router.router_options import RouterOptions
from serving.router.routing import ArmPlace, Routing


def test_the_place_is_the_first_eight_bytes_of_sha_256():
    digest = hashlib.sha256(b"flights-1ada").hexdigest()
    assert place_of("flights-1", "ada") == pytest.approx(
        int(digest[:16], 16) / 2**64, abs=1e-15
    )


def test_places_are_spread_evenly():
    places = [place_of("r", f"user-{number}") for number in range(10_000)]
    tenths = [sum(n / 10 <= p < (n + 1) / 10 for p in places) for n in range(10)]
    # 1,000 expected in each, standard deviation 30.
    assert all(850 <= count <= 1150 for count in tenths)
    assert all(0 <= place < 1 for place in places)


def test_two_rollouts_draw_their_keys_anew():
    keys = [f"user-{number}" for number in range(2000)]
    first, second = (
        {key for key in keys if place_of(rollout, key) < 0.5} for rollout in ("a", "b")
    )
    # Independent halves share a quarter of the keys: 500, standard deviation 19.
    assert 420 <= len(first & second) <= 580


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("ada", "ada"),
        ("ada,bob", "ada"),
        ("a%2Cb,c", "a,b"),
        ("%C3%A9", "é"),
        ("", "request-1"),
        (",b", "request-1"),
    ],
)
def test_the_first_key_decides_and_the_request_id_where_there_is_none(header, key):
    assert key_of(header, "request-1") == key


@pytest.mark.parametrize(
    ("field", "value"),
    [("timeout_s", 0.0), ("candidate_timeout_s", float("nan")), ("tolerance", -1.0)],
)
def test_options_out_of_range_are_refused(field, value):
    with pytest.raises(RouterError, match=f"{field} is {value}; expected"):
        RouterOptions(model="m", **{field: value})


def test_a_growing_share_only_adds_keys():
    keys = [f"user-{number}" for number in range(500)]
    before: set[str] = set()
    for share in (0.0, 0.01, 0.1, 0.5, 0.9, 1.0):
        stable = ArmPlace(name="stable", url="http://a:1")
        routing = Routing(
            rollout_id="r",
            serial=1,
            kind="canary",
            stable=stable,
            candidate=ArmPlace(name="candidate", url="http://b:1"),
            share=share,
        )
        at_candidate = {key for key in keys if routing.arm_of(key, "") is not stable}
        assert before <= at_candidate
        before = at_candidate
    assert len(before) == 500
