"""ServingValidator: the exported model answers its golden batch in a fresh process."""

import json
from pathlib import Path

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import InfraBlessing, Model

# v1 lacks path_utils: it knows where in a Model artifact the SavedModel is.
from tfx.utils import path_utils

from components.golden_batch_gen.artifact import GoldenRows
from components.serving_validator.fresh_process import check_in_fresh_process

REPORT_FILE = "load_report.json"


@component
def ServingValidator(
    model: InputArtifact[Model],
    golden_rows: InputArtifact[GoldenRows],
    blessing: OutputArtifact[InfraBlessing],
) -> None:
    """Blesses a model that TF Serving's own loader can load and run.

    Args:
        model: The exported model; reads its SavedModel.
        golden_rows: Rows to replay and warm-up requests, from GoldenBatchGen.
        blessing: TFX's own InfraBlessing: {uri}/INFRA_BLESSED or
            {uri}/INFRA_NOT_BLESSED (empty) and {uri}/load_report.json. Custom
            properties `blessed` (1 or 0), as Pusher reads it, `reason` (text), and of
            a blessed model `load_s`, `warmup_s`, `latency_p50_ms` (float) and
            `memory_bytes` (int).

    Raises:
        OSError: The report cannot be written.

    Example:
        ServingValidator(
            model=trainer.outputs["model"],
            golden_rows=golden_batch_gen.outputs["golden_rows"],
        )
    """
    report = check_in_fresh_process(
        path_utils.serving_model_path(model.uri), golden_rows.uri
    )
    is_blessed = bool(report["is_servable"])
    marker = "INFRA_BLESSED" if is_blessed else "INFRA_NOT_BLESSED"
    (Path(blessing.uri) / marker).touch()
    (Path(blessing.uri) / REPORT_FILE).write_text(json.dumps(report, indent=1))
    blessing.set_int_custom_property("blessed", int(is_blessed))
    blessing.set_string_custom_property("reason", report["reason"])
    if is_blessed:
        blessing.set_float_custom_property("load_s", report["load_s"])
        blessing.set_float_custom_property("warmup_s", report["warmup_s"])
        blessing.set_float_custom_property(
            "latency_p50_ms", report["latency_ms"]["p50"]
        )
        blessing.set_int_custom_property("memory_bytes", report["memory_bytes"])
