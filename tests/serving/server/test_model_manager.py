"""Versions come and go: with a loader in the tests' hands."""

import gc
import time

import pytest

from serving.server.core import ModelSpec
from serving.server.model_config import ModelConfig, models_of
from serving.server.model_manager import ManagerOptions, ModelManager
from serving.server.status import Code, ServingError
from serving.server.version_loading import VersionRefusedError
from serving.server.version_policy import VersionPolicy
from tests.serving.server.fake_versions import Loads


@pytest.fixture
def loads():
    return Loads()


@pytest.fixture
def make_manager(loads):
    made = []

    def make(*models, load=loads, labels_unavailable=False, poll_s=0.02, **options):
        manager = ModelManager(
            load,
            ManagerOptions(
                poll_wait_s=poll_s, labels_unavailable=labels_unavailable, **options
            ),
        )
        made.append(manager)
        manager.start(models)
        return manager

    yield make
    for manager in made:
        manager.stop()


@pytest.fixture
def base(tmp_path):
    """A base path, and a function that adds an empty version to it."""
    folder = tmp_path / "models" / "m"
    folder.mkdir(parents=True)

    class Base:
        path = folder

        @staticmethod
        def add(*versions):
            for version in versions:
                (folder / str(version)).mkdir()
                (folder / str(version) / "saved_model.pb").touch()

        @staticmethod
        def remove(version):
            (folder / str(version)).rename(folder.parent / f"gone-{version}")

    return Base


def config(base, name="m", **options):
    return ModelConfig(name=name, base_path=base.path, **options)


def served(manager, **spec):
    return manager.servable(ModelSpec(name="m", **spec)).version


def states(manager):
    found = manager.status(ModelSpec(name="m"))
    return {status.version: status.state for status in found}


def serves(manager, version):
    def check():
        try:
            return served(manager) == version
        except ServingError:
            return False

    return check


def test_latest_version_is_served(make_manager, base):
    base.add(1, 3, 2)
    manager = make_manager(config(base))
    assert served(manager) == 3
    assert states(manager) == {3: "AVAILABLE"}


def test_folders_that_are_no_version_are_passed_over(make_manager, base):
    base.add("007", "held", "8x", "-9", "9" * 30)
    (base.path / "12").touch()
    assert served(make_manager(config(base))) == 7


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (VersionPolicy(num_latest=2), {2, 3}),
        (VersionPolicy(num_latest=None), {1, 2, 3}),
        (VersionPolicy(num_latest=None, specific=frozenset((1, 2, 9))), {1, 2}),
    ],
)
def test_policies(make_manager, base, policy, expected):
    base.add(1, 2, 3)
    manager = make_manager(config(base, policy=policy))
    assert set(states(manager)) == expected
    assert served(manager) == max(expected)
    assert served(manager, version=min(expected)) == min(expected)


def test_words_of_what_is_not_found(make_manager, base):
    base.add(1)
    manager = make_manager(config(base))
    cases = {
        "Servable not found for request: Latest(other)": ModelSpec(name="other"),
        "Servable not found for request: Specific(m, 3)": ModelSpec(
            name="m", version=3
        ),
        "Unrecognized servable version label: x": ModelSpec(name="m", label="x"),
        "ModelSpec has no name specified.": ModelSpec(name=""),
    }
    for words, spec in cases.items():
        with pytest.raises(ServingError) as error:
            manager.servable(spec)
        assert error.value.message == words
    with pytest.raises(ServingError, match=r"^Could not find any versions of model x$"):
        manager.status(ModelSpec(name="x"))
    with pytest.raises(ServingError, match=r"^Could not find version 9 of model m$"):
        manager.status(ModelSpec(name="m", version=9))


def test_new_version_replaces_the_old_one_which_then_ends(
    make_manager, base, eventually
):
    base.add(1)
    manager = make_manager(config(base))
    base.add(2)
    eventually(serves(manager, 2))
    eventually(lambda: states(manager) == {2: "AVAILABLE", 1: "END"})


def test_old_version_serves_while_the_new_one_loads(
    make_manager, base, loads, eventually
):
    base.add(1)
    manager = make_manager(config(base))
    loads.gate.clear()
    base.add(2)
    eventually(lambda: states(manager) == {1: "AVAILABLE", 2: "LOADING"})
    time.sleep(0.1)
    assert served(manager) == 1
    loads.gate.set()
    eventually(serves(manager, 2))


