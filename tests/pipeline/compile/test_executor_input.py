"""What a cluster hands a container, made to fit our components, and back."""

import json

import pytest
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from pipeline.compile.bucket_paths import bucket_uri, local_path
from pipeline.compile.executor_input import (
    make_output_folders,
    name_models,
    to_bucket_uris,
    to_folders,
)


def executor_input(document: dict) -> pipeline_spec_pb2.ExecutorInput:
    return json_format.ParseDict(document, pipeline_spec_pb2.ExecutorInput())


def executor_output(document: dict) -> pipeline_spec_pb2.ExecutorOutput:
    return json_format.ParseDict(document, pipeline_spec_pb2.ExecutorOutput())


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("gs://bucket/a/b", "/gcs/bucket/a/b"),
        ("minio://mlpipeline/a", "/minio/mlpipeline/a"),
        ("s3://bucket/a", "/s3/bucket/a"),
        ("/mnt/slipway", "/mnt/slipway"),
        ("flights", "flights"),
    ],
)
def test_a_bucket_is_seen_where_the_launcher_puts_it(uri, path):
    assert local_path(uri) == path
    assert bucket_uri(path) == uri


def test_artifacts_and_text_parameters_get_folders(tmp_path):
    given = executor_input(
        {
            "inputs": {
                "parameterValues": {"input_base": "gs://b/spans", "confidence": 0.95},
                "artifacts": {"model": {"artifacts": [{"uri": "gs://b/model"}]}},
            },
            "outputs": {"artifacts": {"out": {"artifacts": [{"uri": "gs://b/out"}]}}},
        }
    )
    to_folders(given, str(tmp_path))

    assert given.inputs.parameter_values["input_base"].string_value == (
        f"{tmp_path}/gcs/b/spans"
    )
    assert given.inputs.parameter_values["confidence"].number_value == 0.95
    assert given.inputs.artifacts["model"].artifacts[0].uri == f"{tmp_path}/gcs/b/model"
    assert given.outputs.artifacts["out"].artifacts[0].uri == f"{tmp_path}/gcs/b/out"


def test_a_value_for_one_key_is_put_into_the_json():
    given = executor_input(
        {
            "inputs": {
                "parameterValues": {
                    "custom_config": '{"max_epochs": 4, "seed": 1}',
                    "set--custom_config--max_epochs": 9,
                    "set--custom_config--learning_rate": 0.5,
                }
            }
        }
    )
    to_folders(given, "")
    values = given.inputs.parameter_values

    assert set(values) == {"custom_config"}
    assert values["custom_config"].string_value == json.dumps(
        {"max_epochs": 9, "seed": 1, "learning_rate": 0.5}
    )


def test_a_value_for_a_parameter_without_json_is_refused():
    given = executor_input(
        {"inputs": {"parameterValues": {"run_fn": "[1]", "set--run_fn--a": 1}}}
    )

    with pytest.raises(
        ValueError, match=r"set--run_fn--a: run_fn is '\[1\]'; expected"
    ):
        to_folders(given, "")


def test_what_an_earlier_attempt_left_is_gone(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "half").touch()
    given = executor_input(
        {
            "outputs": {
                "artifacts": {
                    "out": {"artifacts": [{"uri": str(folder)}]},
                    "new": {"artifacts": [{"uri": str(tmp_path / "a/b")}]},
                }
            }
        }
    )
    make_output_folders(given)

    assert list(folder.iterdir()) == []
    assert (tmp_path / "a/b").is_dir()


def test_outputs_get_their_bucket_uris_again():
    metadata = {"pushed_destination": "/gcs/b/models/flights/1", "pushed": 1}
    output = executor_output(
        {
            "artifacts": {
                "out": {"artifacts": [{"uri": "/gcs/b/o", "metadata": metadata}]}
            }
        }
    )
    to_bucket_uris(output, "")
    (artifact,) = output.artifacts["out"].artifacts

    assert artifact.uri == "gs://b/o"
    assert artifact.metadata["pushed_destination"] == "gs://b/models/flights/1"
    assert artifact.metadata["pushed"] == 1


def test_a_blessing_names_its_model_as_the_cluster_does():
    name = "projects/1/artifacts/7"
    # The name's SHA-256 modulo 2**63, as TFX numbers it.
    number = 5790055816462895040
    given = executor_input(
        {"inputs": {"artifacts": {"model": {"artifacts": [{"name": name}]}}}}
    )
    metadata = {"current_model_id": float(number), "blessed": 1}
    output = executor_output(
        {"artifacts": {"blessing": {"artifacts": [{"metadata": metadata}]}}}
    )
    name_models(output, given)
    (artifact,) = output.artifacts["blessing"].artifacts

    assert artifact.metadata["current_model_id"] == name
    assert artifact.metadata["blessed"] == 1
