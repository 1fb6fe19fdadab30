"""The one DAG: stages wired in flow order, the same for every runner."""

from pipeline import tfx_api
from pipeline.beam_engine.options import dag_args
from pipeline.dag_inputs import DagInputs
from pipeline.stages.baseline import create_base_model, create_baseline
from pipeline.stages.deployment import create_pusher, create_serving_check
from pipeline.stages.evaluation import create_evaluation
from pipeline.stages.ingestion import create_ingestion
from pipeline.stages.training import create_training
from pipeline.stages.transform import create_transform
from pipeline.stages.validation import create_validation


def create_pipeline(inputs: DagInputs) -> tfx_api.Pipeline:
    """Wires every stage into one TFX pipeline."""
    config = inputs.config
    label = config.data.label
    ingestion = create_ingestion(
        config.data,
        spans=[span.span for span in inputs.spans],
        data_digest=inputs.data_digest,
        csv_kinds=inputs.csv_kinds,
    )
    examples = ingestion.example_gen.outputs["examples"]
    validation = create_validation(
        config.validation, examples=examples, schema_digest=inputs.schema_digest
    )
    schema = validation.schema_curator.outputs["schema"]
    transform_stage = create_transform(
        config.transform,
        examples=examples,
        schema=schema,
        anomaly_gate=validation.anomaly_gate,
    )
    transform = transform_stage.transform
    training = create_training(
        config.train,
        config.tune,
        seed=config.seed,
        transform=transform,
        schema=schema,
        base_resolver=(
            create_base_model(inputs, transform.outputs["transformed_examples"])
            if config.train.warm_start
            else None
        ),
    )
    model = training.trainer.outputs["model"]
    serving_check = create_serving_check(
        inputs,
        examples=examples,
        schema=schema,
        transform_graph=transform.outputs["transform_graph"],
        model=model,
    )
    evaluation = create_evaluation(
        config.evaluation,
        label=label,
        examples=examples,
        model=model,
        baseline_resolver=create_baseline(inputs, model),
    )
    # What the serving check measures is a server that has the machine to itself.
    serving_check.serving_validator.add_upstream_node(evaluation.evaluator)
    pusher = create_pusher(
        inputs,
        examples=examples,
        statistics=validation.statistics_gen.outputs["statistics"],
        model=model,
        model_blessing=evaluation.quality_gate.outputs["blessing"],
        serving_check=serving_check,
    )
    components = [
        *ingestion,
        *validation,
        *transform_stage,
        *training,
        *serving_check,
        *evaluation,
        pusher,
    ]
    return tfx_api.Pipeline(
        pipeline_name=config.name,
        pipeline_root=inputs.pipeline_root,
        metadata_connection_config=(
            tfx_api.sqlite_metadata_connection_config(inputs.metadata_path)
            if inputs.metadata_path
            else None
        ),
        components=[part for part in components if part is not None],
        enable_cache=True,
        beam_pipeline_args=dag_args(config.beam, config.work_dir),
    )
