"""Resources, retries and longest times in a cluster's words."""

import copy

import pytest

from pipeline.cluster_config import NodeResources
from pipeline.compile.targets import KUBEFLOW, VERTEX
from pipeline.compile.task_settings import apply_task_settings, resource_spec
from pipeline.config import load_config
from pipeline.pipeline_argument import find_config
from pipeline.settings_loader import ConfigError


def refusal(spec, target, settings: dict) -> str:
    config = load_config(find_config("flights"), settings)
    with pytest.raises(ConfigError) as caught:
        apply_task_settings(copy.deepcopy(spec), config, target, ())
    return str(caught.value)


def test_an_unknown_node_is_refused_with_those_there_are(kubeflow_spec):
    text = refusal(kubeflow_spec, KUBEFLOW, {"cluster.nodes": {"triner": {"cpu": 1}}})

    assert text.startswith(
        "unknown setting cluster.nodes.triner; nodes are anomaly_gate,"
    )
    assert text.endswith(" Did you mean 'trainer'?")


def test_a_longest_time_is_refused_where_tasks_have_none(kubeflow_spec):
    assert refusal(kubeflow_spec, VERTEX, {"run.timeout_s": 60}).endswith(
        "vertex ends no task for its time. Leave it out: --set run.timeout_s=null."
    )


@pytest.mark.parametrize(
    ("target", "gpu_type", "example"),
    [
        (KUBEFLOW, "NVIDIA_TESLA_T4", "nvidia.com/gpu"),
        (VERTEX, "nvidia.com/gpu", "NVIDIA"),
    ],
)
def test_a_gpu_in_the_other_clusters_words_is_refused(target, gpu_type, example):
    asked = NodeResources(gpu_type=gpu_type, gpus=1)

    with pytest.raises(ConfigError, match=rf"asks for the GPU '{gpu_type}'.*{example}"):
        resource_spec("trainer", asked, target)


def test_half_a_processor_can_be_asked_for():
    assert resource_spec("pusher", NodeResources(cpu=0.5), KUBEFLOW) == {
        "cpuLimit": 0.5,
        "resourceCpuLimit": "0.5",
    }