def test_old_version_stays_until_its_last_request_is_answered(
    make_manager, base, eventually
):
    base.add(1)
    manager = make_manager(config(base))
    held = manager.servable(ModelSpec(name="m"))
    base.add(2)
    eventually(lambda: states(manager).get(1) == "UNLOADING")
    time.sleep(0.1)
    assert states(manager)[1] == "UNLOADING"
    assert held.version == 1
    del held
    gc.collect()
    eventually(lambda: states(manager)[1] == "END")


def test_version_that_breaks_while_loading_leaves_the_old_one(
    make_manager, base, loads, eventually
):
    base.add(1)
    loads.problems[2] = RuntimeError("torn apart")
    manager = make_manager(
        config(base), load_retry_interval_s=0, max_num_load_retries=2
    )
    base.add(2)
    eventually(lambda: states(manager).get(2) == "END")
    assert served(manager) == 1
    assert loads.attempts.count(("m", 2)) == 3
    status = manager.status(ModelSpec(name="m", version=2))[0]
    assert status.error_code == Code.INTERNAL
    assert "torn apart" in status.error_message


def test_retry_comes_after_the_interval(make_manager, base, loads, eventually):
    base.add(1)
    loads.problems[1] = ServingError(Code.UNAVAILABLE, "not yet")
    manager = make_manager(config(base), load_retry_interval_s=0.5)
    assert states(manager) == {1: "LOADING"}
    assert loads.attempts == [("m", 1)]
    loads.problems.clear()
    started = time.monotonic()
    eventually(serves(manager, 1))
    assert 0.2 < time.monotonic() - started < 3


def test_version_without_a_graph_yet_is_awaited(make_manager, base, loads, eventually):
    (base.path / "1").mkdir()
    manager = make_manager(config(base))
    time.sleep(0.1)
    assert states(manager) == {1: "START"}
    assert "waiting" in manager.status(ModelSpec(name="m"))[0].error_message
    assert loads.attempts == []
    (base.path / "1" / "saved_model.pb").touch()
    eventually(serves(manager, 1))


def test_failed_version_is_tried_again_when_its_files_change(
    make_manager, base, loads, eventually
):
    base.add(1)
    loads.problems[1] = VersionRefusedError(Code.FAILED_PRECONDITION, "refused")
    manager = make_manager(config(base))
    assert states(manager) == {1: "END"}
    time.sleep(0.3)
    assert loads.attempts == [("m", 1)], "nothing changed: there is no use in it"
    loads.problems.clear()
    (base.path / "1" / "variables").touch()
    eventually(serves(manager, 1))


def test_last_version_is_kept_when_the_base_path_becomes_empty(make_manager, base):
    base.add(1)
    manager = make_manager(config(base))
    base.remove(1)
    time.sleep(0.15)
    assert served(manager) == 1
    base.path.rename(base.path.parent / "elsewhere")
    time.sleep(0.15)
    assert served(manager) == 1
    assert manager.status(ModelSpec(name="m"))[0].state == "AVAILABLE"


def test_nothing_is_dropped_when_the_base_path_is_lost(make_manager, base):
    base.add(1, 2)
    manager = make_manager(config(base, policy=VersionPolicy(num_latest=None)))
    base.path.rename(base.path.parent / "elsewhere")
    time.sleep(0.15)
    assert states(manager) == {1: "AVAILABLE", 2: "AVAILABLE"}


def test_server_starts_without_versions_and_finds_them_later(
    make_manager, base, eventually
):
    manager = make_manager(config(base))
    assert not manager.is_ready
    base.add(1)
    eventually(serves(manager, 1))
    assert manager.is_ready


def test_rollback_brings_an_ended_version_back(make_manager, base, loads, eventually):
    base.add(1)
    manager = make_manager(config(base))
    base.add(2)
    eventually(lambda: states(manager) == {2: "AVAILABLE", 1: "END"})
    base.remove(2)
    eventually(serves(manager, 1))
    eventually(lambda: states(manager) == {1: "AVAILABLE", 2: "END"})
    assert loads.attempts == [("m", 1), ("m", 2), ("m", 1)]


def test_rollback_while_the_old_version_still_answers(make_manager, base, eventually):
    base.add(1)
    manager = make_manager(config(base))
    held = manager.servable(ModelSpec(name="m"))
    base.add(2)
    eventually(lambda: states(manager).get(1) == "UNLOADING")
    base.remove(2)
    eventually(serves(manager, 1))
    assert manager.servable(ModelSpec(name="m")) is not held
    del held
    time.sleep(0.1)
    assert states(manager)[1] == "AVAILABLE"


