"""A partial run runs what it must and takes the rest from one earlier run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.node_plan import NodePlan
from pipeline.run_record import NodeResult, RunRecord
from pipeline.selection import Selection, find_base_run, plan_run
from pipeline.settings_loader import ConfigError

#  gen -> stats -> gate ----+
#    \-> transform -> trainer -> resolver* -> evaluator -> pusher
DAG = {
    "gen": (),
    "stats": ("gen",),
    "gate": ("stats",),
    "transform": ("gen", "gate"),
    "trainer": ("transform",),
    "resolver": ("trainer",),
    "evaluator": ("gen", "trainer", "resolver"),
    "pusher": ("evaluator", "trainer"),
}


def plans(dag=None, resolvers=("resolver",)):
    return [
        NodePlan(
            node_id=name,
            upstream=upstream,
            strategies=("S",) if name in resolvers else (),
        )
        for name, upstream in (dag or DAG).items()
    ]


def planned(first=None, last=None):
    chosen = plan_run(plans(), Selection(first=first, last=last))
    return " ".join(chosen.run), " ".join(chosen.reuse), " ".join(chosen.leave)


def test_whole_run_runs_everything():
    assert planned() == (" ".join(DAG), "", "")


def test_from_runs_what_follows_and_reuses_what_that_needs():
    assert planned(first="trainer") == (
        "trainer resolver evaluator pusher",
        "gen stats gate transform",
        "",
    )


def test_to_runs_what_the_last_needs_and_leaves_the_rest():
    assert planned(last="transform") == (
        "gen stats gate transform",
        "",
        "trainer resolver evaluator pusher",
    )


def test_only_runs_one_node_and_asks_the_resolver_it_needs():
    assert planned("evaluator", "evaluator") == (
        "resolver evaluator",
        "gen stats gate transform trainer",
        "pusher",
    )


def test_from_and_to_run_what_lies_between():
    assert planned("stats", "transform") == (
        "stats gate transform",
        "gen",
        "trainer resolver evaluator pusher",
    )


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("trianer", None, r"there is no node 'trianer'.*Did you mean 'trainer'\?"),
        (None, "xyz", r"there is no node 'xyz'; there are gen, stats, .*pusher\.$"),
        (
            "trainer",
            "gate",
            "--from trainer --to gate: gate does not follow from trainer",
        ),
    ],
)
def test_selection_that_cannot_be_is_refused(first, last, message):
    with pytest.raises(ConfigError, match=message):
        planned(first, last)


@st.composite
def dags(draw):
    num_nodes = draw(st.integers(1, 8))
    names = [f"n{index}" for index in range(num_nodes)]
    return {
        name: tuple(draw(st.lists(st.sampled_from(names[:index]), unique=True)))
        if index
        else ()
        for index, name in enumerate(names)
    }


def ancestors(dag, name):
    found = {name}
    for upstream in dag[name]:
        found |= ancestors(dag, upstream)
    return found


@given(dags(), st.data())
def test_every_node_is_run_reused_or_left_and_what_runs_has_what_it_needs(dag, data):
    ends = st.none() | st.sampled_from(sorted(dag))
    first, last = data.draw(ends), data.draw(ends)
    resolvers = data.draw(st.sets(st.sampled_from(sorted(dag))))
    selection = Selection(first=first, last=last)
    related = first is None or last is None or first in ancestors(dag, last)
    if not related:
        with pytest.raises(ConfigError, match=r"does not follow"):
            plan_run(plans(dag, resolvers), selection)
        return
    chosen = plan_run(plans(dag, resolvers), selection)

    run, reuse, leave = set(chosen.run), set(chosen.reuse), set(chosen.leave)
    assert sorted([*chosen.run, *chosen.reuse, *chosen.leave]) == sorted(dag)
    for name in run | reuse:
        assert set(dag[name]) <= run | reuse
    for name in (first, last):
        assert name is None or name in run
    for name in run - resolvers:
        assert first is None or first in ancestors(dag, name)
        assert last is None or name in ancestors(dag, last)
    assert not (reuse & resolvers)
    for name in leave:
        assert not any(name in ancestors(dag, other) for other in run)
    if selection.is_whole:
        assert chosen.run == tuple(dag)


def record(run_id, **states):
    return RunRecord(
        run_id=run_id,
        pipeline="p",
        config_path="p.yaml",
        settings={},
        nodes=[NodeResult(node_id=name, state=state) for name, state in states.items()],
    )


def test_base_is_the_newest_run_with_a_result_of_every_node():
    runs = [
        record("r1", gen="done", trainer="done"),
        record("r2", gen="cached", trainer="reused"),
        record("r3", gen="done", trainer="failed"),
        record("r4", gen="done"),
    ]
    assert find_base_run(runs, ["gen", "trainer"]).run_id == "r2"
    assert find_base_run(runs, ["gen"]).run_id == "r4"
    with pytest.raises(ConfigError, match=r"no earlier run has results of gen, tuner"):
        find_base_run(runs, ["gen", "tuner"])


def test_words_are_the_command_lines_options():
    assert Selection().words == ""
    assert Selection(first="a", last="a").words == "--only a"
    assert Selection(first="a").words == "--from a"
    assert Selection(first="a", last="b").words == "--from a --to b"
    assert Selection().is_whole
    assert not Selection(last="a").is_whole
