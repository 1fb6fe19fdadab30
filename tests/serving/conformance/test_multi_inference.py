"""MultiInference: several signatures of one model on the same examples.

Facts from TF Serving's servables/tensorflow/multi_inference_test.cc and
model_servers/tensorflow_model_server_test.py (testMultiInference).
"""

import grpc
import pytest
from tensorflow_serving.apis import inference_pb2

from tests.serving.conformance.wire import TIMEOUT_S, failure

CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"
INVALID = grpc.StatusCode.INVALID_ARGUMENT


def multi_request(*tasks, xs=(2.0,)):
    """Returns a MultiInferenceRequest of (signature, method[, model]) tasks."""
    request = inference_pb2.MultiInferenceRequest()
    for signature, method, *model in tasks:
        task = request.tasks.add(method_name=method)
        task.model_spec.name = model[0] if model else "half_plus_two"
        task.model_spec.signature_name = signature
    for x in xs:
        example = request.input.example_list.examples.add()
        example.features.feature["x"].float_list.value.append(x)
    return request


def test_multi_inference_answers_every_task_in_order(served):
    """multi_inference_test.cc: RegressAndClassifySignaturesTest, ValidSingle-, …"""
    request = multi_request(
        ("regress_x_to_y", REGRESS),
        ("classify_x_to_y", CLASSIFY),
        ("regress_x_to_y2", REGRESS),
        xs=(2.0, 4.0),
    )
    found = served.prediction.MultiInference(request, timeout=TIMEOUT_S).results
    regressions = [
        [one.value for one in result.regression_result.regressions] for result in found
    ]
    assert regressions == [[3.0, 4.0], [], [4.0, 5.0]]
    scores = [
        row.classes[0].score for row in found[1].classification_result.classifications
    ]
    assert scores == [3.0, 4.0]
    specs = [result.model_spec for result in found]
    names = ["regress_x_to_y", "classify_x_to_y", "regress_x_to_y2"]
    assert [spec.signature_name for spec in specs] == names
    assert {(spec.name, spec.version.value) for spec in specs} == {
        ("half_plus_two", 123)
    }


MULTI_REFUSED = {
    "no-tasks": ([], INVALID, "Inference request contains no tasks"),
    "unknown-signature": ([("nowhere", REGRESS)], INVALID, "signature not found"),
    "two-models": (
        [("regress_x_to_y", REGRESS), ("regress_x_to_y", REGRESS, "half_plus_three")],
        INVALID,
        "must access the same model name",
    ),
    "signature-twice": (
        [("regress_x_to_y", REGRESS), ("regress_x_to_y", REGRESS)],
        INVALID,
        "Duplicate evaluation of signature: regress_x_to_y",
    ),
    "predict": (
        [("serving_default", "tensorflow/serving/predict")],
        grpc.StatusCode.UNIMPLEMENTED,
        "Unsupported signature",
    ),
    "two-inputs": (
        [("regress_x_to_y", REGRESS), ("regress_x2_to_y3", REGRESS)],
        INVALID,
        "Input tensor must be the same",
    ),
}


@pytest.mark.parametrize("case", MULTI_REFUSED)
def test_multi_inference_refuses(served, case):
    """multi_inference_test.cc: UndefinedSignature-, InconsistentModelSpecs-, …"""
    tasks, code, words = MULTI_REFUSED[case]
    error = failure(served.prediction.MultiInference, multi_request(*tasks))
    assert error.code() is code
    assert words in error.details()


def test_multi_inference_without_examples_is_invalid(served):
    """multi_inference_test.cc: MissingInputTest."""
    request = multi_request(("regress_x_to_y", REGRESS), xs=())
    error = failure(served.prediction.MultiInference, request)
    assert (error.code(), "Input is empty" in error.details()) == (INVALID, True)


def test_multi_inference_of_an_unknown_model_is_not_found(served):
    """multi_inference_test.cc; server_core.cc."""
    request = multi_request(("regress_x_to_y", REGRESS, "test"))
    error = failure(served.prediction.MultiInference, request)
    assert error.code() is grpc.StatusCode.NOT_FOUND