def test_newest_of_unwanted_versions_serves_on(make_manager, base, loads, eventually):
    base.add(1, 2)
    manager = make_manager(config(base, policy=VersionPolicy(num_latest=2)))
    loads.problems[9] = RuntimeError("broken")
    base.add(9)
    manager.reload_models([config(base)])
    eventually(lambda: states(manager)[1] == "END")
    assert served(manager) == 2


def test_poll_wait_0_looks_once(make_manager, base):
    base.add(1)
    manager = make_manager(config(base), poll_s=0)
    base.add(2)
    time.sleep(0.5)
    assert served(manager) == 1
    manager.reload_models([config(base)])
    assert served(manager) == 2


def test_negative_poll_wait_never_looks(make_manager, base, loads):
    base.add(1)
    make_manager(config(base), poll_s=-1)
    time.sleep(0.3)
    assert loads.attempts == []


def test_labels_name_available_versions(make_manager, base):
    base.add(1, 2)
    both = VersionPolicy(num_latest=None)
    manager = make_manager(config(base, policy=both))
    manager.reload_models([config(base, policy=both, labels={"stable": 1})])
    assert served(manager, label="stable") == 1
    manager.reload_models([config(base, policy=both, labels={"stable": 2})])
    assert served(manager, label="stable") == 2
    with pytest.raises(ServingError, match="not currently available") as error:
        manager.reload_models([config(base, policy=both, labels={"stable": 7})])
    assert error.value.code is Code.FAILED_PRECONDITION
    assert served(manager, label="stable") == 2


def test_labels_are_looked_at_before_versions_are_loaded(make_manager, base):
    base.add(1, 2)
    with pytest.raises(ServingError, match="not currently available"):
        make_manager(config(base, labels={"stable": 2}))
    manager = make_manager(
        config(base, policy=VersionPolicy(num_latest=None, specific=frozenset((1,))))
    )
    both = VersionPolicy(num_latest=None, specific=frozenset((1, 2)))
    with pytest.raises(ServingError, match="not currently available"):
        manager.reload_models([config(base, policy=both, labels={"stable": 2})])
    assert [status.version for status in manager.status(ModelSpec(name="m"))] == [1]
    manager.reload_models([config(base, policy=both)])
    manager.reload_models([config(base, policy=both, labels={"stable": 2})])
    assert served(manager, label="stable") == 2


def test_new_label_may_name_an_unavailable_version_where_the_flag_says_so(
    make_manager, base
):
    base.add(1)
    manager = make_manager(config(base, labels={"next": 7}), labels_unavailable=True)
    with pytest.raises(ServingError, match=r"Specific\(m, 7\)"):
        served(manager, label="next")
    manager.reload_models([config(base, labels={"next": 1})])
    with pytest.raises(ServingError, match="not currently available"):
        manager.reload_models([config(base, labels={"next": 7})])


def test_model_taken_out_of_the_configuration_is_unloaded(
    make_manager, base, eventually
):
    base.add(1)
    manager = make_manager(config(base))
    manager.reload_models([config(base, name="other")])
    eventually(lambda: states(manager) == {1: "END"})
    with pytest.raises(ServingError, match=r"Latest\(m\)"):
        served(manager)
    assert manager.servable(ModelSpec(name="other")).version == 1


def test_reload_says_which_new_model_does_not_serve(make_manager, base):
    base.add(1)
    manager = make_manager(config(base))
    nowhere = ModelConfig(name="none", base_path=base.path / "nowhere")
    with pytest.raises(ServingError, match=r"not become available: \{none\}") as error:
        manager.reload_models([config(base), nowhere])
    assert error.value.code is Code.UNKNOWN
    assert served(manager) == 1


def test_refused_reload_changes_nothing(make_manager, base):
    from tensorflow_serving.config import model_server_config_pb2

    base.add(1)
    manager = make_manager(config(base))
    message = model_server_config_pb2.ModelServerConfig()
    for _ in range(2):
        message.model_config_list.config.add(
            name="m", base_path=str(base.path), model_platform="tensorflow"
        )
    with pytest.raises(ServingError, match="Illegal to list model m multiple times"):
        manager.reload_config(message)
    del message.model_config_list.config[1]
    manager.reload_config(message)
    assert served(manager) == 1
    assert [model.name for model in models_of(message)] == ["m"]
