"""Nodes start after what they need, and nothing starts after a failure."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.node_schedule import NodeSchedule


@st.composite
def dags(draw):
    names = [f"n{index}" for index in range(draw(st.integers(1, 9)))]
    return {
        name: draw(st.lists(st.sampled_from([*names[:index], "outside"]), unique=True))
        for index, name in enumerate(names)
    }


@given(dags(), st.data())
def test_any_order_of_ends_keeps_to_the_dag_and_comes_to_an_end(dag, data):
    schedule = NodeSchedule(dag)
    started, well, has_failed = [], set(), False
    for _ in range(2 * len(dag)):
        ready = schedule.ready()
        if not ready and not schedule.working:
            break
        if ready and (not schedule.working or data.draw(st.booleans())):
            node_id = data.draw(st.sampled_from(ready))
            assert not has_failed
            assert set(dag[node_id]) - {"outside"} <= well
            started.append(node_id)
            schedule.start(node_id)
            continue
        node_id = data.draw(st.sampled_from(sorted(schedule.working)))
        if data.draw(st.integers(0, 4)) == 0:
            has_failed = True
            schedule.fail(node_id)
        else:
            well.add(node_id)
            schedule.succeed(node_id)

    assert schedule.is_over
    assert len(started) == len(set(started))
    if not has_failed:
        assert well == set(dag)


def test_independent_nodes_are_ready_together_in_flow_order():
    schedule = NodeSchedule({"gen": [], "b": ["gen"], "a": ["gen"], "end": ["a", "b"]})
    assert schedule.ready() == ["gen"]
    schedule.start("gen")
    assert schedule.ready() == []
    assert schedule.working == {"gen"}
    schedule.succeed("gen")
    assert schedule.ready() == ["b", "a"]


def test_after_a_failure_what_works_goes_on_and_nothing_starts():
    schedule = NodeSchedule({"a": [], "b": [], "c": [], "d": ["b"]})
    schedule.start("a")
    schedule.start("b")
    schedule.fail("a")
    assert schedule.ready() == []
    assert not schedule.is_over
    schedule.succeed("b")
    assert schedule.ready() == []
    assert schedule.is_over
