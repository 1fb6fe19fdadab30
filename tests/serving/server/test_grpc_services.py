"""gRPC's services over a real socket: TF Serving's calls, words and codes."""

import re

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)

from serving.server.grpc_tensors import fill_proto
from serving.server.model_config import ModelConfig
from tests.serving.server.grpc_client import example_input, predict_request
from tests.serving.server.small_models import write_linear


def test_predict(talk, runtime):
    async def conversation(client):
        found = await client.call(client.prediction, "Predict", predict_request())
        return found, client.metadata

    found, metadata = talk(conversation)
    assert tf.make_ndarray(found.outputs["y"]).tolist() == [[3.0]]
    assert list(found.outputs["y"].float_val) == [3.0]
    assert found.model_spec.name == "m"
    assert found.model_spec.version.value == 1
    assert found.model_spec.signature_name == "serving_default"
    assert metadata["x-slipway-model-version"] == "1"
    assert re.fullmatch("[0-9a-f]{16}-[0-9a-f]+", metadata["x-request-id"])
    assert "x-slipway-bundle-digest" not in metadata
    assert runtime.metrics.requests.value(("m", "OK")) == 1


def test_request_id_of_the_client_comes_back_also_with_an_error(talk):
    async def conversation(client):
        own = {"metadata": (("x-request-id", "mine"),)}
        await client.call(client.prediction, "Predict", predict_request(), **own)
        first = client.metadata["x-request-id"]
        request = predict_request(name="other")
        with pytest.raises(grpc.aio.AioRpcError):
            await client.call(client.prediction, "Predict", request, **own)
        return first, client.metadata["x-request-id"]

    assert talk(conversation) == ("mine", "mine")


def test_bundle_digest_is_in_the_trailing_metadata(talk, manager, tiny_bundle):
    from serving.bundle.contract import read_contract

    manager.reload_models([ModelConfig(name="rides", base_path=tiny_bundle.parent)])

    async def conversation(client):
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "rides"
        request.model_spec.signature_name = "serving_examples"
        empty = np.array([tf.train.Example().SerializeToString()], object)
        fill_proto(request.inputs["examples"], empty)
        await client.call(client.prediction, "Predict", request)
        return client.metadata

    digest = read_contract(tiny_bundle).digest
    assert talk(conversation)["x-slipway-bundle-digest"] == digest


def test_numbers_as_tensor_content_where_the_flag_says_so(talk):
    async def conversation(client):
        return await client.call(client.prediction, "Predict", predict_request())

    found = talk(conversation, as_content=True).outputs["y"]
    assert found.tensor_content
    assert tf.make_ndarray(found).tolist() == [[3.0]]


def test_output_filter_version_and_label(talk):
    async def conversation(client):
        request = predict_request(version=1)
        request.output_filter.append("y")
        first = await client.call(client.prediction, "Predict", request)
        labelled = predict_request(version_label="stable")
        return first, await client.call(client.prediction, "Predict", labelled)

    for found in talk(conversation):
        assert list(found.outputs) == ["y"]


def filtered(name):
    request = predict_request()
    request.output_filter.append(name)
    return request


def bad_tensor():
    request = predict_request()
    request.inputs["x"].tensor_content = b"123"
    return request


CODE = grpc.StatusCode


@pytest.mark.parametrize(
    ("call", "request_message", "code", "words"),
    [
        ("Predict", predict_request(name="z"), CODE.NOT_FOUND,
         "Servable not found for request: Latest(z)"),
        ("Predict", predict_request(version=9), CODE.NOT_FOUND,
         "Servable not found for request: Specific(m, 9)"),
        ("Predict", predict_request(version_label="z"), CODE.INVALID_ARGUMENT,
         "Unrecognized servable version label: z"),
        ("Predict", predict_request(signature_name="z"), CODE.FAILED_PRECONDITION,
         'Serving signature key "z" not found.'),
        ("Predict", predict_request(name=""), CODE.INVALID_ARGUMENT,
         "ModelSpec has no name specified."),
        ("Predict", predict_pb2.PredictRequest(), CODE.INVALID_ARGUMENT,
         "Missing ModelSpec"),
        ("Predict", filtered("z"), CODE.INVALID_ARGUMENT,
         "output tensor alias not found in signature: z"),
        ("Predict", bad_tensor(), CODE.INVALID_ARGUMENT, "tensor parsing error"),
        ("Classify", classification_pb2.ClassificationRequest(), CODE.INVALID_ARGUMENT,
         "Missing ModelSpec"),
        ("Regress", regression_pb2.RegressionRequest(), CODE.INVALID_ARGUMENT,
         "Missing ModelSpec"),
        ("MultiInference", inference_pb2.MultiInferenceRequest(), CODE.INVALID_ARGUMENT,
         "no tasks"),
        ("GetModelMetadata", get_model_metadata_pb2.GetModelMetadataRequest(),
         CODE.INVALID_ARGUMENT, "Missing ModelSpec"),
    ],
)  # fmt: skip
def test_refusals(talk, call, request_message, code, words):
    async def conversation(client):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await client.call(client.prediction, call, request_message)
        assert error.value.code() is code
        assert words in error.value.details()
        assert await client.call(client.prediction, "Predict", predict_request())

    talk(conversation)


