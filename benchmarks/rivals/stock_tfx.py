"""The same job in stock TFX: its own components, LocalDagRunner, CSV in.

    python -m benchmarks.rivals.stock_tfx CONFIG.yaml INPUT WORK_DIR RESULT.json

INPUT holds train/*.csv and eval/*.csv, so both splits are exactly the rows that slipway
takes. preprocessing_fn, run_fn, training settings, metrics and slices come from the
pipeline's YAML file. The DAG is that of TFX's own template, in the order

    CsvExampleGen, StatisticsGen, SchemaGen, ExampleValidator, Transform, Trainer,
    Resolver (latest blessed model), Evaluator, Pusher

with the cache on. RESULT.json gets the nodes of this run and the eval split's AUC.
"""

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

import tensorflow_model_analysis as tfma
from tfx import v1 as tfx

from pipeline.config import PipelineConfig, load_config
from pipeline.eval_config import build_eval_config

# Beam's default would first try to download a Go binary; see its own documentation.
BEAM_ARGS = ["--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"]
METADATA_FILE = "metadata.sqlite"


def main() -> int:
    """Runs the pipeline once and writes what it did; returns 0."""
    config_path, csv_folder, work_dir, result = map(Path, sys.argv[1:])
    config = load_config(config_path)
    started_ms = time.time() * 1000
    pipeline = build_pipeline(config, csv_folder, work_dir)
    tfx.orchestration.LocalDagRunner().run(pipeline)
    nodes, evaluation = read_executions(work_dir, started_ms)
    found = {
        "nodes": nodes,
        "auc": read_auc(evaluation),
        "state": "pushed" if was_pushed(work_dir, started_ms) else "not pushed",
    }
    result.write_text(json.dumps(found), encoding="utf-8")
    return 0


def build_pipeline(config: PipelineConfig, csv_folder: Path, work_dir: Path) -> Any:
    """Returns the pipeline of TFX's template for one use case.

    Args:
        config: Of the use case; see pipeline/config.py.
        csv_folder: Holds train/*.csv and eval/*.csv with a header each.
        work_dir: For metadata, artifacts and pushed models.
    """
    splits = [
        tfx.proto.Input.Split(name=name, pattern=f"{name}/*")
        for name in ("train", "eval")
    ]
    example_gen = tfx.components.CsvExampleGen(
        input_base=str(csv_folder), input_config=tfx.proto.Input(splits=splits)
    )
    examples = example_gen.outputs["examples"]
    statistics_gen = tfx.components.StatisticsGen(examples=examples)
    statistics = statistics_gen.outputs["statistics"]
    schema_gen = tfx.components.SchemaGen(
        statistics=statistics, infer_feature_shape=False
    )
    schema = schema_gen.outputs["schema"]
    validator = tfx.components.ExampleValidator(statistics=statistics, schema=schema)
    transform = tfx.components.Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn=config.transform.preprocessing_fn,
    )
    trainer = build_trainer(config, schema, transform)
    judged = build_evaluation(config, examples, trainer.outputs["model"], work_dir)
    return tfx.dsl.Pipeline(
        pipeline_name=config.name,
        pipeline_root=str(work_dir / "artifacts"),
        metadata_connection_config=(
            tfx.orchestration.metadata.sqlite_metadata_connection_config(
                str(work_dir / METADATA_FILE)
            )
        ),
        components=[
            example_gen,
            statistics_gen,
            schema_gen,
            validator,
            transform,
            trainer,
            *judged,
        ],
        enable_cache=True,
        beam_pipeline_args=BEAM_ARGS,
    )


def build_trainer(config: PipelineConfig, schema: Any, transform: Any) -> Any:
    """Returns the Trainer; run_fn gets the settings that slipway passes."""
    return tfx.components.Trainer(
        run_fn=config.train.run_fn,
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema,
        train_args=tfx.proto.TrainArgs(),
        eval_args=tfx.proto.EvalArgs(),
        custom_config={**dataclasses.asdict(config.train), "seed": config.seed},
    )


