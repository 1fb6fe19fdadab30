"""Observers hear of requests that were answered together at once."""

import pytest

from serving.server.rest.audience import Audience


def test_together_tells_once_at_its_end():
    heard = []
    audience = Audience((heard.append,))
    audience.tell(1)
    with audience.together():
        audience.tell(2)
        audience.tell(3)
        assert heard == [(1,)]
    audience.tell(4)
    assert heard == [(1,), [2, 3], (4,)]


def test_together_tells_nothing_where_nothing_was_answered():
    heard = []
    with Audience((heard.append,)).together():
        pass
    assert heard == []


def test_what_was_answered_before_an_error_is_told():
    heard = []
    audience = Audience((heard.append,))

    def answer_and_fail():
        with audience.together():
            audience.tell(1)
            raise ValueError("later")

    with pytest.raises(ValueError, match="later"):
        answer_and_fail()
    audience.tell(2)
    assert heard == [[1], (2,)]


def test_every_observer_is_told_and_none_needs_none():
    first, second = [], []
    Audience((first.extend, second.extend)).tell(1)
    assert first == second == [1]
    assert not Audience(())
    assert Audience((print,))
