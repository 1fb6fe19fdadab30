"""From a bundle to a folder: checked first, the same bytes every time."""

import dataclasses
import shutil

import pytest

from serving.bundle.errors import BundleRefusedError
from serving.deploy.errors import DeployError
from serving.deploy.generate import deploy, deployment_files
from serving.deploy.options import DeployOptions
from serving.deploy.readme import readme_text
from serving.versions.model_folder import HELD

IMAGE = "europe-west4-docker.pkg.dev/p/r/serving:2.21.0"
TARGETS = {
    "docker": {"target": "docker"},
    "kubernetes": {"target": "kubernetes", "model_source": "pvc:models"},
    "vertex": {
        "target": "vertex", "model_source": "gs://bucket/models", "image": IMAGE,
    },
}  # fmt: skip


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("options", TARGETS.values(), ids=TARGETS)
def test_a_bundle_becomes_the_same_files_twice(tiny_bundle, tmp_path, options):
    first = deploy(tiny_bundle, tmp_path / "a", DeployOptions(**options))
    deploy(tiny_bundle, tmp_path / "b", DeployOptions(**options))
    found = content(tmp_path / "a")
    assert found == content(tmp_path / "b")
    assert sorted(found) == sorted([*first.files, "slipway-deploy.json"])
    assert first.plan.model == "rides"
    assert first.plan.bundle_digest.encode() in found["README.md"]


def test_a_changed_bundle_is_refused_and_nothing_written(tiny_bundle, tmp_path):
    path = tiny_bundle / "variables" / "variables.index"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(BundleRefusedError, match=r"variables\.index.*changed after"):
        deploy(tiny_bundle, tmp_path / "out", DeployOptions(target="docker"))
    assert not (tmp_path / "out").exists()


def test_another_tensorflow_on_this_machine_is_no_matter(
    tiny_bundle, tmp_path, rewrite_contract
):
    def older(document):
        document["library_versions"]["tensorflow"] = "2.15.1"

    rewrite_contract(tiny_bundle, older)
    done = deploy(tiny_bundle, tmp_path / "out", DeployOptions(target="docker"))
    assert done.plan.image == "tensorflow/serving:2.15.0"


def test_a_folder_that_cannot_be_written_is_said_in_a_sentence(tiny_bundle, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DeployError, match=r"--out .* cannot be written"):
        deploy(tiny_bundle, tmp_path / "file" / "x", DeployOptions(target="docker"))


def test_a_bundle_under_another_number_is_refused(tiny_bundle, tmp_path):
    place = shutil.copytree(tiny_bundle, tmp_path / "copy")
    with pytest.raises(DeployError, match="a folder called 'copy' and holds version 1"):
        deploy(place, tmp_path / "out", DeployOptions(target="docker"))


def test_a_held_version_is_not_deployed(tiny_bundle, tmp_path):
    held = tiny_bundle.parent / HELD / "1"
    shutil.copytree(tiny_bundle, held)
    with pytest.raises(DeployError, match=r"held back.*slipway promote 1"):
        deploy(held, tmp_path / "out", DeployOptions(target="docker"))


def test_a_source_without_a_version_of_the_release_is_refused(plan_of, tmp_path):
    with pytest.raises(DeployError, match="holds no version 5; it holds 6, 7"):
        plan_of(from_version=5)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DeployError, match="holds no version 7; it holds none"):
        plan_of(model_source=str(tmp_path / "empty"))


def test_a_source_with_another_bundle_of_that_number_is_refused(plan_of, tmp_path):
    from tests.serving.deploy.conftest import write_version

    write_version(tmp_path / "other", 7, serving=None)
    with pytest.raises(DeployError, match="another bundle than the one"):
        plan_of(model_source=str(tmp_path / "other"))


@pytest.mark.parametrize("name", ["a\nb", "a\udc80"], ids=repr)
def test_a_folder_that_no_file_can_name_is_refused(plan_of, tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(DeployError, match="Rename the folder"):
        plan_of(model_source=str(tmp_path / name))


@pytest.mark.parametrize("target", TARGETS)
def test_readme_has_the_steps_in_order_and_says_what_to_know(plan_of, target):
    options = dict(TARGETS[target])
    if target != "vertex":
        options["from_version"] = 6
    plan = plan_of(
        options.pop("target"),
        change=lambda contract: dataclasses.replace(contract, serving=None),
        **options,
    )
    text = readme_text(plan)
    assert all(warning in text for warning in plan.warnings)
    assert f"| memory | 2,048 MiB | {plan.sizing.reasons['memory']} |" in text
    if target == "vertex":
        order = ["gcloud storage cp", "--dry-run", "--keep-traffic", "Back:"]
    else:
        order = ["1-load\n", "2-canary\n", "3-stable\n", "Back,", "--from-version 7"]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_every_path_the_readme_of_a_release_names_is_there(plan_of):
    plan = plan_of(from_version=6)
    paths = {file.path for file in deployment_files(plan)}
    assert {f"{step.name}/models.config" for step in plan.steps} <= paths
    assert {"apply.py", "release.json", "compose.yaml", "README.md"} <= paths
    assert all(step.name in readme_text(plan) for step in plan.steps)