def build_evaluation(
    config: PipelineConfig, examples: Any, model: Any, work_dir: Path
) -> list[Any]:
    """Returns Resolver, Evaluator and Pusher, with the same metrics and slices."""
    resolver = tfx.dsl.Resolver(
        strategy_class=tfx.dsl.experimental.LatestBlessedModelStrategy,
        model=tfx.dsl.Channel(type=tfx.types.standard_artifacts.Model),
        model_blessing=tfx.dsl.Channel(type=tfx.types.standard_artifacts.ModelBlessing),
    ).with_id("latest_blessed_model")
    evaluator = tfx.components.Evaluator(
        examples=examples,
        model=model,
        baseline_model=resolver.outputs["model"],
        eval_config=stock_eval_config(config),
    )
    pusher = tfx.components.Pusher(
        model=model,
        model_blessing=evaluator.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(
                base_directory=str(work_dir / "models")
            )
        ),
    )
    return [resolver, evaluator, pusher]


def stock_eval_config(config: PipelineConfig) -> Any:
    """Returns our EvalConfig with the bound that TFMA can judge as we mean it.

    Stated for all rows alone: a metric's own threshold holds for every slice, and
    the smallest would never be blessed.
    """
    eval_config = build_eval_config(config.evaluation, config.data.label)
    bound = next(
        threshold.min
        for threshold in config.evaluation.thresholds
        if threshold.metric == "auc" and threshold.min is not None
    )
    for metric in eval_config.metrics_specs[0].metrics:
        if metric.class_name == "AUC":
            judged = metric.per_slice_thresholds.add()
            judged.slicing_specs.add()
            judged.threshold.value_threshold.lower_bound.value = bound
    return eval_config


def read_executions(
    work_dir: Path, started_ms: float
) -> tuple[list[dict[str, Any]], Path]:
    """Reads from ML Metadata what the nodes of a run did.

    Args:
        work_dir: Of the pipeline.
        started_ms: Start of the run; executions before it belong to earlier ones.

    Returns:
        Node, state ("done" or "cached") and seconds from its registration to its
        publication; and the folder of the newest evaluation.
    """
    connection = tfx.orchestration.metadata.sqlite_metadata_connection_config(
        str(work_dir / METADATA_FILE)
    )
    from ml_metadata import MetadataStore, proto

    store = MetadataStore(connection)
    types = {kind.id: kind.name for kind in store.get_execution_types()}
    nodes = [
        {
            "node_id": types[execution.type_id].rpartition(".")[2],
            "state": "cached"
            if execution.last_known_state == proto.Execution.CACHED
            else "done",
            "wall_s": (
                execution.last_update_time_since_epoch
                - execution.create_time_since_epoch
            )
            / 1000,
        }
        for execution in store.get_executions()
        if execution.create_time_since_epoch >= started_ms
    ]
    newest = max(store.get_artifacts_by_type("ModelEvaluation"), key=lambda a: a.id)
    return nodes, Path(newest.uri)


def was_pushed(work_dir: Path, started_ms: float) -> bool:
    """Tells whether a model version appeared; TFX numbers them by the second."""
    versions = (work_dir / "models").glob("[0-9]*")
    return any(int(version.name) >= int(started_ms / 1000) for version in versions)


def read_auc(evaluation: Path) -> float:
    """Returns the candidate's AUC on all rows of an Evaluator's output."""
    from components.quality_gate.evaluation_result import CANDIDATE

    # Without a baseline TFMA drops the model's name from its result.
    names = (CANDIDATE, "")
    for name in names:
        metrics = tfma.load_eval_result(str(evaluation), model_name=name or None)
        for slice_key, by_output in metrics.slicing_metrics:
            if not slice_key and by_output:
                return float(by_output[""][""]["auc"]["doubleValue"])
    raise ValueError(f"{evaluation} has no AUC for any of {names}.")


if __name__ == "__main__":
    sys.exit(main())
