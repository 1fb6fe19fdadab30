"""What the reload RPC changes, and what it refuses.

Facts from TF Serving's model_servers/server_core_test.cc and server_core.cc,
model_service_impl.cc and get_model_status_impl_test.cc.
"""

import grpc
import pytest
from tensorflow_serving.apis import model_management_pb2

from tests.serving.conformance.model_list import config_message, wait_until
from tests.serving.conformance.wire import TIMEOUT_S, failure

INVALID = grpc.StatusCode.INVALID_ARGUMENT


def test_reload_answers_once_the_new_model_serves(changing, model):
    """server_core_test.cc: ReloadConfigWaitsTillModelsAvailable."""
    changing.put(model, "half_3", "1")
    status = changing.add(model)
    assert (status.error_code, status.error_message) == (0, "")
    assert changing.wire.states(model) == {1: "AVAILABLE"}
    assert changing.offset(model) == 3.0


def test_model_left_out_is_unloaded(changing, model):
    """server_core_test.cc: ReloadConfigUnloadsModels."""
    changing.put(model, "half_1", "1")
    changing.add(model)
    changing.remove(model)
    path = f"/v1/models/{model}:predict"
    wait_until(
        lambda: changing.wire.post(path, '{"inputs": [[0]]}').status == 404,
        "the model is unloaded",
    )
    assert changing.offset("first") == 2.0


def test_model_taken_in_again_is_served_again(changing, model):
    """server_core_test.cc: ReloadConfigHandlesLoadingAPreviouslyUnloadedModel."""
    changing.put(model, "half_1", "1")
    changing.add(model)
    changing.remove(model)
    wait_until(lambda: not changing.wire.available(model), "the model is unloaded")
    changing.add(model)
    assert changing.offset(model) == 1.0


def test_models_that_stay_are_not_touched(changing, model):
    """file_system_storage_path_source_test.cc: ChangeSetOfServables."""
    changing.put(model, "half_1", "1")
    answers = {changing.offset("first")}
    changing.add(model)
    answers.add(changing.offset("first"))
    changing.remove(model)
    answers.add(changing.offset("first"))
    assert answers == {2.0}


def test_other_base_path_swaps_the_versions(changing, model):
    """server_core_test.cc: ReloadConfigChangeModelBasePath."""
    changing.place("half_1", changing.root / f"{model}_old" / "1")
    changing.place("half_3", changing.root / f"{model}_new" / "2")
    changing.add(model, base_path=str(changing.root / f"{model}_old"))
    assert changing.offset(model) == 1.0
    changing.add(model, base_path=str(changing.root / f"{model}_new"))
    changing.await_available(model, 2)
    assert changing.offset(model) == 3.0


def test_other_policy_takes_effect(changing, model):
    """server_core_test.cc: RequestVersionLabelAndReload's change of policy."""
    for version in ("1", "2", "3"):
        changing.put(model, f"half_{version}", version)
    changing.add(model)
    changing.await_available(model, 3)
    changing.add(model, specific=[1, 2])
    changing.await_available(model, 1, 2)
    changing.add(model, latest=1)
    changing.await_available(model, 3)


def test_broken_new_model_is_reported_and_the_others_serve(changing, model):
    """server_core_test.cc: ErroringModel."""
    changing.put(model, "garbage", "1")
    with pytest.raises(grpc.RpcError, match="did not become available") as caught:
        changing.add(model)
    assert caught.value.code() is grpc.StatusCode.UNKNOWN
    changing.await_end(model, 1)
    assert changing.offset("first") == 2.0


def two_versions(changing, model):
    changing.put(model, "half_1", "1")
    changing.put(model, "half_3", "3")
    changing.add(model, specific=[1, 3])
    changing.await_available(model, 1, 3)


def test_labels_are_assigned_to_versions_that_serve(changing, model):
    """server_core_test.cc: RequestVersionLabel."""
    two_versions(changing, model)
    changing.add(model, specific=[1, 3], labels={"stable": 1, "canary": 3})
    assert changing.offset(model, "/labels/stable") == 1.0
    assert changing.offset(model, "/labels/canary") == 3.0


