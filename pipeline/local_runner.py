"""Runs the DAG on this machine: each node in a process, independent ones side by side.

Nodes are decided one by one, as soon as what they read is there: answered from the
cache, or run. The heavy libraries are imported when the first node has to run, so a run
that changes nothing never imports them; or at once, where the DAG itself has to be
compiled.
"""

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.dag_file import dag_file, is_compiled
from pipeline.dag_inputs import DagInputs
from pipeline.node_attempts import NodeAttempts, is_sudden
from pipeline.node_cache.decide import Decision, find_damage
from pipeline.node_cache.node_decisions import NodeDecisions
from pipeline.node_plan import NodePlan, read_plan
from pipeline.node_processes import DIED, NodeProcesses, wait_for_any
from pipeline.node_schedule import NodeSchedule
from pipeline.run_config import RunConfig
from pipeline.run_listener import RunListener
from pipeline.run_record import NodeFailure, NodeResult, RunRecord, WorkDir
from pipeline.run_target import Hit, RunTarget
from pipeline.run_values import RunValues
from pipeline.selection import Selection, find_base_run, plan_run
from pipeline.settings_loader import ConfigError, did_you_mean
from pipeline.source_digest import SourceSnapshot

# The fork server's imports and the DAG's compilation, as the progress calls them.
LOAD_STEP = "load_libraries"
# What the libraries say when they are imported.
START_LOG = "start"
_TICK_S = 0.1


class PublishError(RuntimeError):
    """ML Metadata could not be told what was answered from the cache."""

    exit_code = 1


