"""ServingValidator: the exported model answers real rows in a fresh process."""

import json
import tempfile
from pathlib import Path

from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Examples, InfraBlessing, Model

# v1 lacks path_utils: it knows where in a Model artifact the SavedModel is.
from tfx.utils import path_utils

from components.serving_validator.example_rows import write_request_rows
from components.serving_validator.fresh_process import check_in_fresh_process

REPORT_FILE = "load_report.json"


@component
def ServingValidator(
    model: InputArtifact[Model],
    examples: InputArtifact[Examples],
    blessing: OutputArtifact[InfraBlessing],
    label: Parameter[str],
    num_rows: Parameter[int] = 64,
) -> None:
    """Blesses a model that TF Serving's own loader can load and run.

    Args:
        model: The exported model; reads its SavedModel.
        examples: Raw rows; the first of split "eval" are sent, without the label.
        blessing: TFX's own InfraBlessing: {uri}/INFRA_BLESSED or
            {uri}/INFRA_NOT_BLESSED (empty) and {uri}/load_report.json. Custom
            properties `blessed` (1 or 0), as Pusher reads it, and `reason` (text).
        label: Column that no request holds.
        num_rows: Rows to answer, at least 1.

    Raises:
        ValueError: The eval split holds no row to try the model with.

    Example:
        ServingValidator(
            model=trainer.outputs["model"],
            examples=example_gen.outputs["examples"],
            label="is_late",
        )
    """
    with tempfile.TemporaryDirectory() as folder:
        rows_file = Path(folder) / "rows.tfrecord"
        count = write_request_rows(
            examples.uri, "eval", rows_file, num_rows=num_rows, drop=[label]
        )
        if not count:
            raise ValueError(
                f"split eval of {examples.uri} holds no row to try the model with."
            )
        report = check_in_fresh_process(
            path_utils.serving_model_path(model.uri), rows_file
        )
    is_blessed = bool(report["is_servable"])
    marker = "INFRA_BLESSED" if is_blessed else "INFRA_NOT_BLESSED"
    (Path(blessing.uri) / marker).touch()
    (Path(blessing.uri) / REPORT_FILE).write_text(json.dumps(report, indent=1))
    blessing.set_int_custom_property("blessed", int(is_blessed))
    blessing.set_string_custom_property("reason", report["reason"])
