"""The Dockerfile's steps are really run, without its base image."""

import os
import shutil
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.image.conftest import ROOT

SITE_PACKAGES = Path(sysconfig.get_path("purelib"))
USER = "10001"


def locked():
    lines = (ROOT / ".setup/py312.txt").read_text().splitlines()
    pairs = [line.rstrip(" \\").split("==") for line in lines if line[:1].isalnum()]
    return {canonicalize_name(name): version for name, version in pairs}


def install(context, *arguments):
    return subprocess.run(
        ["/bin/bash", str(context / "image/install.sh"), *map(str, arguments)],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def environment(tmp_path_factory, context):
    """A new environment with the wheel; the locked packages are those of this one."""
    folder = tmp_path_factory.mktemp("image")
    folder.chmod(0o755)
    venv = folder / "venv"
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True
    )
    (own,) = (venv / "lib").glob("python3.*/site-packages")
    (own / "packages.pth").write_text(f"{SITE_PACKAGES}\n")
    done = install(context, "project", venv, folder / "project")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "No broken requirements found.\n"
    return folder


@pytest.fixture(scope="module")
def as_nobody(environment, tmp_path_factory):
    """Runs a command of the image as its user, in a home folder of its own."""
    home = tmp_path_factory.mktemp("home")
    home.chmod(0o777)
    prefix = []
    if os.geteuid() == 0:
        prefix = ["setpriv", "--reuid", USER, "--regid", "0", "--clear-groups"]
    variables = {"HOME": str(home), "PATH": f"{environment}/venv/bin:/usr/bin:/bin"}

    def run(*command):
        return subprocess.run(
            [*prefix, *command], capture_output=True, text=True, check=False, cwd=home,
            env={**variables, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )  # fmt: skip

    # pytest keeps its folders from other users.
    base = tmp_path_factory.getbasetemp()
    for folder in (base, base.parent):
        folder.chmod(folder.stat().st_mode | 0o011)
    if run("python", "-c", "pass").returncode:
        pytest.skip(f"user {USER} may not read {SITE_PACKAGES}")
    return run


@pytest.mark.skipif(sys.version_info[:2] != (3, 12), reason="the image has Python 3.12")
def test_lock_holds_all_that_the_image_installs():
    versions, waiting, seen = locked(), [("slipway", ("pipeline", "kubeflow"))], set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        if name != "slipway":
            assert versions.get(name) == metadata.version(name), name
        for text in metadata.requires(name) or []:
            requirement = Requirement(text)
            marker = requirement.marker
            if marker is None or any(
                marker.evaluate({"extra": extra}) for extra in (extras or ("",))
            ):
                wanted = tuple(sorted(requirement.extras))
                waiting.append((canonicalize_name(requirement.name), wanted))
    names = {name for name, _ in seen}
    assert {"tfx", "kfp", "tensorflow", "apache-beam", "ml-metadata"} <= names
    # What only developers need stays out.
    assert not names & {"pytest", "mypy", "ruff", "hypothesis", "fastapi"}


def test_package_that_is_not_the_locks_ends_the_build(context, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(context, folder)
    (folder / ".setup/py312.txt").write_text("six==1.0.0 \\\n    --hash=sha256:0\n")
    venv = tmp_path / "venv"
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True
    )
    (own,) = (venv / "lib").glob("python3.*/site-packages")
    for name in ("pip", "six.py", *SITE_PACKAGES.glob("six-*.dist-info")):
        (own / Path(name).name).symlink_to(SITE_PACKAGES / name)
    six = metadata.version("six")
    done = install(folder, "check", venv)
    assert done.returncode == 1
    assert f"installed, and not in .setup/py312.txt: six=={six} " in done.stderr
    assert "make lock" in done.stderr
    lock = f"six=={six} \\\n    --hash=sha256:0\n"
    (folder / ".setup/py312.txt").write_text(lock)
    assert install(folder, "check", venv).returncode == 0


def test_names_that_a_lock_writes_another_way_are_the_same(context, tmp_path):
    venv = tmp_path / "bin"
    venv.mkdir()
    (venv / "python").write_text("#!/bin/sh\necho Jaraco.Context==6.1\n")
    (venv / "python").chmod(0o755)
    folder = tmp_path / "copy"
    shutil.copytree(context / "image", folder / "image")
    (folder / ".setup").mkdir()
    (folder / ".setup/py312.txt").write_text("jaraco-context==6.1 \\\n    --hash=x\n")
    assert install(folder, "check", tmp_path).returncode == 0


def test_step_that_is_unknown_says_which_there_are(context):
    done = install(context)
    assert done.returncode == 1
    assert "expected: packages VENV, check VENV, or project VENV PROJECT" in done.stderr


def test_wheel_holds_every_module_and_settings_file(environment, git_files):
    packages = ("pipeline/", "components/", "models/", "data/", "serving/")
    shipped = (".py", ".yaml", ".pbtxt", "README.md", "py.typed")
    expected = {
        name
        for name in git_files
        if name.startswith(packages) and name.endswith(shipped)
    }
    assert {"models/flights/flights.yaml", "data/flights/schema.pbtxt"} <= expected
    (own,) = (environment / "venv/lib").glob("python3.*/site-packages")
    record = (next(own.glob("slipway-*.dist-info")) / "RECORD").read_text()
    installed = {line.partition(",")[0] for line in record.splitlines()}
    assert expected <= installed
    assert not [name for name in installed if name.startswith("tests/")]


def test_image_holds_the_settings_files_of_the_project(environment):
    project = environment / "project"
    found = {str(p.relative_to(project)) for p in project.rglob("*") if p.is_file()}
    assert found == {
        "pyproject.toml",
        "models/flights/flights.yaml",
        "data/flights/schema.pbtxt",
    }


def test_command_line_answers_the_images_user(as_nobody):
    done = as_nobody("slipway", "--help")
    assert done.returncode == 0, done.stderr
    for command in ("run", "compile", "submit"):
        assert f"\n  {command} " in done.stdout


def test_containers_command_answers_the_images_user(as_nobody):
    done = as_nobody("python", "-m", "pipeline.compile.container_entry", "--help")
    assert done.returncode == 0, done.stderr
    assert "--executor_class_path" in done.stdout


def test_installed_pipeline_finds_its_schema_and_writes_where_one_is(as_nobody):
    code = (
        "import os, pathlib\n"
        "from pipeline.config import load_config\n"
        "from pipeline.pipeline_argument import find_config\n"
        "config = load_config(find_config('flights'))\n"
        "assert pathlib.Path(config.validation.schema).is_file()\n"
        "assert 'site-packages' in config.validation.schema\n"
        "assert config.work_dir == os.path.join(os.getcwd(), 'var/flights')\n"
        "assert config.deployment.model_base_path.startswith(os.getcwd())\n"
    )
    done = as_nobody("python", "-c", code)
    assert done.returncode == 0, done.stderr
