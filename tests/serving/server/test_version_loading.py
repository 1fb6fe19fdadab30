"""Check, load, warm up: what a version must pass before it serves."""

import asyncio
import shutil
import time

import numpy as np
import pytest

from serving.bundle import layout
from serving.server.core import ModelSpec
from serving.server.model_config import ModelConfig
from serving.server.model_manager import ManagerOptions, ModelManager
from serving.server.status import Code, ServingError
from serving.server.version_loading import VersionLoader, VersionRefusedError
from tests.serving.server import small_models
from tests.serving.server.small_models import predict_log, write_warmup
from tests.serving.tiny_bundle import build_tiny_bundle


@pytest.fixture
def loader(runtime):
    return VersionLoader(runtime=runtime)


@pytest.fixture
def linear_copy(linear_model, tmp_path):
    return shutil.copytree(linear_model, tmp_path / "m" / "1")


def flip_byte(path):
    text = bytearray(path.read_bytes())
    text[len(text) // 2] ^= 1
    path.write_bytes(bytes(text))


def test_bundle_is_verified_warmed_up_and_named_by_its_digest(loader, tiny_bundle):
    from serving.bundle.contract import read_contract

    servable = loader.load("rides", 1, tiny_bundle)
    assert servable.bundle_digest == read_contract(tiny_bundle).digest
    metrics = loader.runtime.metrics
    assert metrics.warmup_latency.count((str(tiny_bundle), "OK")) == 1
    assert metrics.runtime_latency.count(("rides", "Predict", "TF1")) >= 6


def test_damaged_bundle_is_refused_with_guard_and_reason(loader, tiny_bundle):
    flip_byte(tiny_bundle / "variables" / "variables.data-00000-of-00001")
    with pytest.raises(VersionRefusedError) as error:
        loader.load("rides", 1, tiny_bundle)
    assert error.value.code is Code.FAILED_PRECONDITION
    assert error.value.message.startswith("bundle refused by files: 'variables/")


def test_check_is_left_out_where_the_flag_says_so(runtime, tiny_bundle):
    (tiny_bundle / "assets.extra" / "README").write_text("not in the contract")
    with pytest.raises(VersionRefusedError):
        VersionLoader(runtime=runtime).load("rides", 1, tiny_bundle)
    servable = VersionLoader(runtime=runtime, is_verified=False).load(
        "rides", 1, tiny_bundle
    )
    assert servable.bundle_digest


def test_refused_new_version_never_serves_and_the_old_one_goes_on(
    loader, tiny_bundle, tmp_path, eventually, caplog
):
    """The story the check is for: a version that was damaged on its way here."""
    manager = ModelManager(loader.load, ManagerOptions(poll_wait_s=0.05))
    manager.start([ModelConfig(name="rides", base_path=tiny_bundle.parent)])
    new = build_tiny_bundle(tmp_path / "pushed" / "2", version=2, bias=0.5)
    flip_byte(new / layout.SAVED_MODEL)
    new.rename(tiny_bundle.parent / "2")

    def new_state():
        found = manager.status(ModelSpec(name="rides"))
        return next((status for status in found if status.version == 2), None)

    eventually(lambda: new_state() and new_state().state == "END")
    assert new_state().error_code == Code.FAILED_PRECONDITION
    assert "bundle refused by files: 'saved_model.pb'" in new_state().error_message
    assert "bundle refused by files" in caplog.text
    time.sleep(0.3)
    assert manager.servable(ModelSpec(name="rides")).version == 1
    manager.stop()


def test_warmup_requests_are_replayed_as_often_as_asked(runtime, linear_copy):
    write_warmup(linear_copy, [predict_log("", x=[1.0]), predict_log(x=[[2.0]])])
    loader = VersionLoader(runtime=runtime, num_warmup_iterations=3)
    loader.load("m", 1, linear_copy)
    assert runtime.metrics.runtime_latency.count(("m", "Predict", "TF1")) == 6


def test_warmup_is_left_out_where_the_flag_says_so(runtime, linear_copy):
    write_warmup(linear_copy, [predict_log("missing", x=[1.0])])
    VersionLoader(runtime=runtime, is_warmed_up=False).load("m", 1, linear_copy)


def test_warmup_of_classify_regress_and_several(runtime, half_plus_two, tmp_path):
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    copy = shutil.copytree(half_plus_two, tmp_path / "1")
    example = tf.train.Example()
    example.features.feature["x"].float_list.value.append(2.0)
    logs = [prediction_log_pb2.PredictionLog() for _ in range(3)]
    classify, regress = logs[0].classify_log.request, logs[1].regress_log.request
    several = logs[2].multi_inference_log.request
    classify.model_spec.signature_name = "classify"
    regress.model_spec.signature_name = "regress"
    several.tasks.add().model_spec.signature_name = "regress"
    for request in (classify, regress, several):
        request.input.example_list.examples.append(example)
    write_warmup(copy, logs)
    VersionLoader(runtime=runtime).load("m", 1, copy)
    latency = runtime.metrics.runtime_latency
    assert latency.count(("m", "Classify", "TF1")) == 1
    assert latency.count(("m", "Regress", "TF1")) == 2


@pytest.mark.parametrize(
    ("logs", "words"),
    [
        (
            [predict_log("missing", x=[1.0])],
            'Serving signature key "missing" not found',
        ),
        ([predict_log(z=[1.0])], "input tensor alias not found"),
        ([predict_log(x=[1.0])] * 1001, "exceeds the maximum (1000)"),
    ],
)
def test_warmup_that_fails_is_a_load_error(loader, linear_copy, logs, words):
    write_warmup(linear_copy, logs)
    with pytest.raises(ServingError) as error:
        loader.load("m", 1, linear_copy)
    assert words in error.value.message


def test_a_thousand_warmup_records_are_not_too_many(loader, linear_copy):
    write_warmup(linear_copy, [predict_log(x=[1.0])] * 1000)
    loader.load("m", 1, linear_copy)


def test_damaged_warmup_file_is_a_load_error(loader, linear_copy):
    write_warmup(linear_copy, [predict_log(x=[1.0])])
    flip_byte(linear_copy / layout.WARMUP)
    with pytest.raises(ServingError, match="cannot be read"):
        loader.load("m", 1, linear_copy)


def test_signature_whose_rows_depend_on_each_other_is_not_batched(
    loader, odd_model, tmp_path, caplog
):
    copy = shutil.copytree(odd_model, tmp_path / "1")
    write_warmup(
        copy,
        [predict_log("centered", x=[1.0, 5.0]), predict_log("two", x=[1.0, 2.0])],
    )
    servable = loader.load("m", 1, copy)
    assert "'centered' depend on each other" in caplog.text
    assert "'two'" not in caplog.text
    assert servable._is_row_wise == {"centered": False, "two": True}

    async def ask():
        requests = [np.array([n, 0], np.float32) for n in range(50)]
        return await asyncio.gather(
            *(servable.run("centered", {"x": values}) for values in requests)
        )

    answers = [found["y"].tolist() for found in asyncio.run(ask())]
    assert answers == [[n / 2, -n / 2] for n in range(50)]


def test_graph_of_other_tags_is_not_found(runtime, linear_copy):
    loader = VersionLoader(runtime=runtime, tags=("gpu",))
    with pytest.raises(ServingError, match="gpu"):
        loader.load("m", 1, linear_copy)


def test_half_copied_model_is_served_once_it_is_whole(loader, tmp_path, eventually):
    whole = small_models.write_linear(tmp_path / "whole")
    version = tmp_path / "m" / "1"
    version.mkdir(parents=True)
    options = ManagerOptions(poll_wait_s=0.05, load_retry_interval_s=60)
    manager = ModelManager(loader.load, options)
    manager.start([ModelConfig(name="m", base_path=version.parent)])
    shutil.copy(whole / "saved_model.pb", version)

    def error():
        return manager.status(ModelSpec(name="m"))[0].error_message

    eventually(lambda: "waiting" not in error() and error())
    shutil.copytree(whole / "variables", version / "variables")
    eventually(lambda: manager.is_ready)
    manager.stop()
