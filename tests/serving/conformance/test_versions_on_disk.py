"""Which versions of a base path are served, and what happens when they change.

Facts from TF Serving's sources/storage_path/file_system_storage_path_source_test.cc,
core/aspired_versions_manager_test.cc, availability_preserving_policy_test.cc and
loader_harness_test.cc. Every model is of its own, so that all can change at a time.
"""

import shutil
import time

import pytest

from tests.serving.conformance.model_list import wait_until

POLICIES = {
    "latest": ({}, {3}),
    "two-latest": ({"latest": 2}, {2, 3}),
    "more-latest-than-there-are": ({"latest": 9}, {1, 2, 3}),
    "latest-0-is-1": ({"latest": 0}, {3}),
    "all": ({"all": True}, {1, 2, 3}),
    "specific": ({"specific": [1, 2]}, {1, 2}),
    "specific-of-which-one-is-not-there": ({"specific": [2, 9]}, {2}),
}


@pytest.fixture(scope="module")
def policies(changing):
    """One model a policy, each with versions 1, 2 and 3; loaded by one reload."""
    for name, (config, _) in POLICIES.items():
        for version in ("1", "2", "3"):
            changing.put(name, f"half_{version}", version)
        base_path = str(changing.root / name)
        changing.declare({"name": name, "base_path": base_path, **config})
    changing.reload(changing.models)
    return changing


@pytest.mark.parametrize("name", POLICIES)
def test_policy_chooses_versions(policies, name):
    """file_system_storage_path_source_test.cc: MultipleVersions*, Specific*, …"""
    expected = POLICIES[name][1]
    policies.await_available(name, *expected)
    for version in expected:
        assert policies.offset(name, f"/versions/{version}") == float(version)
    assert policies.offset(name) == float(max(expected))
    absent = {1, 2, 3} - expected
    for version in absent:
        path = f"/v1/models/{name}/versions/{version}:predict"
        assert policies.wire.post(path, '{"inputs": [[0]]}').status == 404


NAMES = {
    "leading-zeros": (["007"], 7),
    "timestamp": (["20170111173521"], 20170111173521),
    "largest-int64": (["9223372036854775807"], 2**63 - 1),
    "zero": (["0"], 0),
    "beside-folders-that-are-no-numbers": (["non_numerical_child", "1", "2.old"], 1),
    "numbers-are-compared-as-numbers": (["9", "10"], 10),
}


@pytest.fixture(scope="module")
def named_folders(changing):
    """One model for each way to name folders."""
    for name, (folders, _) in NAMES.items():
        for folder in folders:
            changing.put(name, "half_1", folder)
        changing.declare({"name": name, "base_path": str(changing.root / name)})
    changing.reload(changing.models)
    return changing


@pytest.mark.parametrize("name", NAMES)
def test_names_of_folders_are_versions(named_folders, name):
    """file_system_storage_path_source_test.cc: ParseTimestampedVersion, …"""
    version = NAMES[name][1]
    named_folders.await_available(name, version)
    assert named_folders.offset(name, f"/versions/{version}") == 1.0


def test_new_version_takes_over_and_the_old_one_ends(changing, model):
    """aspired_versions_manager_test.cc: AspiredAndManageStateLoad and Unload."""
    changing.put(model, "half_1", "1")
    changing.add(model)
    assert changing.offset(model) == 1.0
    changing.put(model, "half_2", "2")
    changing.await_available(model, 2)
    changing.await_end(model, 1)
    assert changing.offset(model) == 2.0
    gone = changing.wire.post(
        f"/v1/models/{model}/versions/1:predict", '{"inputs": [[0]]}'
    )
    assert gone.status == 404


def test_some_version_answers_at_every_moment_of_a_swap(changing, model):
    """availability_preserving_policy_test.cc: load before unload."""
    changing.put(model, "half_1", "1")
    changing.add(model)
    changing.put(model, "half_3", "3")
    seen = set()
    wait_until(
        lambda: seen.add(changing.offset(model)) or 3.0 in seen, "version 3 answers"
    )
    for _ in range(20):
        seen.add(changing.offset(model))
    assert seen <= {1.0, 3.0}
    assert changing.offset(model) == 3.0


def test_removed_newest_version_gives_way_to_the_one_before(changing, model):
    """aspired_versions_manager_test.cc: a version aspired no more; roll-back."""
    changing.put(model, "half_1", "1")
    changing.add(model)
    changing.put(model, "half_2", "2")
    changing.await_available(model, 2)
    shutil.rmtree(changing.root / model / "2")
    changing.await_available(model, 1)
    assert changing.offset(model) == 1.0


def test_smaller_version_that_appears_later_is_not_served(changing, model):
    """file_system_storage_path_source_test.cc: latest is by number, not by time."""
    changing.put(model, "half_3", "3")
    changing.add(model)
    changing.put(model, "half_1", "1")
    changing.put(model, "half_2", "4")
    changing.await_available(model, 4)
    assert changing.offset(model) == 2.0
    assert 1 not in changing.wire.states(model)


