"""Fills the DAG's slots: the run's id by the cluster, the code's revision here."""

import dataclasses
import json

from pipeline.compile.spec_parts import Json, all_tasks
from pipeline.run_values import CODE_SLOT, RUN_ID_SLOT
from serving.bundle.contract import CodeRevision

# Filled in by the cluster: kubeflow/pipelines, backend/src/v2/driver/resolve.go.
RUN_ID = "{{$.pipeline_job_uuid}}"


def fill_slots(spec: Json, code: CodeRevision) -> None:
    """Replaces the slots among the tasks' constants."""
    values = {
        RUN_ID_SLOT: RUN_ID,
        CODE_SLOT: json.dumps(dataclasses.asdict(code), sort_keys=True),
    }
    for _, task in all_tasks(spec):
        for source in task.get("inputs", {}).get("parameters", {}).values():
            constant = source.get("runtimeValue", {}).get("constant")
            if isinstance(constant, str) and constant in values:
                source["runtimeValue"]["constant"] = values[constant]
