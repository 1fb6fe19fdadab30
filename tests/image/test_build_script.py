"""`image/build.sh`: what docker is told, and what is printed, with a docker that notes.

A docker engine is not needed; tests/image/test_image_install.py runs the steps.
"""

import json
import os
import shutil
import subprocess
from itertools import pairwise

import pytest

from tests.image.conftest import ROOT

DIGEST = "sha256:" + "5c" * 32
PUSHED = "sha256:" + "7a" * 32
DOCKER = """#!/bin/bash
printf '%s\\n' "$(printf '%s\\t' "$@")" >>"$DOCKER_LOG"
case "$1 $2 $3" in
  "info "*) exit "${ENGINE:-0}" ;;
  "buildx imagetools inspect") [ -z "${NO_DIGEST:-}" ] && echo "$DIGEST" ;;
  "buildx build "*)
    while [ $# -gt 0 ]; do
      if [ "$1" = --metadata-file ]; then printf '%s' "$METADATA" >"$2"; fi
      shift
    done ;;
esac
"""


@pytest.fixture
def checkout(tmp_path, context):
    """A commit of what the image is made of."""
    folder = tmp_path / "checkout"
    shutil.copytree(context, folder)
    for name in ("Dockerfile", ".dockerignore", "image/build.sh"):
        shutil.copy(ROOT / name, folder / name)
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "image"]):
        git(folder, *command)
    return folder


def git(folder, *command):
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *who, *command],  # noqa: S607
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture
def build(tmp_path, checkout):
    """Runs the script; returns what it printed and what docker was told."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/docker").write_text(DOCKER)
    (tmp_path / "bin/docker").chmod(0o755)
    log = tmp_path / "docker.log"

    def run(*options, **variables):
        log.write_text("")
        done = subprocess.run(
            ["/bin/bash", checkout / "image/build.sh", *options],
            capture_output=True, text=True, check=False,
            env={
                "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "DOCKER_LOG": str(log),
                "DIGEST": DIGEST, "HOME": str(tmp_path),
                "METADATA": json.dumps({"containerimage.digest": PUSHED}), **variables,
            },
        )  # fmt: skip
        return done, [line.split("\t")[:-1] for line in log.read_text().splitlines()]

    return run


def built(calls):
    (call,) = [call for call in calls if call[:2] == ["buildx", "build"]]
    return call


def given(call, option):
    return [after for word, after in pairwise(call) if word == option]


def test_pushed_image_is_printed_by_its_digest(build, checkout):
    done, calls = build("--name", "registry.example:5000/team/slipway", "--push")
    assert done.returncode == 0, done.stderr
    # Alone on standard output: fit for --set cluster.image=$(image/build.sh …).
    assert done.stdout == f"registry.example:5000/team/slipway@{PUSHED}\n"
    call = built(calls)
    assert "--push" in call
    commit = git(checkout, "rev-parse", "HEAD")
    assert given(call, "--tag") == [
        f"registry.example:5000/team/slipway:{commit[:12]}-cpu"
    ]
    assert f"org.opencontainers.image.revision={commit}" in given(call, "--label")


def test_base_is_pinned_by_its_digest_of_today(build):
    done, calls = build("--name", "slipway")
    assert done.returncode == 0, done.stderr
    assert given(built(calls), "--build-arg") == [
        "FLAVOR=cpu",
        f"BASE_IMAGE=ubuntu@{DIGEST}",
    ]
    assert "--load" in built(calls)
    assert "--push" not in built(calls)
    assert done.stdout.startswith("built  slipway:")


def test_gpu_flavor_pins_the_cuda_image_too(build):
    _, calls = build("--name", "slipway", "--flavor", "gpu", "--tag", "v1")
    assert given(built(calls), "--build-arg") == [
        "FLAVOR=gpu",
        f"BASE_IMAGE=ubuntu@{DIGEST}",
        f"GPU_IMAGE=nvidia/cuda@{DIGEST}",
    ]
    assert given(built(calls), "--tag") == ["slipway:v1"]


def test_base_that_has_a_digest_keeps_it(build, checkout):
    path = checkout / "Dockerfile"
    own = f"mirror.example:5000/ubuntu:24.04@{PUSHED}"
    path.write_text(
        path.read_text().replace("BASE_IMAGE=ubuntu:24.04", f"BASE_IMAGE={own}")
    )
    _, calls = build("--name", "slipway")
    assert f"BASE_IMAGE={own}" in given(built(calls), "--build-arg")


def test_package_index_is_a_secret_of_the_build(build):
    index = "https://me:s3cret@packages.example/simple"
    done, calls = build("--name", "slipway", UV_DEFAULT_INDEX=index)
    call = built(calls)
    assert given(call, "--secret") == ["id=package_index,env=UV_DEFAULT_INDEX"]
    assert "s3cret" not in " ".join(call) + done.stdout + done.stderr
    assert given(built(build("--name", "slipway")[1]), "--secret") == []


def test_edit_that_is_not_committed_is_not_pushed(build, checkout):
    (checkout / "pipeline/new.py").write_text("")
    done, calls = build("--name", "slipway", "--push")
    assert done.returncode == 1
    assert "commit them before --push" in done.stderr
    assert "pipeline/new.py" in done.stderr
    assert not [call for call in calls if call[:2] == ["buildx", "build"]]
    assert build("--name", "slipway")[0].returncode == 0


@pytest.mark.parametrize(
    ("options", "variables", "code", "text"),
    [
        ([], {}, 2, "--name is ''; expected a repository such as"),
        (["--name"], {}, 2, "--name needs a value."),
        (["--name", "Slip way"], {}, 2, "--name is 'Slip way'; expected a repository"),
        (["--name", "a/slipway:1"], {}, 2, "with a tag; give that as --tag."),
        (["--name", "a", "--flavor", "tpu"], {}, 2, "--flavor is 'tpu'; expected cpu"),
        (["--name", "a", "--pull"], {}, 2, "unknown option --pull; there are --name"),
        (["--name", "a"], {"ENGINE": "1"}, 1, "its engine does not answer: start it"),
        (["--name", "a"], {"NO_DIGEST": "1"}, 1, "the digest of ubuntu:24.04 cannot"),
        (["--name", "a", "--push"], {"METADATA": "{}"}, 1, "and named no digest"),
    ],
)
def test_what_cannot_work_is_said(build, options, variables, code, text):
    done, _ = build(*options, **variables)
    assert done.returncode == code
    assert text in done.stderr
    assert done.stdout == ""


def test_machine_without_docker_says_so(build, tmp_path):
    few = tmp_path / "few"
    few.mkdir()
    for name in ("bash", "git", "dirname"):
        (few / name).symlink_to(shutil.which(name))
    done, _ = build("--name", "slipway", PATH=str(few))
    assert done.returncode == 1
    assert "there is no docker; install Docker Engine with buildx" in done.stderr
