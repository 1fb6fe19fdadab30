"""Predict over gRPC.

Facts from TF Serving's servables/tensorflow/predict_impl_test.cc, predict_util_test.cc
and predict_util.cc, and model_servers/tensorflow_model_server_test.py.
"""

import grpc
import pytest
import tensorflow as tf

from tests.serving.conformance.wire import (
    TIMEOUT_S,
    failure,
    floats,
    predict_request,
)

INVALID = grpc.StatusCode.INVALID_ARGUMENT


def predict(wire, request):
    return wire.prediction.Predict(request, timeout=TIMEOUT_S)


@pytest.mark.parametrize("output_filter", [(), ("y",)], ids=["all", "filtered"])
@pytest.mark.parametrize(
    ("model", "expected"), [("half_plus_two", 3.0), ("half_plus_three", 4.0)]
)
def test_predict_answers_with_the_model_that_did(
    served, model, expected, output_filter
):
    """tensorflow_model_server_test.py: testPredict*, testGoodModelConfig."""
    request = predict_request(model, x=floats(2.0))
    request.output_filter.extend(output_filter)
    response = predict(served, request)
    assert list(response.outputs) == ["y"]
    y = response.outputs["y"]
    assert (y.dtype, list(y.float_val), y.tensor_content) == (1, [expected], b"")
    assert [dim.size for dim in y.tensor_shape.dim] == [1]
    spec = response.model_spec
    assert (spec.name, spec.version.value) == (model, 123)
    assert spec.signature_name == "serving_default"


def test_scalar_in_scalar_out(served):
    """predict_impl_test.cc: PredictionSuccess."""
    y = predict(served, predict_request("half_plus_two", x=floats(2.0)[0])).outputs["y"]
    assert (list(y.float_val), list(y.tensor_shape.dim)) == ([3.0], [])


@pytest.mark.parametrize(
    ("signature", "output"),
    [("regress_x2_to_y3", "outputs"), ("classify_x2_to_y3", "scores")],
)
def test_predict_runs_signatures_of_other_methods(served, signature, output):
    """predict_impl_test.cc: PredictionWithNamedRegression-, ClassificationSignature."""
    request = predict_request("half_plus_two", signature=signature, inputs=floats(2.0))
    response = predict(served, request)
    assert {key: list(t.float_val) for key, t in response.outputs.items()} == {
        output: [4.0]
    }
    assert response.model_spec.signature_name == signature


def test_tensor_content_is_read_as_well_as_values(served):
    """predict_util_test.cc: inputs in either form."""
    tensor = tf.make_tensor_proto(floats(2.0, 4.0))
    assert tensor.tensor_content
    y = predict(served, predict_request("half_plus_two", x=tensor)).outputs["y"]
    assert list(y.float_val) == [3.0, 4.0]


def test_last_value_fills_a_shape(served):
    """tensorflow/core/framework/tensor.cc: Tensor::FromProto, as Predict uses it."""
    tensor = tf.make_tensor_proto(floats(2.0))
    tensor.ClearField("tensor_content")
    del tensor.float_val[:]
    tensor.float_val.append(2.0)
    tensor.tensor_shape.dim[0].size = 3
    y = predict(served, predict_request("half_plus_two", x=tensor)).outputs["y"]
    assert list(y.float_val) == [3.0, 3.0, 3.0]


@pytest.mark.parametrize(
    ("signature", "values", "field"),
    [
        ("double", [0.5, -1.0], "double_val"),
        ("int32", [1, -2], "int_val"),
        ("int8", [-128], "int_val"),
        ("int64", [2**62], "int64_val"),
        ("uint8", [255], "int_val"),
        ("uint32", [2**32 - 1], "uint32_val"),
        ("uint64", [2**64 - 1], "uint64_val"),
        ("bool", [True, False], "bool_val"),
        ("string", [b"a\xff", b""], "string_val"),
    ],
)
def test_values_come_back_in_the_field_of_their_type(served, signature, values, field):
    """predict_util.cc: AsProtoField, the default of the response."""
    dtype = getattr(tf, signature if signature != "double" else "float64")
    tensor = tf.make_tensor_proto(values, dtype)
    request = predict_request("echoes", signature=signature, x=tensor)
    y = predict(served, request).outputs["y"]
    assert (list(getattr(y, field)), y.dtype) == (values, dtype.as_datatype_enum)


def test_version_and_label_choose(served):
    """server_core_test.cc: RequestVersion, RequestVersionLabel."""
    request = predict_request("labelled", x=floats(2.0))
    answers = {}
    for key, version, label in (("v", 1, ""), ("l", 0, "stable"), ("c", 0, "canary")):
        if version:
            request.model_spec.version.value = version
        else:
            request.model_spec.version_label = label
        answers[key] = predict(served, request).outputs["y"].float_val[0]
    assert answers == {"v": 2.0, "l": 2.0, "c": 4.0}