def test_last_version_stays_when_the_base_path_becomes_empty(changing, model):
    """file_system_storage_path_source.cc: never unload the last for an empty path."""
    changing.put(model, "half_2", "5")
    changing.add(model)
    shutil.rmtree(changing.root / model / "5")
    deadline_s = time.monotonic() + 2.5
    while time.monotonic() < deadline_s:
        assert changing.offset(model) == 2.0
        time.sleep(0.2)
    assert changing.wire.states(model) == {5: "AVAILABLE"}


def test_last_version_stays_when_the_base_path_is_gone(changing, model):
    """file_system_storage_path_source_test.cc: a missing base path is an error."""
    changing.put(model, "half_2", "5")
    changing.add(model)
    (changing.root / model).rename(changing.root / f"{model}.away")
    deadline_s = time.monotonic() + 2.5
    while time.monotonic() < deadline_s:
        assert changing.offset(model) == 2.0
        time.sleep(0.2)
    (changing.root / f"{model}.away").rename(changing.root / model)
    changing.put(model, "half_3", "6")
    changing.await_available(model, 6)


def test_version_that_comes_back_is_loaded_again(changing, model):
    """server_core_test.cc: loading a previously unloaded version."""
    changing.put(model, "half_1", "1")
    changing.add(model)
    changing.put(model, "half_2", "2")
    changing.await_available(model, 2)
    shutil.rmtree(changing.root / model / "2")
    changing.await_available(model, 1)
    changing.put(model, "half_3", "2")
    changing.await_available(model, 2)
    assert changing.offset(model) == 3.0


BROKEN = ["garbage", "without_variables", "other_tags"]


@pytest.mark.parametrize("broken", BROKEN)
def test_old_version_serves_on_when_the_new_one_is_broken(changing, model, broken):
    """aspired_versions_manager_test.cc: RetryOnLoadErrorFinallyFails."""
    changing.put(model, "half_1", "1")
    changing.add(model)
    changing.put(model, broken, "2")
    changing.await_end(model, 2)
    answer = changing.wire.get(f"/v1/models/{model}/versions/2")
    (found,) = answer.json["model_version_status"]
    assert found["state"] == "END"
    assert found["status"]["error_code"] not in ("OK", 0)
    assert found["status"]["error_message"]
    assert changing.offset(model) == 1.0
    assert changing.wire.available(model) == {1}
    path = f"/v1/models/{model}/versions/2:predict"
    assert changing.wire.post(path, '{"inputs": [[0]]}').status == 404


def test_old_version_serves_on_beside_an_empty_folder(changing, model):
    """saved_model_bundle_factory_test.cc: no SavedModel is NOT_FOUND."""
    changing.put(model, "half_1", "1")
    changing.add(model)
    changing.put(model, "empty", "2")

    def code_of_2():
        answer = changing.wire.get(f"/v1/models/{model}/versions/2")
        if answer.status == 200:
            return answer.json["model_version_status"][0]["status"]["error_code"]
        return None

    wait_until(lambda: code_of_2() == "NOT_FOUND", "version 2 is seen to be empty")
    assert changing.wire.available(model) == {1}
    assert changing.offset(model) == 1.0


def test_version_after_a_broken_one_is_served(changing, model):
    """aspired_versions_manager_test.cc: an error of one version is not another's."""
    changing.put(model, "half_1", "1")
    changing.add(model)
    changing.put(model, "garbage", "2")
    changing.await_end(model, 2)
    changing.put(model, "half_3", "3")
    changing.await_available(model, 3)
    assert changing.offset(model) == 3.0


def test_failed_load_is_tried_again(changing, model, templates):
    """aspired_versions_manager_test.cc: RetryOnLoadErrorFinallySucceeds."""
    changing.put(model, "half_1", "1")
    changing.add(model)
    folder = changing.put(model, "garbage", "2")
    wait_until(lambda: 2 in changing.wire.states(model), "version 2 is seen")
    mended = folder.parent / "mended.pb"
    shutil.copy(templates / "half_2" / "saved_model.pb", mended)
    mended.rename(folder / "saved_model.pb")
    changing.await_available(model, 2)
    assert changing.offset(model) == 2.0


def test_every_version_of_the_policy_all_follows_the_disk(changing, model):
    """file_system_storage_path_source_test.cc: MultipleVersionsAtTheSameTime."""
    changing.put(model, "half_1", "1")
    changing.add(model, all=True)
    changing.put(model, "half_2", "2")
    changing.put(model, "half_3", "3")
    changing.await_available(model, 1, 2, 3)
    shutil.rmtree(changing.root / model / "2")
    changing.await_available(model, 1, 3)
