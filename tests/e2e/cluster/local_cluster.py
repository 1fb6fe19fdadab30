"""Executes a compiled pipeline task by task, as a cluster does, without one.

What Kubeflow's driver and launcher do is done here: parameters and artifacts are looked
up, conditions and resolver queries evaluated, cached tasks answered, container commands
started in processes of their own with an ExecutorInput, retries counted, and the exit
handler called with the final status.

Source:
    kubeflow/pipelines, backend/src/v2/driver and backend/src/v2/component.
"""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.cluster.artifacts import KnownArtifact, query, title_of
from tests.e2e.cluster.compiled import Compiled
from tests.e2e.cluster.conditions import holds
from tests.e2e.cluster.containers import Machine, Process

SUCCEEDED, CACHED, FAILED, SKIPPED = "SUCCEEDED", "CACHED", "FAILED", "SKIPPED"
NODES_DAG = "tfx-dag"
_POLL_S = 0.05
_NUM_PARALLEL = 2


@dataclass
class TaskRun:
    """One task of a run."""

    name: str
    state: str = "NOT_STARTED"
    exit_code: int | None = None
    attempts: int = 0
    log: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, list[KnownArtifact]] = field(default_factory=dict)
    outputs: dict[str, list[KnownArtifact]] = field(default_factory=dict)

    def output(self, key: str) -> KnownArtifact:
        (artifact,) = self.outputs[key]
        return artifact

    @property
    def last_line(self) -> str:
        return self.log.strip().rpartition("\n")[2]


@dataclass
class _Started:
    task: TaskRun
    process: Process
    log: Path
    output_file: Path
    targets: dict[str, KnownArtifact]
    fingerprint: str


class LocalCluster:
    """A cluster's metadata, cache and buckets; runs any number of pipelines."""

    def __init__(self, folder: Path, fresh: frozenset[str] = frozenset()) -> None:
        """Makes an empty cluster.

        Args:
            folder: For all that it keeps.
            fresh: Tasks that get a fresh interpreter instead of a fork.
        """
        self.folder = folder
        self.machine = Machine(folder / "buckets", fresh)
        self.artifacts: list[KnownArtifact] = []
        self._cache: dict[str, dict[str, list[KnownArtifact]]] = {}
        self._num_runs = 0

    def path(self, uri: str) -> Path:
        """Returns where a bucket's URI is on this machine."""
        scheme, rest = uri.split("://")
        names = {"gs": "gcs", "minio": "minio", "s3": "s3"}
        return self.machine.mount_root / names[scheme] / rest

    def run(self, compiled: Compiled, **values: Any) -> dict[str, TaskRun]:
        """Runs a pipeline to its end; returns its tasks by name."""
        self._num_runs += 1
        run = _Run(self, compiled, f"run-{self._num_runs}", values)
        return run.execute()

    # What follows is for the runs.

    def cached(self, fingerprint: str) -> dict[str, list[KnownArtifact]] | None:
        return self._cache.get(fingerprint)

    def remember(
        self, fingerprint: str, outputs: dict[str, list[KnownArtifact]]
    ) -> None:
        self._cache[fingerprint] = outputs


