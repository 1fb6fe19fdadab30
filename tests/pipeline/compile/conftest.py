"""The flights pipeline compiled for both clusters, once for all tests."""

import json

import pytest
import yaml

from pipeline.compile.compile_pipeline import compile_pipeline
from pipeline.compile.compiled_file import CompiledPipeline
from pipeline.pipeline_argument import find_config

IMAGE = f"registry.example/slipway@sha256:{'0' * 64}"
GPU_IMAGE = f"registry.example/slipway-gpu@sha256:{'1' * 64}"
ON_VERTEX = {
    "cluster.image": IMAGE,
    "cluster.pipeline_root": "gs://bucket/artifacts",
    "cluster.input_base": "gs://bucket/spans",
    "cluster.model_base_path": "gs://bucket/models",
}
ON_KUBEFLOW = {
    "cluster.image": IMAGE,
    "cluster.pipeline_root": "minio://mlpipeline/artifacts",
    "cluster.input_base": "/mnt/slipway/spans",
    "cluster.model_base_path": "/mnt/slipway/models",
    "cluster.volumes": [{"claim": "slipway", "path": "/mnt/slipway"}],
}
SETTINGS = {
    "run.retries": 2,
    "run.backoff_s": 30,
    "run.nodes": {"evaluator": {"retries": 0}, "schema_gen": {"cache": False}},
    "cluster.resources": {"cpu": 1, "memory_gib": 4},
}


def compile_flights(target: str, places: dict, **settings: object) -> CompiledPipeline:
    overrides = {**places, **SETTINGS, **settings}
    return compile_pipeline(find_config("flights"), target, overrides)


@pytest.fixture(scope="session")
def kubeflow_file() -> CompiledPipeline:
    gpu = {"cpu": 8, "memory_gib": 32, "gpu_type": "nvidia.com/gpu", "gpus": 2}
    return compile_flights(
        "kubeflow",
        ON_KUBEFLOW,
        **{
            "cluster.gpu_image": GPU_IMAGE,
            "cluster.nodes": {"trainer": gpu},
            "run.timeout_s": 3600,
        },
    )


@pytest.fixture(scope="session")
def vertex_file() -> CompiledPipeline:
    gpu = {"cpu": 8, "memory_gib": 32, "gpu_type": "NVIDIA_TESLA_T4", "gpus": 1}
    return compile_flights("vertex", ON_VERTEX, **{"cluster.nodes": {"trainer": gpu}})


@pytest.fixture(scope="session")
def kubeflow_spec(kubeflow_file) -> dict:
    return next(yaml.safe_load_all(kubeflow_file.content))


@pytest.fixture(scope="session")
def vertex_job(vertex_file) -> dict:
    return json.loads(vertex_file.content)
