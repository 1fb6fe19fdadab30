"""Compiles the flights DAG in variants; run as a program, for it imports TFX.

    python -m tests.pipeline.compiled_dags FOLDER

reads FOLDER/variants.json, name to {"overrides": …, "inputs": …}, and writes
FOLDER/{name}.pb. `overrides` are settings over flights.yaml, `inputs` values over those
of DagInputs.
"""

import dataclasses
import json
import sys
from pathlib import Path

from pipeline.config import load_config
from pipeline.dag_inputs import DagInputs
from pipeline.node_launch import compile_dag
from pipeline.pipeline_argument import find_config
from serving.bundle.contract import Span


def dag_inputs(overrides, changes) -> DagInputs:
    spans = changes.pop("spans", [1, 2, 3])
    inputs = DagInputs(
        config=load_config(find_config("flights"), overrides),
        spans=[Span(span=span, digest=f"{span:064x}", num_rows=1000) for span in spans],
        features=("carrier", "origin"),
        data_digest=f"{sum(spans):064x}",
        schema_digest="5c" * 32,
        csv_kinds={},
        pipeline_root="/somewhere/artifacts",
        metadata_path="/somewhere/metadata.sqlite",
        server_binary="",
        server_digest="",
    )
    return dataclasses.replace(inputs, **changes)


def main(folder: Path) -> None:
    for name, variant in json.loads((folder / "variants.json").read_text()).items():
        compile_dag(
            dag_inputs(variant.get("overrides", {}), variant.get("inputs", {})),
            folder / f"{name}.pb",
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
