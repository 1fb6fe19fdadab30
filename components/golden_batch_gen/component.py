"""GoldenBatchGen: real rows and their answers, for every later check of the model."""

import json
from pathlib import Path

import numpy as np
from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Examples, Model, Schema, TransformGraph

# v1 lacks path_utils: it knows where in a Model artifact the SavedModel is.
from tfx.utils import path_utils

from components.columnar_examples.split_files import list_split_files
from components.golden_batch_gen.artifact import GoldenRows
from components.golden_batch_gen.categorical import categorical_features
from components.golden_batch_gen.expectations import (
    ExportedModel,
    build_golden_batch,
    transform,
)
from components.golden_batch_gen.select_rows import select_rows
from serving.bundle import layout, schema_file, warmup
from serving.bundle.golden_batch import MAX_ROWS, encode_golden_batch

SCHEMA_FILE = "schema.pbtxt"


@component
def GoldenBatchGen(
    examples: InputArtifact[Examples],
    schema: InputArtifact[Schema],
    transform_graph: InputArtifact[TransformGraph],
    model: InputArtifact[Model],
    golden_rows: OutputArtifact[GoldenRows],
    features: Parameter[str],
    model_name: Parameter[str],
    max_rows: Parameter[int] = MAX_ROWS,
) -> None:
    """Chooses rows of split "eval" and writes down what the model makes of them.

    Args:
        examples: Raw rows.
        schema: The curated schema; a copy of it goes into the bundle.
        transform_graph: What Transform fitted: where the transformed values come from.
        model: The exported model: where the outputs come from.
        golden_rows: {uri}/assets.extra/ with golden_batch.json, schema.pbtxt and
            tf_serving_warmup_requests. Custom properties `rows` (int) and `left_out`
            (JSON list of the kinds of rows that found no room).
        features: JSON list of the raw features, in order.
        model_name: Written into the warm-up requests.
        max_rows: Rows at most, 1 to 256.

    Raises:
        ModelRefusedError: The model lacks a signature, or an answer is not finite.
        BundleRefusedError: The schema lacks a feature.

    Example:
        GoldenBatchGen(
            examples=example_gen.outputs["examples"],
            schema=schema_curator.outputs["schema"],
            transform_graph=transform.outputs["transform_graph"],
            model=trainer.outputs["model"],
            features='["month", "carrier"]', model_name="flights",
        )
    """
    names = tuple(json.loads(features))
    schema_text = (Path(schema.uri) / SCHEMA_FILE).read_bytes()
    parsed_schema = schema_file.parse_schema(schema_text)
    raw = schema_file.raw_features(parsed_schema, names)
    exported = ExportedModel(path_utils.serving_model_path(model.uri))
    selection = select_rows(
        list_split_files(examples.uri, "eval"),
        features=names,
        categorical=categorical_features(parsed_schema, names),
        answer=exported.labels,
        max_rows=max_rows,
    )
    transformed = transform(transform_graph.uri, names, selection.examples)
    batch = build_golden_batch(
        selection.examples,
        raw,
        {name: transformed[name] for name in exported.transformed_names},
        exported.answer(np.array(selection.examples, dtype=object)),
        selection.left_out,
    )
    folder = Path(golden_rows.uri)
    (folder / layout.EXTRA).mkdir(parents=True)
    (folder / layout.SCHEMA).write_bytes(schema_text)
    (folder / layout.GOLDEN_BATCH).write_bytes(encode_golden_batch(batch))
    warmup.write_warmup_file(folder, model_name, warmup.warmup_requests(batch, raw))
    golden_rows.set_int_custom_property("rows", len(batch.rows))
    golden_rows.set_string_custom_property("left_out", json.dumps(batch.left_out))
