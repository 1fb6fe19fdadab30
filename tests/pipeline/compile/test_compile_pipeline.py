"""The flights pipeline as Kubeflow Pipelines and Vertex AI are handed it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from google.protobuf import json_format
from kfp import components
from kfp.pipeline_spec import pipeline_spec_pb2

from pipeline.compile.compiled_file import write_compiled
from pipeline.compile.spec_parts import executor_of, node_tasks
from tests.pipeline.compile.conftest import GPU_IMAGE, IMAGE, ON_KUBEFLOW

ROOT = Path(__file__).resolve().parents[3]
STAGES = {
    "anomaly-gate",
    "evaluator",
    "example-gen",
    "example-validator",
    "golden-batch-gen",
    "pusher",
    "quality-gate",
    "schema-curator",
    "schema-gen",
    "serving-validator",
    "statistics-gen",
    "trainer",
    "transform",
}


def test_kubeflows_file_is_a_pipeline_spec_that_the_sdk_loads(kubeflow_file):
    documents = list(yaml.safe_load_all(kubeflow_file.content))
    spec = json_format.ParseDict(documents[0], pipeline_spec_pb2.PipelineSpec())
    platform = json_format.ParseDict(documents[1], pipeline_spec_pb2.PlatformSpec())
    loaded = components.load_component_from_text(kubeflow_file.content.decode())

    assert spec.schema_version == "2.1.0"
    assert spec.default_pipeline_root == "minio://mlpipeline/artifacts"
    assert list(platform.platforms) == ["kubernetes"]
    assert set(loaded.component_spec.inputs) == set(kubeflow_file.parameters)


def test_vertexs_file_is_a_pipeline_job(vertex_file, vertex_job):
    job = json_format.ParseDict(vertex_job, pipeline_spec_pb2.PipelineJob())

    assert job.display_name == "flights"
    assert job.runtime_config.gcs_output_directory == "gs://bucket/artifacts"
    assert vertex_file.suffix == ".json"


def test_every_stage_is_a_task_and_the_baseline_has_the_clusters_form(
    kubeflow_spec, vertex_job
):
    assert set(node_tasks(kubeflow_spec)) == STAGES | {"baseline-resolver"}
    assert set(node_tasks(vertex_job["pipelineSpec"])) == STAGES | {
        "baseline-resolver-model-blessing-resolver",
        "baseline-resolver-model-resolver",
    }
    assert set(kubeflow_spec["root"]["dag"]["tasks"]) == {"tfx-dag", "final-status"}


def test_compiling_in_another_process_gives_the_same_bytes(kubeflow_file, tmp_path):
    path = tmp_path / "again.yaml"
    settings = {
        **ON_KUBEFLOW,
        "cluster.gpu_image": GPU_IMAGE,
        "run.retries": 2,
        "run.backoff_s": 30,
        "run.timeout_s": 3600,
        "run.nodes": {"evaluator": {"retries": 0}, "schema_gen": {"cache": False}},
        "cluster.resources": {"cpu": 1, "memory_gib": 4},
        "cluster.nodes.trainer": {
            "cpu": 8,
            "memory_gib": 32,
            "gpu_type": "nvidia.com/gpu",
            "gpus": 2,
        },
    }
    command = [sys.executable, "-m", "pipeline.cli", "compile", "flights"]
    command += ["--target", "kubeflow", "--out", str(path)]
    for name, value in settings.items():
        command += ["--set", f"{name}={json.dumps(value)}"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "learning_rate (NUMBER_DOUBLE): train.learning_rate; 0.002" in done.stdout
    assert path.read_bytes() == kubeflow_file.content


def test_trainer_gets_its_gpu_in_the_words_of_old_and_new_backends(
    kubeflow_spec, vertex_job
):
    task = node_tasks(kubeflow_spec)["trainer"]
    found = executor_of(kubeflow_spec, task)["container"]["resources"]
    there = vertex_job["pipelineSpec"]
    on_vertex = executor_of(there, node_tasks(there)["trainer"])["container"]

    assert found == {
        "cpuLimit": 8.0,
        "resourceCpuLimit": "8",
        # 32 GiB in units of 10^9 bytes.
        "memoryLimit": pytest.approx(34.359738368),
        "resourceMemoryLimit": "32Gi",
        "accelerator": {
            "type": "nvidia.com/gpu",
            "count": "2",
            "resourceType": "nvidia.com/gpu",
            "resourceCount": "2",
        },
    }
    assert on_vertex["resources"]["accelerator"]["type"] == "NVIDIA_TESLA_T4"
    assert on_vertex["image"] == IMAGE


def test_a_node_with_gpus_runs_in_the_image_for_gpus(kubeflow_spec):
    tasks = node_tasks(kubeflow_spec)
    images = {
        name: executor_of(kubeflow_spec, task)["container"]["image"]
        for name, task in tasks.items()
    }

    assert images.pop("trainer") == GPU_IMAGE
    assert set(images.values()) == {IMAGE}


def test_other_nodes_get_the_resources_of_all(kubeflow_spec):
    task = node_tasks(kubeflow_spec)["pusher"]
    found = executor_of(kubeflow_spec, task)["container"]["resources"]

    assert (found["cpuLimit"], found["resourceMemoryLimit"]) == (1.0, "4Gi")


def test_retries_and_caching_are_those_of_the_run_section(kubeflow_spec):
    tasks = node_tasks(kubeflow_spec)

    assert tasks["trainer"]["retryPolicy"] == {
        "maxRetryCount": 2,
        "backoffDuration": "30s",
        "backoffFactor": 2.0,
        "backoffMaxDuration": "3600s",
    }
    assert "retryPolicy" not in tasks["evaluator"]
    assert tasks["trainer"]["cachingOptions"] == {"enableCache": True}
    assert tasks["schema-gen"]["cachingOptions"] == {}


def test_a_cache_never_answers_for_what_parameters_do_not_say(kubeflow_spec):
    tasks = node_tasks(kubeflow_spec)

    for name in ("example-gen", "baseline-resolver", "pusher"):
        assert tasks[name]["cachingOptions"] == {}, name


def test_kubernetes_mounts_the_volume_and_ends_late_tasks(kubeflow_file):
    platform = list(yaml.safe_load_all(kubeflow_file.content))[1]
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]

    assert executors["trainer-executor"] == {
        "activeDeadlineSeconds": "3600",
        "pvcMount": [
            {
                "constant": "slipway",
                "mountPath": "/mnt/slipway",
                "pvcNameParameter": {"runtimeValue": {"constant": "slipway"}},
            }
        ],
    }
    assert len(executors) == len(STAGES) + 2  # the baseline and the exit handler


def test_paths_of_this_machine_are_replaced_by_those_of_the_image(
    kubeflow_spec, kubeflow_file
):
    curator = node_tasks(kubeflow_spec)["schema-curator"]["inputs"]["parameters"]

    assert curator["schema_file"]["runtimeValue"]["constant"] == (
        "/opt/slipway/data/flights/schema.pbtxt"
    )
    assert str(ROOT).encode() not in kubeflow_file.content


def test_parameters_are_declared_at_the_root_with_defaults(kubeflow_spec):
    declared = kubeflow_spec["root"]["inputDefinitions"]["parameters"]

    assert json.loads(declared["spans"]["defaultValue"]) == list(range(1, 13))
    assert declared["max_epochs"] == {
        "parameterType": "NUMBER_INTEGER",
        "defaultValue": 4,
        "description": "train.max_epochs",
    }


def test_a_file_replaces_the_one_before_as_a_whole(kubeflow_file, tmp_path):
    path = tmp_path / "folder/flights.yaml"
    write_compiled(kubeflow_file, path)
    write_compiled(kubeflow_file, path)

    assert [each.name for each in path.parent.iterdir()] == ["flights.yaml"]
    assert path.read_bytes() == kubeflow_file.content