class _Run:
    def __init__(
        self,
        cluster: LocalCluster,
        compiled: Compiled,
        run_id: str,
        values: dict[str, Any],
    ) -> None:
        self._cluster, self._compiled, self._id = cluster, compiled, run_id
        self._values = compiled.parameter_values(values)
        self._folder = cluster.folder / "runs" / run_id
        self._tasks: dict[str, TaskRun] = {}
        self._started: list[_Started] = []

    def execute(self) -> dict[str, TaskRun]:
        nodes = self._compiled.dag_tasks(NODES_DAG)
        # The DAG is a task of the root: it gets the root's inputs handed on.
        handed = self._parameters(self._compiled.root_tasks()[NODES_DAG], self._values)
        self._tasks = {name: TaskRun(name) for name in nodes}
        is_failed = False
        while True:
            if not is_failed:
                for name in self._ready(nodes):
                    if len(self._started) >= _NUM_PARALLEL:
                        break
                    self._begin(nodes[name], self._tasks[name], handed)
            is_failed |= self._wait()
            unfinished = any(
                task.state == "NOT_STARTED" for task in self._tasks.values()
            )
            if not self._started and (is_failed or not unfinished):
                break
        self._call_exit_handler(is_failed)
        return self._tasks

    def _ready(self, nodes: dict[str, Any]) -> list[str]:
        done = (SUCCEEDED, CACHED, SKIPPED)
        return [
            name
            for name, task in nodes.items()
            if self._tasks[name].state == "NOT_STARTED"
            and all(
                self._tasks[upstream].state in done
                for upstream in task.get("dependentTasks", ())
            )
            and all(
                self._tasks[producer].state in done
                for producer in self._compiled.producers(task)
            )
        ]

    def _begin(
        self, spec: dict[str, Any], task: TaskRun, handed: dict[str, Any]
    ) -> None:
        task.parameters = self._parameters(spec, handed)
        task.inputs = {
            key: self._tasks[source["producerTask"]].outputs.get(
                source["outputArtifactKey"], []
            )
            for key, source in self._compiled.artifact_sources(spec)
        }
        condition = spec.get("triggerPolicy", {}).get("condition")
        upstream = [self._tasks.get(name) for name in spec.get("dependentTasks", ())]
        if any(each and each.state == SKIPPED for each in upstream) or (
            condition and not holds(condition, task.inputs)
        ):
            task.state = SKIPPED
            return
        executor = self._compiled.executor(spec)
        if "resolver" in executor:
            self._resolve(executor["resolver"], task)
        elif "importer" in executor:
            self._import(executor["importer"], spec, task)
        else:
            self._start(executor["container"], spec, task)

    def _parameters(
        self, spec: dict[str, Any], handed: dict[str, Any]
    ) -> dict[str, Any]:
        found = {}
        for name, source in spec.get("inputs", {}).get("parameters", {}).items():
            if "componentInputParameter" in source:
                found[name] = handed[source["componentInputParameter"]]
            elif "taskFinalStatus" in source:
                found[name] = handed["final_status"]
            else:
                constant = source["runtimeValue"]["constant"]
                # Kubeflow fills a placeholder in only where it is the whole value.
                found[name] = {"{{$.pipeline_job_uuid}}": self._id}.get(
                    str(constant), constant
                )
        return found

    def _resolve(self, resolver: dict[str, Any], task: TaskRun) -> None:
        task.outputs = {
            key: query(spec["filter"], self._cluster.artifacts, task.inputs)
            for key, spec in resolver["outputArtifactQueries"].items()
        }
        task.state = SUCCEEDED

    def _import(
        self, importer: dict[str, Any], spec: dict[str, Any], task: TaskRun
    ) -> None:
        (key,) = self._compiled.outputs(spec)
        uri = importer["artifactUri"]["constant"]
        made = self._new(task, key, importer["typeSchema"], uri)
        made.metadata = dict(importer.get("metadata", {}))
        task.outputs = {key: [made]}
        self._cluster.artifacts.append(made)
        task.state = SUCCEEDED

    def _new(
        self, task: TaskRun, key: str, schema: dict[str, str], uri: str
    ) -> KnownArtifact:
        name = f"projects/1/artifacts/{self._id}-{task.name}-{key}"
        return KnownArtifact(name, title_of(schema), schema, uri)

    def _start(
        self, container: dict[str, Any], spec: dict[str, Any], task: TaskRun
    ) -> None:
        task.attempts += 1
        folder = self._folder / task.name / f"attempt-{task.attempts}"
        folder.mkdir(parents=True)
        root = f"{self._compiled.pipeline_root}/{self._id}/{task.name}"
        targets = {
            key: self._new(task, key, declaration["artifactType"], f"{root}/{key}")
            for key, declaration in self._compiled.outputs(spec).items()
        }
        hook = container.get("lifecycle", {}).get("preCacheCheck")
        if hook is not None:
            self._call_driver(hook, task, targets, folder)
        is_cacheable = spec.get("cachingOptions", {}).get("enableCache", False)
        named = {key: [a.name for a in found] for key, found in task.inputs.items()}
        fingerprint = json.dumps([container, task.parameters, named], sort_keys=True)
        cached = self._cluster.cached(fingerprint) if is_cacheable else None
        if cached is not None:
            task.state, task.outputs = CACHED, cached
            return
        output_file = folder / "executor_output.json"
        document = json.dumps(executor_input(task, targets, output_file))
        command = [*container["command"], *_filled(container["args"], document)]
        log = folder / "container.log"
        task.state = "RUNNING"
        process = self._cluster.machine.start(task.name, command, log)
        key = fingerprint if is_cacheable else ""
        self._started.append(_Started(task, process, log, output_file, targets, key))

    def _call_driver(
        self,
        hook: dict[str, Any],
        task: TaskRun,
        targets: dict[str, KnownArtifact],
        folder: Path,
    ) -> None:
        """Runs an ExampleGen's driver; what it finds out is the task's from then on."""
        log, output_file = folder / "driver.log", folder / "driver_output.json"
        document = json.dumps(executor_input(task, targets, output_file))
        command = [*hook["command"], *_filled(hook["args"], document)]
        driver = self._cluster.machine.start(task.name, command, log)
        while driver.poll() is None:
            time.sleep(_POLL_S)
        assert driver.poll() == 0, log.read_text()
        found = json.loads(output_file.read_text())
        task.parameters.update(found["parameterValues"])
        for key, artifacts in found["artifacts"].items():
            (artifact,) = artifacts["artifacts"]
            targets[key].metadata.update(artifact["metadata"])

    def _wait(self) -> bool:
        """Waits until a container ends; tells whether a task has failed for good."""
        while self._started:
            ended = [each for each in self._started if each.process.poll() is not None]
            if ended:
                self._started = [each for each in self._started if each not in ended]
                # Every one is ended, also after the first that failed.
                failures = [self._end(each) for each in ended]
                return any(failures)
            time.sleep(_POLL_S)
        return False

    def _end(self, started: _Started) -> bool:
        task = started.task
        task.exit_code = started.process.poll()
        task.log = started.log.read_text(encoding="utf-8", errors="replace")
        if task.exit_code == 0:
            self._take_outputs(started)
            return False
        retries = self._compiled.max_retries(task.name)
        task.state = "NOT_STARTED" if task.attempts <= retries else FAILED
        return task.state == FAILED

    def _take_outputs(self, started: _Started) -> None:
        written = json.loads(started.output_file.read_text()).get("artifacts", {})
        for key, target in started.targets.items():
            (found,) = written.get(key, {}).get("artifacts", [{}])
            target.uri = found.get("uri", target.uri)
            target.metadata |= found.get("metadata", {})
            started.task.outputs[key] = [target]
            self._cluster.artifacts.append(target)
        started.task.state = SUCCEEDED
        if started.fingerprint:
            self._cluster.remember(started.fingerprint, started.task.outputs)

    def _call_exit_handler(self, is_failed: bool) -> None:
        for name, spec in self._compiled.root_tasks().items():
            if name == NODES_DAG:
                continue
            failed = [task for task in self._tasks.values() if task.state == FAILED]
            error = {"message": failed[0].last_line} if failed else {}
            status = self._compiled.final_status(is_failed, self._id, error)
            task = self._tasks[name] = TaskRun(name)
            self._begin(spec, task, {**self._values, "final_status": status})
            self._wait()


def executor_input(
    task: TaskRun, targets: dict[str, KnownArtifact], output_file: Path
) -> dict[str, Any]:
    """Returns the ExecutorInput that a cluster's launcher writes for a task."""
    return {
        "inputs": {
            "parameterValues": task.parameters,
            "artifacts": {
                key: {"artifacts": [each.as_runtime_artifact() for each in found]}
                for key, found in task.inputs.items()
            },
        },
        "outputs": {
            "artifacts": {
                key: {"artifacts": [target.as_runtime_artifact()]}
                for key, target in targets.items()
            },
            "outputFile": str(output_file),
        },
    }


def _filled(arguments: list[str], document: str) -> list[str]:
    return [argument.replace("{{$}}", document) for argument in arguments]
