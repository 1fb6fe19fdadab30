"""ServingValidator: a server of its own answers the golden batch with the model."""

from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import InfraBlessing, Model

# v1 lacks path_utils: it knows where in a Model artifact the SavedModel is.
from tfx.utils import path_utils

from components.golden_batch_gen.artifact import GoldenRows
from components.serving_validator.fresh_process import check_in_fresh_process
from components.serving_validator.write_blessing import write_blessing


@component
def ServingValidator(
    model: InputArtifact[Model],
    golden_rows: InputArtifact[GoldenRows],
    blessing: OutputArtifact[InfraBlessing],
    server_binary: Parameter[str] = "",
    server_digest: Parameter[str] = "",  # noqa: ARG001 - read by the cache's key
) -> None:
    """Blesses a model that a model server loads, and answers with as it must.

    Args:
        model: The exported model; reads its SavedModel.
        golden_rows: Rows to replay and warm-up requests, from GoldenBatchGen.
        blessing: TFX's own InfraBlessing: {uri}/INFRA_BLESSED or
            {uri}/INFRA_NOT_BLESSED (empty) and {uri}/load_report.json. Custom
            properties `blessed` (1 or 0), as Pusher reads it, `reason` and `server`
            (text), and of a blessed model `load_s`, `warmup_s`, `latency_p50_ms`,
            `latency_p99_ms` (float) and `memory_bytes` (int).
        server_binary: Path of the tensorflow_model_server that judges; "": the one on
            PATH, else our own server.
        server_digest: SHA-256 of that file. Part of the cache's key, so that another
            server under the same path judges anew.

    Raises:
        OSError: The report cannot be written.

    Example:
        ServingValidator(
            model=trainer.outputs["model"],
            golden_rows=golden_batch_gen.outputs["golden_rows"],
        )
    """
    report = check_in_fresh_process(
        path_utils.serving_model_path(model.uri), golden_rows.uri, server_binary
    )
    write_blessing(blessing, report)
