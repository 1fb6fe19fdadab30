"""What every container of a compiled pipeline runs: TFX's entry point, made to fit.

    python -m pipeline.compile.container_entry --executor_class_path … \
        --json_serialized_invocation_args '{{$}}' …

The exit code is that of `slipway run` for the same failure: 3 for data anomalies. The
last line says why in one sentence.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence

# Read once, at import; a run on this machine computes with the same (node_processes).
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.dsl.io import fileio
from tfx.orchestration.kubeflow.v2.container import (
    kubeflow_v2_run_executor,
)

from pipeline.compile.executor_input import (
    make_output_folders,
    name_models,
    to_bucket_uris,
    to_folders,
)

MOUNT_ROOT = "SLIPWAY_MOUNT_ROOT"
"""Environment: folder in front of /gcs, /minio and /s3, where they are elsewhere."""


def main(arguments: Sequence[str]) -> None:
    """Runs one task.

    Args:
        arguments: Of the command line, those for Beam among them.
    """
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--executor_class_path", required=True)
    parser.add_argument("--json_serialized_invocation_args", required=True)
    parser.add_argument("--json_serialized_inputs_spec_args", required=True)
    known, beam_arguments = parser.parse_known_args(arguments)
    mount_root = os.environ.get(MOUNT_ROOT, "")
    given = pipeline_spec_pb2.ExecutorInput()
    json_format.Parse(
        known.json_serialized_invocation_args, given, ignore_unknown_fields=True
    )
    to_folders(given, mount_root)
    make_output_folders(given)
    known.json_serialized_invocation_args = json_format.MessageToJson(given)
    kubeflow_v2_run_executor.main((known, beam_arguments))
    _finish(given, mount_root)


def _finish(given: pipeline_spec_pb2.ExecutorInput, mount_root: str) -> None:
    path = given.outputs.output_file
    with fileio.open(path, "r") as file:
        output = json_format.Parse(file.read(), pipeline_spec_pb2.ExecutorOutput())
    to_bucket_uris(output, mount_root)
    name_models(output, given)
    with fileio.open(path, "w") as file:
        file.write(json_format.MessageToJson(output))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    try:
        main(sys.argv[1:])
    except Exception as error:
        exit_code = getattr(error, "exit_code", 1)
        logging.getLogger(__name__).exception("The task failed.")
        sys.stderr.write(f"slipway: {error}\n")
        sys.exit(exit_code if isinstance(exit_code, int) else 1)
