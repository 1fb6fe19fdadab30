"""Every field of compose.yaml is expected, and nothing that was given is YAML."""

import subprocess

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.deploy.compose import compose_file, health_path
from serving.deploy.files import comments, yaml_file
from serving.deploy.model_source import ModelSource
from tests.serving.deploy.conftest import differences, expected_leaves, leaves

RESOURCES = "services.server.deploy.resources"


def fields(plan):
    return leaves(yaml.safe_load(compose_file(plan).text))


def test_every_field_is_expected(plan_of, base_path):
    assert fields(plan_of()) == expected_leaves("compose", folder=str(base_path))


def test_a_gpu_changes_image_and_reservation_alone(plan_of):
    assert differences(fields(plan_of()), fields(plan_of(accelerator="gpu"))) == {
        "services.server.image": "tensorflow/serving:2.21.0-gpu",
        f"{RESOURCES}.reservations.devices.0.driver": "nvidia",
        f"{RESOURCES}.reservations.devices.0.count": 1,
        f"{RESOURCES}.reservations.devices.0.capabilities.0": "gpu",
    }


def test_sizes_that_are_asked_for_are_in_the_file(plan_of):
    plan = plan_of(cpus=4, memory_mib=3000, latency_ms=8.0)
    assert differences(fields(plan_of()), fields(plan)) == {
        "services.server.command.7": "--rest_api_num_threads=128",
        "services.server.command.8": "--grpc_max_threads=128",
        "services.server.command.12": "--tensorflow_intra_op_parallelism=4",
        "services.server.command.13": "--tensorflow_inter_op_parallelism=4",
        f"{RESOURCES}.limits.cpus": "4",
        f"{RESOURCES}.limits.memory": "3000M",
        f"{RESOURCES}.limits.pids": 512,
    }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_a_folder_of_any_name_stays_one_value(plan_of, folder):
    plan = plan_of()
    object.__setattr__(plan, "source", ModelSource(kind="folder", place=f"/{folder}"))
    document = yaml.safe_load(compose_file(plan).text)
    source = document["services"]["server"]["volumes"][0]["source"]
    # Compose reads $$ as one dollar sign, and $NAME as a variable.
    assert source.replace("$$", "$") == f"/{folder}"
    assert "$" not in source.replace("$$", "")
    assert len(document["services"]) == 1


@given(st.text())
def test_a_reason_of_any_text_stays_in_its_comment(reason):
    file = yaml_file("a.yaml", {"a": 1}, {"a": reason})
    assert yaml.safe_load(file.text) == {"a": 1}
    assert comments({"a": reason}).count("\n") == 1


def test_a_reason_for_a_field_that_is_not_there_is_an_error():
    with pytest.raises(KeyError, match=r"a\.c"):
        yaml_file("a.yaml", {"a": {"b": [1]}}, {"a.c": "why"})


def test_figures_stand_in_the_reasons(plan_of):
    head = compose_file(plan_of()).text
    assert (
        f"# {RESOURCES}.limits.memory: 2 versions x 600 MiB measured under load "
        "(slipway 0.1.0) x 1.2\n"
    ) in head
    assert "healthcheck.start_period: 10 x 14.2 s measured, at least 120 s\n" in head


def test_health_is_asked_of_the_version_that_label_stable_names(plan_of):
    plan = plan_of()
    script = yaml.safe_load(compose_file(plan).text)["services"]["server"][
        "healthcheck"
    ]["test"][3]
    assert f"GET {health_path('rides')} HTTP/1.1" in script
    done = subprocess.run(
        ["/bin/bash", "-n", "-c", script.replace("$$", "$")], check=False
    )
    assert done.returncode == 0