def test_labels_move_and_vanish(changing, model):
    """server_core_test.cc: RequestVersionLabelAndReload."""
    two_versions(changing, model)
    changing.add(model, specific=[1, 3], labels={"stable": 1, "canary": 3})
    changing.add(model, specific=[1, 3], labels={"stable": 3})
    assert changing.offset(model, "/labels/stable") == 3.0
    gone = changing.wire.post(
        f"/v1/models/{model}/labels/canary:predict", '{"inputs": [[0]]}'
    )
    assert (gone.status, "Unrecognized" in gone.error) == (400, True)


@pytest.mark.parametrize("version", [2, 9])
def test_label_of_a_version_that_does_not_serve_is_refused(changing, model, version):
    """server_core_test.cc: VersionLabelsForUnavailableModels not allowed."""
    two_versions(changing, model)
    changing.put(model, "half_2", "2")
    with pytest.raises(grpc.RpcError, match="not currently available") as caught:
        changing.add(model, specific=[1, 3], labels={"next": version})
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "Request to assign label" in caught.value.details()
    path = f"/v1/models/{model}/labels/next:predict"
    assert changing.wire.post(path, '{"inputs": [[0]]}').status == 400


def test_label_whose_version_has_ended_is_refused_when_sent_again(changing, model):
    """server_core.cc, UpdateModelVersionLabelMap: every label is looked at."""
    changing.put(model, "half_1", "1")
    changing.add(model)
    changing.add(model, labels={"stable": 1})
    changing.put(model, "half_2", "2")
    changing.await_available(model, 2)
    changing.await_end(model, 1)
    by_label = changing.wire.post(
        f"/v1/models/{model}/labels/stable:predict", '{"inputs": [[0]]}'
    )
    assert by_label.status == 404
    with pytest.raises(grpc.RpcError, match="not currently available") as caught:
        changing.reload(changing.models)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION


def spoiled(changing, wrong):
    """Returns a configuration with one thing wrong with its last model."""
    message = config_message([*changing.models, dict(changing.models[0], name="more")])
    config = message.model_config_list.config[-1]
    changes = {
        "name-twice": lambda: setattr(config, "name", "first"),
        "unknown-platform": lambda: setattr(config, "model_platform", "not_a_known"),
        "type-and-platform": lambda: setattr(config, "model_type", 1),
        "neither-type-nor-platform": lambda: config.ClearField("model_platform"),
        "other-type": lambda: (
            config.ClearField("model_platform"),
            setattr(config, "model_type", 2),
        ),
    }
    changes[wrong]()
    return message


REFUSED = {
    "name-twice": "Illegal to list model first multiple times",
    "unknown-platform": "not_a_known",
    "type-and-platform": "Illegal setting both",
    "neither-type-nor-platform": "Illegal setting neither",
    "other-type": "",
}


@pytest.mark.parametrize("wrong", REFUSED)
def test_configuration_that_is_illegal_changes_nothing(changing, wrong):
    """server_core_test.cc: DuplicateModelName-, UnknownModelPlatform, Illegal*."""
    request = model_management_pb2.ReloadConfigRequest(config=spoiled(changing, wrong))
    error = failure(changing.wire.models.HandleReloadConfigRequest, request)
    assert error.code() is INVALID
    assert REFUSED[wrong] in error.details()
    assert changing.wire.states("more") == {}
    assert changing.offset("first") == 2.0


def test_deprecated_model_type_still_names_the_platform(changing, model):
    """server_core_test.cc: DeprecatedModelTypeConfig."""
    changing.put(model, "half_1", "1")
    base_path = str(changing.root / model)
    message = config_message(
        [*changing.models, {"name": model, "base_path": base_path, "platform": ""}]
    )
    message.model_config_list.config[-1].model_type = 1
    request = model_management_pb2.ReloadConfigRequest(config=message)
    changing.wire.models.HandleReloadConfigRequest(request, timeout=TIMEOUT_S)
    assert changing.offset(model) == 1.0


@pytest.mark.parametrize("kind", ["nothing", "custom"])
def test_only_lists_of_models_can_be_reloaded(changing, kind):
    """model_service_impl.cc; server_core_test.cc: IllegalReconfigurationTo-."""
    request = model_management_pb2.ReloadConfigRequest()
    if kind == "custom":
        request.config.custom_model_config.SetInParent()
    error = failure(changing.wire.models.HandleReloadConfigRequest, request)
    assert error.code() is INVALID
    assert "ServerModelConfig type not supported" in error.details()
    assert changing.offset("first") == 2.0
