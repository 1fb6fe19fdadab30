"""FinalStatusReporter: the exit handler of a run on a cluster."""

import dataclasses
import json
import sys
from pathlib import Path

from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component

# v1 lacks File.
from tfx.types.experimental.simple_artifacts import File

from components.final_status.report import published_by, read_final_status

STATUS_FILE = "final_status.json"


@component
def FinalStatusReporter(
    report: OutputArtifact[File],
    final_status: Parameter[str],
    run_id: Parameter[str],
    model_base_path: Parameter[str],
    model_name: Parameter[str],
) -> None:
    """Says how the run ended: on standard error, and in a file.

    Args:
        report: {uri}/final_status.json, a FinalStatus. Custom properties `outcome`,
            `state` and `sentence` (text).
        final_status: What the cluster says: JSON of a PipelineTaskFinalStatus.
        run_id: The run, as in the contract of what it publishes.
        model_base_path: Folder of all models.
        model_name: The model's folder there.

    Raises:
        ValueError: `final_status` is no such JSON.
        BundleRefusedError: A published version has no contract that can be read.

    Example:
        FinalStatusReporter(
            final_status=FinalStatusStr(), run_id="{{$.pipeline_job_uuid}}",
            model_base_path="/gcs/bucket/models", model_name="flights",
        )
    """
    published = published_by(Path(model_base_path) / model_name, run_id)
    status = read_final_status(final_status, published)
    path = Path(report.uri) / STATUS_FILE
    path.write_text(json.dumps(dataclasses.asdict(status), indent=1), encoding="utf-8")
    for name in ("outcome", "state", "sentence"):
        report.set_string_custom_property(name, getattr(status, name))
    sys.stderr.write(f"slipway: {status.outcome}: {status.sentence}\n")
