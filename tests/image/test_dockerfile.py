"""The image is made of the lock and the wheel, runs as nobody, and holds no secret."""

import importlib.util
import re
import sysconfig
import tomllib
from pathlib import Path

import pytest

from pipeline.cluster_config import ClusterConfig
from tests.image.conftest import ROOT

SITE_PACKAGES = Path(sysconfig.get_path("purelib"))


def of(instructions, stage, name):
    return [i for i in instructions if (i.stage, i.name) == (stage, name)]


def test_every_source_exists_and_is_in_git(copied, git_files):
    assert copied
    for source in copied:
        assert any(
            name == source or name.startswith(f"{source}/") for name in git_files
        ), f"the Dockerfile copies {source}"


def test_builder_is_handed_what_is_copied_and_nothing_else(copied):
    rules = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == set(copied)
    # After the exceptions: what Python leaves behind stays outside all the same.
    assert rules[-2:] == ["**/__pycache__", "**/*.pyc"]


def test_every_package_of_the_wheel_is_copied(copied):
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert set(config["tool"]["importlinter"]["root_packages"]) <= set(copied)


def test_packages_come_before_sources_so_that_an_edit_keeps_them(instructions):
    steps = [
        (i.name, i.text)
        for i in instructions
        if i.stage == "build" and i.name != "FROM"
    ]
    packages = next(n for n, (_, text) in enumerate(steps) if "packages" in text)
    before = " ".join(text for name, text in steps[:packages] if name == "COPY")
    assert ".setup/py312.txt" in before
    assert "setup.py" in before
    for folder in ("pipeline", "components", "models", "data", "serving"):
        assert f" {folder}" not in f" {before}"


def test_python_is_the_locks(instructions):
    text = (ROOT / "image/install.sh").read_text()
    assert "py312.txt" in text
    for stage in ("build", "runtime"):
        apt = [i.text for i in of(instructions, stage, "RUN") if "apt-get" in i.text]
        assert any(re.search(r"\bpython3\.12\b", each) for each in apt)


def test_uv_is_brought_as_setup_brings_it():
    locked_uv = re.compile(r"^locked_uv\(\) \{ awk '(.*)' ", re.MULTILINE)
    found = [
        locked_uv.search((ROOT / name).read_text())[1]
        for name in ("image/install.sh", ".setup/setup.sh")
    ]
    assert found[0] == found[1]


def test_bases_have_the_glibc_of_tfx_and_one_python(instructions):
    arguments = dict(i.text.split("=") for i in of(instructions, "", "ARG"))
    assert set(arguments) == {"BASE_IMAGE", "GPU_IMAGE", "FLAVOR"}
    assert arguments["BASE_IMAGE"] == "ubuntu:24.04"
    # The environment made on one is copied onto the other.
    assert arguments["GPU_IMAGE"].endswith("-ubuntu24.04")
    assert [i.text for i in instructions if i.name == "FROM"] == [
        "${BASE_IMAGE} AS base-cpu",
        "${GPU_IMAGE} AS base-gpu",
        "${BASE_IMAGE} AS build",
        "base-${FLAVOR} AS runtime",
    ]


def test_cuda_of_the_gpu_image_is_the_locked_tensorflows(instructions):
    built = SITE_PACKAGES / "tensorflow/python/platform/build_info.py"
    cuda = re.search(r"\Wcuda_version\W+(\d+)\.", built.read_text())[1]
    (image,) = [i.text for i in of(instructions, "", "ARG") if "GPU_IMAGE" in i.text]
    assert re.search(r"cuda:(\d+)\.[\d.]+-cudnn-runtime-", image)[1] == cuda


def test_user_is_a_number_and_not_root(instructions):
    (user,) = of(instructions, "runtime", "USER")
    assert re.fullmatch(r"[1-9]\d{3,}:0", user.text)
    after = instructions[instructions.index(user) + 1 :]
    assert {i.name for i in after} == {"ENTRYPOINT", "CMD"}
    created = " ".join(i.text for i in of(instructions, "runtime", "RUN"))
    assert f"useradd --uid {user.text.partition(':')[0]} --gid 0" in created


def test_folders_of_kubeflows_launcher_can_be_written(instructions):
    made = " ".join(i.text for i in of(instructions, "runtime", "RUN"))
    (home,) = of(instructions, "runtime", "WORKDIR")
    for verb in ("chgrp 0", "chmod 0775"):
        assert f"{verb} /gcs /minio /s3 {home.text}" in made


def test_nothing_secret_is_named(instructions):
    for instruction in instructions:
        if instruction.name in ("ENV", "ARG", "LABEL"):
            assert not re.search(
                r"token|passw|secret|key|credential|index",
                instruction.text,
                re.IGNORECASE,
            ), instruction.text
    assert not [i for i in instructions if i.name == "ADD"]
    copied = " ".join(i.text for i in instructions if i.name == "COPY")
    assert "COPY ." not in copied
    assert " . " not in f" {copied} "


def test_command_of_a_cluster_finds_python_and_its_module(instructions):
    (environment,) = of(instructions, "runtime", "ENV")
    assert "PATH=/opt/venv/bin:" in environment.text
    assert importlib.util.find_spec("pipeline.compile.container_entry")
    (entrypoint,) = of(instructions, "runtime", "ENTRYPOINT")
    assert entrypoint.words() == ["slipway"]


def test_settings_lie_where_the_configuration_expects_them(instructions):
    project = ClusterConfig().project_root
    (step,) = [i for i in of(instructions, "build", "RUN") if "project" in i.text]
    assert step.text.split()[-1] == project
    assert f"/opt/slipway {project}" in [
        " ".join(i.words()) for i in of(instructions, "runtime", "COPY")
    ]


@pytest.mark.parametrize("name", ["image/install.sh", "image/build.sh"])
def test_scripts_can_be_run(name):
    path = ROOT / name
    assert path.stat().st_mode & 0o111
    assert "set -euo pipefail" in path.read_text()