def test_classify_and_regress(talk, runtime):
    async def conversation(client):
        classify = example_input(classification_pb2.ClassificationRequest(), 2.0, 4.0)
        classify.model_spec.name = "m"
        classify.model_spec.signature_name = "classify"
        regress = example_input(regression_pb2.RegressionRequest(), 2.0, 4.0)
        regress.model_spec.name = "m"
        regress.model_spec.signature_name = "regress"
        return (
            await client.call(client.prediction, "Classify", classify),
            await client.call(client.prediction, "Regress", regress),
        )

    classified, regressed = talk(conversation)
    found = classified.result.classifications[1].classes[0]
    assert (found.label, found.score) == ("4.0", 4.0)
    assert classified.model_spec.signature_name == "classify"
    assert [one.value for one in regressed.result.regressions] == [3.0, 4.0]
    assert regressed.model_spec.version.value == 1
    assert runtime.metrics.example_total.value(("m",)) == 4


def classify_request(signature, *values):
    request = example_input(classification_pb2.ClassificationRequest(), *values)
    request.model_spec.name = "m"
    request.model_spec.signature_name = signature
    return request


@pytest.mark.parametrize(
    ("signature", "values", "options", "words"),
    [
        ("classify", (), {}, "Input is empty."),
        ("none", (1.0,), {}, "No signature was found with the name: none"),
        ("regress", (1.0,), {"checks_methods": True},
         ("Expected classification signature method_name to be "
         "tensorflow/serving/classify. Was: tensorflow/serving/regress")),
        ("regress", (1.0,), {}, 'contain at least one of "classes" or "scores"'),
        ("serving_default", (1.0,), {}, "No classification inputs found"),
    ],
)  # fmt: skip
def test_classify_refusals(talk, signature, values, options, words):
    async def conversation(client):
        request = classify_request(signature, *values)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await client.call(client.prediction, "Classify", request)
        assert words in error.value.details()

    talk(conversation, **options)


def test_context_is_put_before_every_example(talk):
    async def conversation(client):
        request = regression_pb2.RegressionRequest()
        request.model_spec.name = "m"
        request.model_spec.signature_name = "regress"
        given = request.input.example_list_with_context
        given.context.features.feature["x"].float_list.value.append(8.0)
        given.examples.add()
        own = given.examples.add()
        own.features.feature["x"].float_list.value.append(2.0)
        return await client.call(client.prediction, "Regress", request)

    found = talk(conversation)
    assert [one.value for one in found.result.regressions] == [6.0, 3.0]


def several(*tasks):
    request = example_input(inference_pb2.MultiInferenceRequest(), 2.0)
    for name, signature, method in tasks:
        task = request.tasks.add(method_name=f"tensorflow/serving/{method}")
        task.model_spec.name = name
        task.model_spec.signature_name = signature
    return request


def test_multi_inference(talk):
    async def conversation(client):
        request = several(("m", "regress", "regress"), ("m", "classify", "classify"))
        return await client.call(client.prediction, "MultiInference", request)

    first, second = talk(conversation).results
    assert first.regression_result.regressions[0].value == 3.0
    assert second.classification_result.classifications[0].classes[0].score == 3.0
    assert second.model_spec.signature_name == "classify"


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ([("m", "regress", "regress"), ("n", "classify", "classify")],
         "must access the same model name"),
        ([("m", "regress", "regress")] * 2,
         "Duplicate evaluation of signature: regress"),
        ([("m", "none", "regress")], "not found in model graph: none"),
        ([("m", "regress", "predict")], "Unsupported signature method_name"),
        ([("m", "regress", "regress"), ("m", "other_input", "regress")],
         "Input tensor must be the same for all Signatures."),
    ],
)  # fmt: skip
def test_multi_inference_refusals(talk, tasks, words):
    async def conversation(client):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await client.call(client.prediction, "MultiInference", several(*tasks))
        assert words in error.value.details()

    talk(conversation)


def test_metadata(talk):
    async def conversation(client):
        request = get_model_metadata_pb2.GetModelMetadataRequest()
        request.model_spec.name = "m"
        request.metadata_field.append("signature_def")
        found = await client.call(client.prediction, "GetModelMetadata", request)
        request.metadata_field.append("weights")
        with pytest.raises(grpc.aio.AioRpcError, match="weights is not supported"):
            await client.call(client.prediction, "GetModelMetadata", request)
        return found

    found = talk(conversation)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert found.metadata["signature_def"].Unpack(signatures)
    assert signatures.signature_def["classify"].method_name == (
        "tensorflow/serving/classify"
    )
    assert found.model_spec.version.value == 1


def test_status_and_reload(talk, tmp_path):
    write_linear(tmp_path / "n" / "5")

    async def conversation(client):
        status = get_model_status_pb2.GetModelStatusRequest()
        status.model_spec.name = "m"
        before = await client.call(client.model, "GetModelStatus", status)
        reload = model_management_pb2.ReloadConfigRequest()
        reload.config.model_config_list.config.add(
            name="n", base_path=str(tmp_path / "n"), model_platform="tensorflow"
        )
        await client.call(client.model, "HandleReloadConfigRequest", reload)
        status.model_spec.name = "n"
        after = await client.call(client.model, "GetModelStatus", status)
        empty = model_management_pb2.ReloadConfigRequest()
        with pytest.raises(grpc.aio.AioRpcError, match="Only ModelConfigList"):
            await client.call(client.model, "HandleReloadConfigRequest", empty)
        return before.model_version_status[0], after.model_version_status[0]

    before, after = talk(conversation)
    assert (before.version, before.state, before.status.error_code) == (1, 30, 0)
    assert (after.version, after.state) == (5, 30)
