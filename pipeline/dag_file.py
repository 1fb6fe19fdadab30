"""Keeps compiled DAGs, so that an unchanged one need not be compiled again.

    {work_dir}/cache/dags/{key}.pb     a tfx Pipeline message, slots unfilled

Compiling takes a second, but the imports it needs take ten.
"""

import dataclasses
import hashlib
import json
from pathlib import Path

from google.protobuf.message import DecodeError

from pipeline.dag_inputs import DagInputs
from pipeline.node_plan import read_plan
from pipeline.source_digest import SourceSnapshot, library_versions

_DAG_MODULE = "pipeline.dag"
# How, where and when nodes are run is not in the DAG.
_NOT_IN_DAG = ("run", "cluster", "metadata", "monitoring", "retraining")


def is_compiled(path: Path) -> bool:
    """Whether a compiled DAG is there and can be read; a damaged one is made anew."""
    try:
        return bool(read_plan(path.read_bytes()))
    except (FileNotFoundError, DecodeError):
        return False


def dag_file(folder: Path, inputs: DagInputs, sources: SourceSnapshot) -> Path:
    """Returns where the DAG of these inputs and sources lies, or would lie.

    Args:
        folder: `{work_dir}/cache`.
        inputs: What the DAG is built from.
        sources: The run's snapshot.
    """
    values = dataclasses.asdict(inputs)
    for section in _NOT_IN_DAG:
        values["config"].pop(section, None)
    facts = [values, sources.digests([_DAG_MODULE]), library_versions()]
    text = json.dumps(facts, sort_keys=True, default=str)
    return folder / "dags" / f"{hashlib.sha256(text.encode()).hexdigest()}.pb"