def spoil(field):
    """Returns a request for half_plus_two with one thing wrong."""
    request = predict_request("half_plus_two", x=floats(2.0))
    spec = request.model_spec
    changes = {
        "no-spec": lambda: request.ClearField("model_spec"),
        "no-name": lambda: spec.ClearField("name"),
        "no-inputs": request.inputs.clear,
        "unknown-input": lambda: (
            request.inputs["z"].CopyFrom(request.inputs["x"]),
            request.inputs.pop("x"),
        ),
        "one-input-too-many": lambda: request.inputs["z"].CopyFrom(request.inputs["x"]),
        "unknown-output": lambda: request.output_filter.append("z"),
        "output-twice": lambda: request.output_filter.extend(["y", "y"]),
        "text-for-float": lambda: request.inputs["x"].CopyFrom(
            tf.make_tensor_proto(["any_key"])
        ),
        "double-for-float": lambda: request.inputs["x"].CopyFrom(
            tf.make_tensor_proto(2.0, tf.float64)
        ),
        "content-of-another-size": lambda: (
            request.inputs["x"].CopyFrom(tf.make_tensor_proto(floats(1.0, 2.0)))
            or setattr(request.inputs["x"], "tensor_content", b"abc")
        ),
        "too-many-values-missing": lambda: (
            request.inputs["x"].ClearField("dtype"),
            request.inputs["x"].ClearField("float_val"),
        ),
    }
    changes[field]()
    return request


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("no-spec", "Missing ModelSpec"),
        ("no-name", ""),
        ("no-inputs", "input size does not match signature: 0!=1"),
        ("unknown-input", "input tensor alias not found in signature: z"),
        ("one-input-too-many", "Sent extra: {z}"),
        ("unknown-output", "output tensor alias not found in signature: z"),
        ("output-twice", "duplicate output tensor alias: y"),
        ("text-for-float", ""),
        ("double-for-float", ""),
        ("content-of-another-size", "tensor parsing error: x"),
        ("too-many-values-missing", "tensor parsing error: x"),
    ],
)
def test_requests_that_do_not_fit_are_invalid(served, wrong, words):
    """predict_impl_test.cc and predict_util_test.cc: all that is INVALID_ARGUMENT."""
    error = failure(served.prediction.Predict, spoil(wrong))
    assert error.code() is INVALID
    assert words in error.details()


@pytest.mark.parametrize(
    ("values", "shape"), [([1.0, 2.0, 3.0], (1, 3)), ([1.0], (1,))]
)
def test_shape_the_graph_cannot_take_is_invalid(served, values, shape):
    """predict_impl_test.cc: what Session::Run refuses."""
    request = predict_request(
        "echoes", signature="product", x=floats(*values).reshape(shape)
    )
    assert failure(served.prediction.Predict, request).code() is INVALID


@pytest.mark.parametrize(
    ("model", "signature"),
    [("half_plus_two", "nowhere"), ("without_default", "")],
)
def test_signature_that_is_not_there_is_a_failed_precondition(served, model, signature):
    """predict_impl_test.cc: ModelMissingSignatures; model_server_test: bad model."""
    request = predict_request(model, signature=signature, x=floats(2.0))
    error = failure(served.prediction.Predict, request)
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    name = signature or "serving_default"
    assert f'Serving signature key "{name}" not found' in error.details()


@pytest.mark.parametrize(
    ("name", "version", "words"),
    [
        ("test", 0, "Servable not found for request: Latest(test)"),
        (
            "half_plus_two",
            9,
            "Servable not found for request: Specific(half_plus_two, 9)",
        ),
    ],
)
def test_servable_that_is_not_there_is_not_found(served, name, version, words):
    """predict_impl_test.cc: MissingOrEmptyModelSpec; model_server_test: wait loop."""
    request = predict_request(name, x=floats(2.0))
    if version:
        request.model_spec.version.value = version
    error = failure(served.prediction.Predict, request)
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, words)


def test_label_that_is_not_there_is_invalid(served):
    """server_core_test.cc: RequestVersionLabel, unknown label."""
    request = predict_request("labelled", x=floats(2.0))
    request.model_spec.version_label = "nobody"
    error = failure(served.prediction.Predict, request)
    assert error.code() is INVALID
    assert "Unrecognized servable version label: nobody" in error.details()


def test_assets_and_init_ops_of_tensorflow_1_work(served):
    """saved_model_bundle_factory_test.cc: assets and main op are run at loading."""
    request = predict_request("vocabulary", word=[b"snow", b"sun", b"fog"])
    place = predict(served, request).outputs["place"]
    assert list(place.int64_val) == [2, 0, -1]


def test_exports_of_tensorflow_2_work(served):
    """tensorflow_model_server_test.py: testPredictSavedModel with a TF2 model."""
    y = predict(served, predict_request("tensorflow_2", x=floats(2.0))).outputs["y"]
    request = predict_request("tensorflow_2", signature="place_of", word=[b"rain"])
    place = predict(served, request).outputs["place"]
    assert (list(y.float_val), list(place.int64_val)) == ([3.0], [1])


def test_method_of_a_signature_is_not_looked_at_by_default(served):
    """predict_util_test.cc: with the check of method names off."""
    request = predict_request("echoes", signature="odd_method", x=floats(2.0))
    assert list(predict(served, request).outputs["y"].float_val) == [2.0]


def test_concurrent_requests_get_their_own_answers(served):
    """tensorflow_model_server_test.py: answers belong to their requests."""
    calls = [
        served.prediction.Predict.future(
            predict_request("half_plus_two", x=floats(2.0 * number)), timeout=TIMEOUT_S
        )
        for number in range(64)
    ]
    answers = [call.result().outputs["y"].float_val[0] for call in calls]
    assert answers == [number + 2.0 for number in range(64)]
