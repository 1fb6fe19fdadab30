"""GetModelMetadata and GetModelStatus.

Facts from TF Serving's servables/tensorflow/get_model_metadata_impl_test.cc,
model_servers/get_model_status_impl_test.cc, http_rest_api_handler_test.cc and its
golden file saved_model_half_plus_two_2_versions_metadata.json.
"""

import grpc
import pytest
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from tests.serving.conformance.wire import TIMEOUT_S, failure

INVALID = grpc.StatusCode.INVALID_ARGUMENT


def metadata_request(*fields, model="half_plus_two"):
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = model
    request.metadata_field.extend(fields)
    return request


def signatures_of(response):
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    return signatures.signature_def


def test_signatures_are_those_of_the_saved_model(served, templates):
    """get_model_metadata_impl_test.cc: ReturnsSignaturesForValidModel."""
    request = metadata_request("signature_def")
    request.model_spec.version.value = 123
    response = served.prediction.GetModelMetadata(request, timeout=TIMEOUT_S)
    assert response.model_spec == request.model_spec
    assert list(response.metadata) == ["signature_def"]
    file = templates / "half_2" / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    found, written = signatures_of(response), saved.meta_graphs[0].signature_def
    assert len(found) == 6
    assert dict(found) == dict(written)


def test_version_that_answers_is_told(served):
    """get_model_metadata_impl.cc: the version of the handle, not of the request."""
    request = metadata_request("signature_def", model="labelled")
    response = served.prediction.GetModelMetadata(request, timeout=TIMEOUT_S)
    assert response.model_spec.version.value == 3


@pytest.mark.parametrize(
    ("fields", "model", "code"),
    [
        ((), "half_plus_two", INVALID),
        (("some_stuff",), "half_plus_two", INVALID),
        (("signature_def", "some_stuff"), "half_plus_two", INVALID),
        (("signature_def",), "", INVALID),
        (("signature_def",), "test", grpc.StatusCode.NOT_FOUND),
    ],
    ids=["no-field", "unknown-field", "one-unknown-field", "no-name", "no-such-model"],
)
def test_metadata_requests_that_do_not_fit_are_refused(served, fields, model, code):
    """get_model_metadata_impl_test.cc: EmptyOrInvalid-, MissingOrEmptyModelSpec."""
    request = metadata_request(*fields, model=model)
    assert failure(served.prediction.GetModelMetadata, request).code() is code


def test_metadata_without_a_model_spec_is_invalid(served):
    """get_model_metadata_impl_test.cc: MissingOrEmptyModelSpec."""
    request = metadata_request("signature_def")
    request.ClearField("model_spec")
    error = failure(served.prediction.GetModelMetadata, request)
    assert (error.code(), error.details()) == (INVALID, "Missing ModelSpec")


def tensor(dtype, name, *sizes):
    return {
        "dtype": dtype,
        "name": name,
        "tensor_shape": {
            "dim": [{"size": size, "name": ""} for size in sizes],
            "unknown_rank": False,
        },
    }


def signature(inputs, outputs, method):
    return {
        "inputs": inputs,
        "outputs": outputs,
        "method_name": f"tensorflow/serving/{method}",
    }


def without_defaults(definition):
    """SignatureDef.defaults is younger than many servers."""
    return {key: value for key, value in definition.items() if key != "defaults"}


@pytest.mark.parametrize("rest", ["", "/versions/123"])
def test_metadata_json_is_the_golden_one(served, rest):
    """http_rest_api_handler_test.cc: GetModelMetadata; every field, int64 as text."""
    text = tensor("DT_STRING", "tf_example:0", "-1")
    x, x2, y, y2, y3 = (
        tensor("DT_FLOAT", f"{name}:0", "-1", "1")
        for name in ("x", "x2", "y", "y2", "y3")
    )
    expected = {
        "serving_default": signature({"x": x}, {"y": y}, "predict"),
        "regress_x_to_y": signature({"inputs": text}, {"outputs": y}, "regress"),
        "regress_x_to_y2": signature({"inputs": text}, {"outputs": y2}, "regress"),
        "regress_x2_to_y3": signature({"inputs": x2}, {"outputs": y3}, "regress"),
        "classify_x_to_y": signature({"inputs": text}, {"scores": y}, "classify"),
        "classify_x2_to_y3": signature({"inputs": x2}, {"scores": y3}, "classify"),
    }
    answer = served.get(f"/v1/models/half_plus_two{rest}/metadata")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    whole = answer.json
    assert whole["model_spec"] == {
        "name": "half_plus_two",
        "signature_name": "",
        "version": "123",
    }
    assert list(whole["metadata"]) == ["signature_def"]
    found = whole["metadata"]["signature_def"]["signature_def"]
    assert {key: without_defaults(value) for key, value in found.items()} == expected


def test_metadata_json_of_a_label(served):
    """http_rest_api_util.cc: labels in GET paths."""
    answer = served.get("/v1/models/labelled/labels/stable/metadata")
    assert answer.json["model_spec"]["version"] == "1"


def status_request(model, version=None):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = model
    if version is not None:
        request.model_spec.version.value = version
    return request


def test_status_of_one_version(served):
    """tensorflow_model_server_test.py: testGetModelStatus; SingleVersionSuccess."""
    request = status_request("labelled", 1)
    (found,) = served.models.GetModelStatus(
        request, timeout=TIMEOUT_S
    ).model_version_status
    available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    assert (found.version, found.state) == (1, available)
    assert (found.status.error_code, found.status.error_message) == (0, "")


def test_status_of_every_version(served):
    """get_model_status_impl_test.cc: AllVersionsSuccess."""
    answer = served.models.GetModelStatus(status_request("labelled"), timeout=TIMEOUT_S)
    assert {found.version for found in answer.model_version_status} == {1, 3}


@pytest.mark.parametrize(
    ("model", "version", "code"),
    [
        ("", None, INVALID),
        ("nonexistent_model", None, grpc.StatusCode.NOT_FOUND),
        ("labelled", 125, grpc.StatusCode.NOT_FOUND),
    ],
)
def test_status_of_what_is_not_there(served, model, version, code):
    """get_model_status_impl_test.cc: MissingOrEmptyModelSpec-, Invalid*Failure."""
    request = status_request(model, version)
    assert failure(served.models.GetModelStatus, request).code() is code
