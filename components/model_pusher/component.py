"""ModelPusher: publishes a model that was blessed twice, or records why it did not."""

from pathlib import Path

from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import (
    InfraBlessing,
    Model,
    ModelBlessing,
    PushedModel,
)

# v1 lacks path_utils: it knows where in a Model artifact the SavedModel is.
from tfx.utils import path_utils

from components.model_pusher.publish import publish


@component
def ModelPusher(
    model: InputArtifact[Model],
    model_blessing: InputArtifact[ModelBlessing],
    infra_blessing: InputArtifact[InfraBlessing],
    pushed_model: OutputArtifact[PushedModel],
    model_base_path: Parameter[str],
    model_name: Parameter[str],
    run_id: Parameter[str],
) -> None:
    """Publishes a model as `{model_base_path}/{model_name}/{version}`.

    Args:
        model: The exported model.
        model_blessing: Custom property `blessed` must be 1.
        infra_blessing: Custom property `blessed` must be 1.
        pushed_model: Custom properties `pushed` (1: this run published a version,
            0: it did not), `version` (int), `pushed_destination` (the version's
            folder) and `reason` (why nothing was published). Version and
            destination are also set where the newest version already is this model.
        model_base_path: TF Serving's base folder.
        model_name: The model's folder in it.
        run_id: Written into the version's assets.extra/push.json.

    Raises:
        PushError: The version appeared meanwhile or cannot be written.

    Example:
        ModelPusher(
            model=trainer.outputs["model"],
            model_blessing=quality_gate.outputs["blessing"],
            infra_blessing=serving_validator.outputs["blessing"],
            model_base_path="var/models", model_name="flights", run_id="…",
        )
    """
    refusals = [
        reason
        for blessing, reason in (
            (model_blessing, "the quality gate did not bless the model"),
            (infra_blessing, "the serving validator did not bless the model"),
        )
        if blessing.get_int_custom_property("blessed") != 1
    ]
    pushed_model.set_int_custom_property("pushed", 0)
    if refusals:
        pushed_model.set_string_custom_property("reason", " and ".join(refusals))
        return
    published = publish(
        Path(path_utils.serving_model_path(model.uri)),
        Path(model_base_path) / model_name,
        run_id=run_id,
    )
    pushed_model.set_int_custom_property("pushed", int(published.is_new))
    pushed_model.set_int_custom_property("version", published.version)
    pushed_model.set_string_custom_property("pushed_destination", str(published.path))
    if not published.is_new:
        pushed_model.set_string_custom_property(
            "reason", f"version {published.version} is this model already"
        )
