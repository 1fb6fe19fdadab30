"""ModelPusher: publishes a model that was blessed twice, or records why it did not."""

import functools
import json
from pathlib import Path

from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import (
    Examples,
    ExampleStatistics,
    InfraBlessing,
    Model,
    ModelBlessing,
    PushedModel,
)

# v1 lacks path_utils: it knows where in a Model artifact the SavedModel is.
from tfx.utils import path_utils

from components.golden_batch_gen.artifact import GoldenRows
from components.model_pusher.assemble import Papers, assemble
from components.model_pusher.describe_model import Origin, parse_code, parse_spans
from components.model_pusher.publish import publish
from components.serving_validator.write_blessing import read_measurements
from serving.bundle.contract import RunOrigin, read_contract
from serving.versions.ledger import Author
from serving.versions.model_folder import HELD

_STATISTICS_FILE = "Split-train/FeatureStats.pb"
_VERDICT_FILE = "verdict.json"


@component
def ModelPusher(
    model: InputArtifact[Model],
    model_blessing: InputArtifact[ModelBlessing],
    infra_blessing: InputArtifact[InfraBlessing],
    golden_rows: InputArtifact[GoldenRows],
    statistics: InputArtifact[ExampleStatistics],
    examples: InputArtifact[Examples],
    pushed_model: OutputArtifact[PushedModel],
    model_base_path: Parameter[str],
    model_name: Parameter[str],
    run_id: Parameter[str],
    key: Parameter[str],
    label: Parameter[str],
    spans: Parameter[str],
    code: Parameter[str],
    push: Parameter[str] = "served",
) -> None:
    """Publishes a model as the bundle `{model_base_path}/{model_name}/{version}`.

    Args:
        model: The exported model.
        model_blessing: Custom property `blessed` must be 1; its verdict goes into the
            contract.
        infra_blessing: Custom property `blessed` must be 1; the measurements in its
            report go into the contract.
        golden_rows: From GoldenBatchGen; becomes the bundle's assets.extra/.
        statistics: Those of split "train" go into the bundle.
        examples: Read for their row counts, and for their spans where `spans` names
            none.
        pushed_model: Custom properties `pushed` (1: this run published a version,
            0: it did not), `version` (int), `pushed_destination` (the version's
            folder), `bundle_digest` (the contract's), `is_held` (1: it lies in held/,
            no server sees it) and `reason` (why nothing was published). Version,
            destination and digest are also set where the newest version already is
            this model.
        model_base_path: TF Serving's base folder.
        model_name: The model's folder in it.
        run_id: Written into the contract, as are the following.
        key: Column that names a row.
        label: Column that is predicted.
        spans: JSON list of {"span", "digest", "num_rows"}; empty: those that the
            examples say they were read from.
        code: JSON object {"commit", "is_modified"}.
        push: "served": the version is served from then on. "held": it lies in
            `{model_base_path}/{model_name}/held/{version}` until it is promoted.

    Raises:
        PushError: The version appeared meanwhile or cannot be written.
        BundleRefusedError: The finished bundle fails a check of its own.

    Example:
        ModelPusher(
            model=trainer.outputs["model"],
            model_blessing=quality_gate.outputs["blessing"],
            infra_blessing=serving_validator.outputs["blessing"],
            golden_rows=golden_batch_gen.outputs["golden_rows"],
            statistics=statistics_gen.outputs["statistics"],
            examples=example_gen.outputs["examples"],
            model_base_path="var/models", model_name="flights", run_id="…",
            key="flight_id", label="is_late",
            spans='[{"span": 1, "digest": "…", "num_rows": 27004}]',
            code='{"commit": null, "is_modified": null}',
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
    verdict = (Path(model_blessing.uri) / _VERDICT_FILE).read_text(encoding="utf-8")
    origin = Origin(
        model_name=model_name,
        key=key,
        label=label,
        run=RunOrigin(pipeline=model_name, run_id=run_id, code=parse_code(code)),
        spans=parse_spans(spans)
        or parse_spans(examples.get_string_custom_property("span_records")),
        num_rows={
            "train": examples.get_int_custom_property("train_rows"),
            "eval": examples.get_int_custom_property("eval_rows"),
            "unlabelled": examples.get_int_custom_property("unlabelled"),
        },
        verdict=json.loads(verdict),
        serving=read_measurements(infra_blessing.uri),
    )
    papers = Papers(
        golden_rows=Path(golden_rows.uri),
        statistics=Path(statistics.uri) / _STATISTICS_FILE,
    )
    published = publish(
        Path(path_utils.serving_model_path(model.uri)),
        Path(model_base_path) / model_name,
        functools.partial(assemble, papers=papers, origin=origin),
        Author(who=f"run {run_id}", reason=origin.verdict["sentence"]),
        is_held=push == "held",
    )
    pushed_model.set_int_custom_property("pushed", int(published.is_new))
    pushed_model.set_int_custom_property("version", published.version)
    pushed_model.set_string_custom_property("pushed_destination", str(published.path))
    is_held = published.path.parent.name == HELD
    pushed_model.set_int_custom_property("is_held", int(is_held))
    pushed_model.set_string_custom_property(
        "bundle_digest", read_contract(published.path).digest
    )
    if not published.is_new:
        pushed_model.set_string_custom_property("reason", published.reason)