class RunInterruptedError(Exception):
    """Ctrl-C or SIGTERM reached the run; what is complete stays so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """How a run is run.

    Attributes:
        settings: The configuration's `run` section.
        values: What goes into the compiled DAG's slots.
        sources: The sources as they were when the run began.
        selection: Which nodes.
    """

    settings: RunConfig
    values: RunValues
    sources: SourceSnapshot
    selection: Selection = field(default_factory=Selection)


def run_nodes(
    record: RunRecord,
    work_dir: WorkDir,
    processes: NodeProcesses,
    inputs: DagInputs,
    options: RunOptions,
    listener: RunListener,
) -> None:
    """Runs the nodes that have to run, until all have ended or one has failed.

    `record.nodes` is filled and written after every node.

    Raises:
        RunInterruptedError: After the record says what is complete.
        ConfigError: The selection names no such node, or needs what no run has left.
    """
    run = _LocalRun(record, work_dir, processes, options, listener)
    try:
        compiled_file = run.find_dag(inputs)
        if compiled_file is not None:
            run.run_dag(compiled_file)
    except KeyboardInterrupt as error:
        run.interrupt()
        raise RunInterruptedError from error
    except Exception:
        # Nobody waits for the nodes at work any more.
        run.interrupt()
        raise
    finally:
        options.sources.save()


class _LocalRun:
    """One run: what is decided, what works, what was told to ML Metadata."""

    def __init__(
        self,
        record: RunRecord,
        work_dir: WorkDir,
        processes: NodeProcesses,
        options: RunOptions,
        listener: RunListener,
    ) -> None:
        self._record = record
        self._work_dir = work_dir
        self._processes = processes
        self._options = options
        self._listener = listener
        self._began = time.monotonic()
        self._decisions = NodeDecisions(work_dir, options.settings, options.sources)
        self._attempts = NodeAttempts(
            processes,
            options.settings,
            arguments=lambda node_id: (self._target, node_id, self._log_path(node_id)),
            log_path=self._log_path,
        )
        self._unpublished: list[Hit] = []
        self._is_loaded = False
        self._plans: dict[str, NodePlan] = {}
        self._decided: dict[str, Decision] = {}

    def _log_path(self, node_id: str) -> Path:
        return self._work_dir.log_path(self._record.run_id, node_id)

    def find_dag(self, inputs: DagInputs) -> Path | None:
        """Returns the compiled DAG; compiles it first where it is not there.

        Returns:
            None where it cannot be compiled, which the record then says.
        """
        path = dag_file(self._work_dir.cache, inputs, self._options.sources)
        if is_compiled(path):
            path.touch()  # gc removes those that were not used for long
            return path
        loaded = self._load("build_dag", inputs, path)
        return None if isinstance(loaded, NodeFailure) else path

    def run_dag(self, compiled_file: Path) -> None:
        """Runs a compiled DAG."""
        plans = read_plan(compiled_file.read_bytes())
        self._plans = {plan.node_id: plan for plan in plans}
        self._check_node_settings()
        chosen = plan_run(plans, self._options.selection)
        self._record.nodes = [
            NodeResult(node_id=node_id, state="not run")
            for node_id in self._plans
            if node_id not in chosen.leave
        ]
        self._target = RunTarget(
            compiled_file=compiled_file,
            values=self._options.values,
            work_dir=self._work_dir,
        )
        if chosen.reuse:
            self._reuse(chosen.reuse)
        self._listener.on_nodes(list(chosen.run))
        self._schedule = NodeSchedule(
            {node_id: self._plans[node_id].upstream for node_id in chosen.run}
        )
        while not self._schedule.is_over:
            self._start_what_is_ready()
            for result in self._attempts.wait(_TICK_S) if len(self._attempts) else ():
                self._end(result)
            self._listener.on_tick()

    def interrupt(self) -> None:
        """Ends what works and writes down that it was interrupted."""
        for ended in self._attempts.end_all():
            decision = self._decided[ended.node_id]
            result = dataclasses.replace(
                ended, why=decision.why, details=decision.details
            )
            self._set(result)
            self._listener.on_end(result)
        self._work_dir.write(self._record)

    def _check_node_settings(self) -> None:
        for node_id in self._options.settings.nodes:
            if node_id not in self._plans:
                raise ConfigError(
                    f"unknown setting run.nodes.{node_id}; nodes are "
                    f"{', '.join(self._plans)}.{did_you_mean(node_id, self._plans)}"
                )

    def _reuse(self, node_ids: Sequence[str]) -> None:
        """Takes the results of nodes that are left out from one earlier run."""
        earlier = [
            run
            for run in self._work_dir.list_runs()
            if run.run_id != self._record.run_id
        ]
        base = find_base_run(earlier, node_ids)
        for node_id in node_ids:
            before = base.node(node_id)
            outputs = before.outputs if before else {}
            damage = find_damage(outputs, self._work_dir.metadata)
            if damage is not None:
                raise ConfigError(
                    f"{self._options.selection.words} needs what {node_id} wrote in "
                    f"run {base.run_id}, but {damage}; run the whole pipeline, or "
                    "begin with an earlier node."
                )
            result = NodeResult(
                node_id=node_id,
                state="reused",
                outputs=outputs,
                why=f"{node_id} was left out by {self._options.selection.words}: its "
                f"result of run {base.run_id} was taken as it is.",
            )
            self._set(result)
            self._note_hit(node_id, result)

    def _start_what_is_ready(self) -> None:
        """Decides what is ready and starts what has to run, as far as there is room."""
        settings = self._options.settings
        while ready := self._schedule.ready():
            is_started = False
            for node_id in ready:
                if len(self._attempts) >= settings.num_parallel:
                    break
                is_started |= self._decide_and_start(node_id)
            if not is_started:
                return

    def _decide_and_start(self, node_id: str) -> bool:
        """Decides a node; returns False where it must be decided anew."""
        began = time.monotonic()
        decision = self._decisions.decide(
            self._plans[node_id], may_look_up=not self._processes.is_started
        )
        if decision.outputs is not None:
            self._schedule.start(node_id)
            self._end_hit(node_id, decision, time.monotonic() - began)
            return True
        if self._is_unpublished() and self._publish():
            return False
        self._decided[node_id] = decision
        self._set(
            NodeResult(
                node_id=node_id,
                state="running",
                why=decision.why,
                details=decision.details,
            )
        )
        self._work_dir.write(self._record)
        self._schedule.start(node_id)
        self._listener.on_start(node_id)
        self._attempts.start(node_id)
        return True

    def _end_hit(self, node_id: str, decision: Decision, wall_s: float) -> None:
        outputs = decision.outputs or {}
        is_resolver = bool(self._plans[node_id].strategies)
        result = NodeResult(
            node_id=node_id,
            state="done" if is_resolver else "cached",
            wall_s=wall_s,
            outputs=outputs,
            why=decision.why,
            started_s=time.monotonic() - self._began - wall_s,
        )
        self._note_hit(node_id, result)
        self._set(result)
        self._schedule.succeed(node_id)
        self._listener.on_start(node_id)
        self._listener.on_end(result)

    def _note_hit(self, node_id: str, result: NodeResult) -> None:
        self._decisions.set_outputs(node_id, result.outputs)
        self._unpublished.append(
            Hit(
                node_id=node_id,
                artifact_ids={
                    # What was looked up, not written, has no id.
                    name: [each.artifact_id for each in artifacts if each.artifact_id]
                    for name, artifacts in result.outputs.items()
                },
                is_resolver=bool(self._plans[node_id].strategies),
            )
        )

    def _is_unpublished(self) -> bool:
        return bool(self._unpublished) or not self._is_loaded

    def _publish(self) -> bool:
        """Tells ML Metadata of the nodes that did not run, before one that does.

        Returns:
            Whether a resolver found something else than when it was looked up: then
            what reads from it must be decided anew.
        """
        hits, self._unpublished = self._unpublished, []
        found = self._load("publish_hits", self._target, hits)
        if isinstance(found, NodeFailure):
            raise PublishError(found.message)
        # Every one is told, also after the first that differs.
        changed = [
            self._decisions.set_outputs(node_id, result.outputs)
            for node_id, result in found.items()
        ]
        return any(changed)

    def _load(self, target: str, *arguments: Any) -> Any:
        """Calls a function of the heavy side; the first call waits for its imports."""
        began = time.monotonic()
        if not self._is_loaded:
            self._listener.on_start(LOAD_STEP)
        call = self._processes.start(target, *arguments, self._log_path(LOAD_STEP))
        try:
            while not wait_for_any([call], _TICK_S):
                self._listener.on_tick()
        except KeyboardInterrupt:
            call.end()
            raise
        answer = self._explained(call.answer())
        failure = answer if isinstance(answer, NodeFailure) else None
        result = NodeResult(
            node_id=LOAD_STEP,
            state="failed" if failure else "done",
            wall_s=time.monotonic() - began,
            failure=failure,
        )
        if failure:
            self._record.nodes = [*self._record.nodes, result]
        if failure or not self._is_loaded:
            self._listener.on_end(result)
        self._is_loaded = True
        return answer

    def _explained(self, answer: Any) -> Any:
        """Adds what the libraries said last to the death of the process."""
        if not isinstance(answer, NodeFailure) or answer.kind != DIED:
            return answer
        text = self._log_path(START_LOG).read_text(encoding="utf-8", errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if not lines:
            return answer
        return dataclasses.replace(
            answer, message=f"{answer.message} The log {START_LOG} ends: {lines[-1]}"
        )

    def _end(self, result: NodeResult) -> None:
        """Takes the result of a node that ran."""
        node_id = result.node_id
        decision = self._decided[node_id]
        details = decision.details
        if result.attempts > 1 or is_sudden(result.failure):
            self._load("close_attempts", self._target, node_id)
        if result.failure is None:
            self._decisions.set_outputs(node_id, result.outputs)
            unkept = self._decisions.keep(
                self._plans[node_id], decision.key, self._record.run_id
            )
            details = (*details, *([unkept] if unkept else []))
            self._schedule.succeed(node_id)
        else:
            self._schedule.fail(node_id)
        ended = dataclasses.replace(
            result,
            why=decision.why,
            details=details,
            started_s=time.monotonic() - self._began - result.wall_s,
        )
        self._set(ended)
        self._work_dir.write(self._record)
        self._listener.on_end(ended)

    def _set(self, result: NodeResult) -> None:
        for index, node in enumerate(self._record.nodes):
            if node.node_id == result.node_id:
                self._record.nodes[index] = result
