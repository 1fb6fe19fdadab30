"""The `run` section of the configuration: how nodes are run, not what they compute.

Nothing here is part of a cache key.
"""

import dataclasses
import os
from dataclasses import dataclass, field

from pipeline.stage_configs import require, require_at_least

_MAX_PARALLEL = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeRunConfig:
    """How one node is run; what is not given is taken from the `run` section.

    Attributes:
        retries: How often it is started again after a failure that may pass.
        backoff_s: Seconds before the first retry; twice as long before each further.
        timeout_s: Seconds after which an attempt is ended and counts as failed.
        cache: False: it runs in every run.
    """

    retries: int | None = None
    backoff_s: float | None = None
    timeout_s: float | None = None
    cache: bool | None = None

    def __post_init__(self) -> None:
        _check_attempts(self.retries, self.backoff_s, self.timeout_s)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunConfig:
    """How the nodes of a run are run on this machine.

    Attributes:
        max_parallel_nodes: Nodes that work at the same time, at least 1. None: 2, or 1
            on a machine with one core.
        retries: How often a node is started again after a failure that may pass: the
            death of its process, a time-out, an error that is not about data,
            configuration or the model.
        backoff_s: Seconds before the first retry; twice as long before each further.
        timeout_s: Seconds after which an attempt of a node is ended and counts as
            failed. None: never.
        cache: False: every node runs in every run; results are kept all the same.
        on_exit: Dotted paths of functions that are called with the run's record, a
            pipeline.run_record.RunRecord, when it ends, however it ends.
        on_exit_timeout_s: Seconds such a function may take.
        nodes: Node id to its own settings.
    """

    max_parallel_nodes: int | None = None
    retries: int = 0
    backoff_s: float = 5.0
    timeout_s: float | None = None
    cache: bool = True
    on_exit: tuple[str, ...] = ()
    on_exit_timeout_s: float = 60.0
    nodes: dict[str, NodeRunConfig] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_attempts(self.retries, self.backoff_s, self.timeout_s)
        if self.max_parallel_nodes is not None:
            require_at_least("max_parallel_nodes", self.max_parallel_nodes, 1)
        require(
            self.on_exit_timeout_s > 0,
            f"on_exit_timeout_s is {self.on_exit_timeout_s!r}; expected more than 0.",
        )

    @property
    def num_parallel(self) -> int:
        """Nodes that work at the same time."""
        if self.max_parallel_nodes is not None:
            return self.max_parallel_nodes
        return min(_MAX_PARALLEL, len(os.sched_getaffinity(0)))

    def of_node(self, node_id: str) -> "RunConfig":
        """Returns the settings of one node, its own over the section's."""
        own = self.nodes.get(node_id, NodeRunConfig())
        return RunConfig(
            retries=self.retries if own.retries is None else own.retries,
            backoff_s=self.backoff_s if own.backoff_s is None else own.backoff_s,
            timeout_s=self.timeout_s if own.timeout_s is None else own.timeout_s,
            cache=self.cache if own.cache is None else own.cache,
        )

    def without_cache(self) -> "RunConfig":
        """Returns the same settings with every node's cache off."""
        nodes = {
            node_id: dataclasses.replace(own, cache=None)
            for node_id, own in self.nodes.items()
        }
        return dataclasses.replace(self, cache=False, nodes=nodes)


def _check_attempts(
    retries: int | None, backoff_s: float | None, timeout_s: float | None
) -> None:
    if retries is not None:
        require_at_least("retries", retries, 0)
    if backoff_s is not None:
        require_at_least("backoff_s", backoff_s, 0)
    require(
        timeout_s is None or timeout_s > 0,
        f"timeout_s is {timeout_s!r}; expected more than 0.",
    )
