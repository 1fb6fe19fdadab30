"""Reads a compiled file the way a cluster does, from its bytes alone."""

import json
from typing import Any

import yaml


class Compiled:
    """A compiled pipeline: its tasks, executors, parameters and settings."""

    def __init__(self, content: bytes, suffix: str, root: str | None = None) -> None:
        if suffix == ".json":
            self.spec = json.loads(content)["pipelineSpec"]
            self.platform: dict[str, Any] = {}
        else:
            documents = list(yaml.safe_load_all(content))
            self.spec = documents[0]
            self.platform = documents[1] if len(documents) > 1 else {}
        self.is_vertex = suffix == ".json"
        self.pipeline_root = root or self.spec["defaultPipelineRoot"]

    def parameter_values(self, given: dict[str, Any]) -> dict[str, Any]:
        """Returns the value of every parameter; refuses unknown and missing ones."""
        declared = self.spec["root"].get("inputDefinitions", {}).get("parameters", {})
        assert set(given) <= set(declared), f"unknown: {set(given) - set(declared)}"
        return {
            name: given[name] if name in given else declaration["defaultValue"]
            for name, declaration in declared.items()
        }

    def root_tasks(self) -> dict[str, Any]:
        return self.spec["root"]["dag"]["tasks"]

    def dag_tasks(self, component: str) -> dict[str, Any]:
        return self.spec["components"][component]["dag"]["tasks"]

    def component(self, task: dict[str, Any]) -> dict[str, Any]:
        return self.spec["components"][task["componentRef"]["name"]]

    def executor(self, task: dict[str, Any]) -> dict[str, Any]:
        label = self.component(task)["executorLabel"]
        return self.spec["deploymentSpec"]["executors"][label]

    def outputs(self, task: dict[str, Any]) -> dict[str, Any]:
        return self.component(task).get("outputDefinitions", {}).get("artifacts", {})

    def artifact_sources(self, task: dict[str, Any]) -> list[tuple[str, Any]]:
        found = task.get("inputs", {}).get("artifacts", {})
        return [(key, source["taskOutputArtifact"]) for key, source in found.items()]

    def producers(self, task: dict[str, Any]) -> list[str]:
        return [source["producerTask"] for _, source in self.artifact_sources(task)]

    def max_retries(self, task_name: str) -> int:
        tasks = {**self.dag_tasks("tfx-dag"), **self.root_tasks()}
        return tasks[task_name].get("retryPolicy", {}).get("maxRetryCount", 0)

    def final_status(self, is_failed: bool, run_id: str, error: dict[str, Any]) -> str:
        """Returns what the exit handler is told, in this cluster's words."""
        good, bad = (
            ("SUCCEEDED", "FAILED") if self.is_vertex else ("COMPLETE", "FAILED")
        )
        status = {
            "state": bad if is_failed else good,
            "pipelineJobResourceName": f"projects/1/pipelineJobs/{run_id}",
            "pipelineTaskName": "tfx-dag",
            # Kubeflow's backend leaves message and code empty.
            "error": error if self.is_vertex else {},
        }
        return json.dumps(status)
