"""Which nodes a partial run runs, which it takes from an earlier run, which not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.node_plan import NodePlan
from pipeline.run_record import RunRecord
from pipeline.settings_loader import ConfigError, did_you_mean

_WITH_RESULTS = ("done", "cached", "reused")


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """What was asked for.

    Attributes:
        first: Runs this node and those that follow from it. None: from the start.
        last: Runs up to this node. None: to the end.
    """

    first: str | None = None
    last: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return self.first is None and self.last is None

    @property
    def words(self) -> str:
        """The selection as the command line's options; "" for a whole run."""
        if self.first is not None and self.first == self.last:
            return f"--only {self.first}"
        parts = [f"--from {self.first}"] if self.first else []
        parts += [f"--to {self.last}"] if self.last else []
        return " ".join(parts)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunPlan:
    """What happens to each node.

    Attributes:
        run: Nodes to run, in flow order; resolvers that they ask are among them.
        reuse: Nodes whose earlier outputs they need, in flow order.
        leave: The others.
    """

    run: tuple[str, ...]
    reuse: tuple[str, ...]
    leave: tuple[str, ...]


def plan_run(plans: Sequence[NodePlan], selection: Selection) -> RunPlan:
    """Divides the nodes of a DAG.

    Raises:
        ConfigError: A node is unknown, or the last does not follow from the first.
    """
    known = [plan.node_id for plan in plans]
    for node_id in (selection.first, selection.last):
        if node_id is not None and node_id not in known:
            raise ConfigError(
                f"there is no node {node_id!r}; there are {', '.join(known)}."
                f"{did_you_mean(node_id, known)}"
            )
    upstream = {plan.node_id: plan.upstream for plan in plans}
    wanted = set(known)
    if selection.first is not None:
        wanted &= _followers(known, upstream, selection.first)
    if selection.last is not None:
        wanted &= _ancestors(upstream, [selection.last])
    if not wanted:
        raise ConfigError(
            f"{selection.words}: {selection.last} does not follow from "
            f"{selection.first}, so there is nothing to run."
        )
    needed = _ancestors(upstream, wanted)
    wanted |= {
        plan.node_id for plan in plans if plan.strategies and plan.node_id in needed
    }
    return RunPlan(
        run=tuple(name for name in known if name in wanted),
        reuse=tuple(name for name in known if name in needed - wanted),
        leave=tuple(name for name in known if name not in needed | wanted),
    )


def _ancestors(upstream: dict[str, tuple[str, ...]], nodes: Iterable[str]) -> set[str]:
    """Returns the nodes and everything they need, directly or not."""
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node_id = waiting.pop()
        if node_id not in found:
            found.add(node_id)
            waiting.extend(upstream[node_id])
    return found


def _followers(
    known: Sequence[str], upstream: dict[str, tuple[str, ...]], first: str
) -> set[str]:
    """Returns a node and everything that needs it; `known` is in flow order."""
    found = {first}
    for node_id in known:
        if found.intersection(upstream[node_id]):
            found.add(node_id)
    return found


def find_base_run(records: Sequence[RunRecord], reuse: Sequence[str]) -> RunRecord:
    """Returns the newest run that has a result of every node to be reused.

    Results of one run fit together; of several they may not.

    Raises:
        ConfigError: There is none.
    """
    for record in reversed(records):
        states = {node.node_id: node.state for node in record.nodes}
        if all(states.get(node_id) in _WITH_RESULTS for node_id in reuse):
            return record
    raise ConfigError(
        f"no earlier run has results of {', '.join(reuse)}, which the nodes to be run "
        "need; run the whole pipeline, or begin with an earlier node."
    )
