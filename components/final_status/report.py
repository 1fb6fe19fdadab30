"""Turns a cluster's final status and what was published into one report.

Source:
    kubeflow/pipelines, api/v2alpha1/pipeline_spec.proto, PipelineTaskFinalStatus:
    state, error {code, message}, pipelineJobResourceName, pipelineTaskName. Vertex AI's
    states are PipelineTaskDetail's (SUCCEEDED, FAILED, CANCELLED), Kubeflow's are those
    of ML Metadata's executions (COMPLETE, CACHED, FAILED, CANCELED).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from serving.bundle.contract import read_contract
from serving.versions.model_folder import all_versions, version_path

PUBLISHED, NOT_PUBLISHED, FAILED = "published", "not_published", "failed"
_GOOD = ("SUCCEEDED", "COMPLETE", "CACHED")


@dataclass(frozen=True, kw_only=True, slots=True)
class FinalStatus:
    """How a run ended.

    Attributes:
        outcome: PUBLISHED, NOT_PUBLISHED (every task succeeded, but this run has
            published nothing) or FAILED.
        sentence: The same for a person.
        state: The cluster's own word.
        version: What was published; None: nothing.
        error: What the cluster says of the failure; "" where it says nothing.
        run: The cluster's name of the run.
    """

    outcome: str
    sentence: str
    state: str
    version: int | None
    error: str
    run: str


def read_final_status(text: str, published: Iterable[int]) -> FinalStatus:
    """Reads what the cluster tells an exit handler.

    Args:
        text: JSON of a PipelineTaskFinalStatus.
        published: Versions that this run has published.

    Raises:
        ValueError: The text is no such JSON.
    """
    status = json.loads(text)
    if not isinstance(status, dict) or "state" not in status:
        raise ValueError(f"final_status is {text!r}; expected JSON with a state.")
    state, run = str(status["state"]), str(status.get("pipelineJobResourceName", ""))
    version = max(published, default=None)
    error = str((status.get("error") or {}).get("message", ""))
    outcome = FAILED
    if state in _GOOD:
        outcome = NOT_PUBLISHED if version is None else PUBLISHED
    sentences = {
        PUBLISHED: f"published as version {version}",
        NOT_PUBLISHED: "every task succeeded, but nothing was published: the model "
        "was not blessed, or is the one that is served already; the outputs "
        "of quality-gate and pusher say which",
        FAILED: f"{state}: {error}"
        if error
        else f"{state}; the log of the task that failed says why",
    }
    return FinalStatus(
        outcome=outcome,
        sentence=sentences[outcome],
        state=state,
        version=version,
        error=error,
        run=run,
    )


def published_by(model_dir: Path, run_id: str) -> list[int]:
    """Returns the versions whose contract names this run.

    Args:
        model_dir: `{model_base_path}/{model_name}`; need not exist.
        run_id: As the pusher wrote it into the contract.

    Raises:
        BundleRefusedError: A version has no contract that can be read.
    """
    return [
        version
        for version in all_versions(model_dir)
        if read_contract(version_path(model_dir, version)).contract.run.run_id == run_id
    ]
