"""Classify and Regress, over REST and gRPC.

Facts from TF Serving's servables/tensorflow/classifier_test.cc, regressor_test.cc,
classification_service_test.cc, regression_service_test.cc, util/json_tensor_test.cc and
model_servers/http_rest_api_handler_test.cc.
"""

import json

import grpc
import pytest
from tensorflow_serving.apis import classification_pb2, regression_pb2

from tests.serving.conformance.wire import TIMEOUT_S, failure, with_examples

INVALID = grpc.StatusCode.INVALID_ARGUMENT
FAILED = grpc.StatusCode.FAILED_PRECONDITION


def classify_request(signature, *xs, model="half_plus_two"):
    request = classification_pb2.ClassificationRequest()
    return with_examples(request, model, signature, *xs)


def regress_request(signature, *xs, model="half_plus_two"):
    request = regression_pb2.RegressionRequest()
    return with_examples(request, model, signature, *xs)


def classes_of(response):
    return [
        [(found.label, round(found.score, 4)) for found in row.classes]
        for row in response.result.classifications
    ]


def test_classify_answers_scores_without_labels(served):
    """tensorflow_model_server_test.py: testClassify; classification_service_test.cc."""
    request = classify_request("classify_x_to_y", 2.0, 4.0)
    response = served.prediction.Classify(request, timeout=TIMEOUT_S)
    assert classes_of(response) == [[("", 3.0)], [("", 4.0)]]
    spec = response.model_spec
    found = (spec.name, spec.version.value, spec.signature_name)
    assert found == ("half_plus_two", 123, "classify_x_to_y")


def test_regress_answers_one_value_an_example(served):
    """tensorflow_model_server_test.py: testRegress; regression_service_test.cc."""
    request = regress_request("regress_x_to_y", 2.0, 4.0)
    response = served.prediction.Regress(request, timeout=TIMEOUT_S)
    assert [found.value for found in response.result.regressions] == [3.0, 4.0]
    spec = response.model_spec
    found = (spec.name, spec.version.value, spec.signature_name)
    assert found == ("half_plus_two", 123, "regress_x_to_y")


CLASSIFIED = {
    "both": [("car", 1.0), ("bike", 2.0), ("bus", 3.0)],
    "only_classes": [("car", 0.0), ("bike", 0.0), ("bus", 0.0)],
    "only_scores": [("", 1.0), ("", 2.0), ("", 3.0)],
    # A signature of the predict method will do: the check is off by default.
    "by_predict": [("", 1.0), ("", 2.0), ("", 3.0)],
}


@pytest.mark.parametrize(("signature", "expected"), CLASSIFIED.items())
def test_classify_answers_classes_scores_or_both(served, signature, expected):
    """classifier_test.cc: ClassesOnly, ScoresOnly, ValidNamedSignature, …"""
    request = classify_request(f"classify_{signature}", 1.0, model="classes")
    response = served.prediction.Classify(request, timeout=TIMEOUT_S)
    assert classes_of(response) == [expected]


@pytest.mark.parametrize("signature", ["column", "flat", "by_predict"])
def test_regress_takes_both_shapes(served, signature):
    """regressor_test.cc: BasicExampleList, and outputs of [batch] or [batch, 1]."""
    request = regress_request(f"regress_{signature}", 2.0, 5.0, model="classes")
    response = served.prediction.Regress(request, timeout=TIMEOUT_S)
    assert [found.value for found in response.result.regressions] == [2.0, 5.0]


@pytest.mark.parametrize("kind", ["classify", "regress"])
def test_context_is_merged_into_every_example(served, kind):
    """classifier_test.cc, regressor_test.cc: *ExampleListWithContext*."""
    make = classify_request if kind == "classify" else regress_request
    request = make(f"{kind}_x_to_y")
    listed = request.input.example_list_with_context
    listed.context.features.feature["x"].float_list.value.append(40.0)
    listed.examples.add()
    listed.examples.add().features.feature["x"].float_list.value.append(2.0)
    if kind == "classify":
        response = served.prediction.Classify(request, timeout=TIMEOUT_S)
        values = [score for ((_, score),) in classes_of(response)]
    else:
        response = served.prediction.Regress(request, timeout=TIMEOUT_S)
        values = [found.value for found in response.result.regressions]
    assert values == [22.0, 3.0]


REFUSED = {
    "classify_nowhere": (INVALID, "No signature was found with the name"),
    "classify_two_inputs": (INVALID, "Expected one input Tensor"),
    "classify_misnamed_input": (FAILED, "No classification inputs found"),
    "classify_three_outputs": (INVALID, "Expected one or two output Tensors"),
    "classify_misnamed": (FAILED, "Expected classification signature outputs to"),
    "classify_flat_scores": (INVALID, "Expected Tensor shape: [batch_size num_cla"),
    "classify_flat_classes": (INVALID, "Expected Tensor shape: [batch_size num_cla"),
    "classify_integer_scores": (INVALID, "Expected scores Tensor of DT_FLOAT"),
    "classify_float_classes": (INVALID, "Expected classes Tensor of DT_STRING"),
    "classify_fewer_scores": (INVALID, "Expected scores output batch size of 2"),
    "classify_fewer_classes": (INVALID, "Expected classes output batch size of 2"),
    "classify_unequal": (INVALID, "should match in dim_size(1)"),
    "regress_nowhere": (INVALID, "No signature was found with the name"),
    "regress_two_inputs": (INVALID, "Expected one input Tensor"),
    "regress_misnamed_input": (FAILED, "No regression inputs found"),
    "regress_two_outputs": (INVALID, "Expected one output Tensor"),
    "regress_misnamed": (FAILED, "No regression outputs found"),
    "regress_wide": (INVALID, "Expected output Tensor shape to be either"),
    "regress_scalar": (INVALID, "Expected output Tensor shape to be either"),
    "regress_integer": (INVALID, "Expected output Tensor of DT_FLOAT"),
    "regress_fewer": (INVALID, "Input batch size did not match output batch"),
}
HTTP_STATUS = {INVALID: 400, FAILED: 400}


@pytest.mark.parametrize("signature", REFUSED)
def test_signatures_that_break_a_rule_are_refused(served, signature):
    """classifier_test.cc, regressor_test.cc: Invalid*, Missing*, Unexpected*."""
    code, words = REFUSED[signature]
    if signature.startswith("classify"):
        call = served.prediction.Classify
        request = classify_request(signature, 1.0, 2.0, model="classes")
    else:
        call = served.prediction.Regress
        request = regress_request(signature, 1.0, 2.0, model="classes")
    error = failure(call, request)
    assert error.code() is code
    assert words in error.details()


@pytest.mark.parametrize("signature", REFUSED)
def test_signatures_that_break_a_rule_are_refused_over_rest(served, signature):
    """http_rest_api_handler.cc: the same status and words in JSON."""
    code, words = REFUSED[signature]
    body = {"signature_name": signature, "examples": [{"x": 1.0}, {"x": 2.0}]}
    kind = signature.partition("_")[0]
    answer = served.post(f"/v1/models/classes:{kind}", json.dumps(body))
    assert answer.status == HTTP_STATUS[code]
    assert words in answer.error


@pytest.mark.parametrize("kind", ["classify", "regress"])
@pytest.mark.parametrize("form", ["unset", "list", "list_with_context"])
def test_input_without_examples_is_invalid(served, kind, form):
    """classifier_test.cc, regressor_test.cc: EmptyInput, EmptyExampleList*."""
    make = classify_request if kind == "classify" else regress_request
    request = make(f"{kind}_x_to_y")
    if form == "list":
        request.input.example_list.SetInParent()
    if form == "list_with_context":
        context = request.input.example_list_with_context.context
        context.features.feature["x"].float_list.value.append(1.0)
    call = getattr(served.prediction, kind.capitalize())
    error = failure(call, request)
    assert error.code() is INVALID
    assert "Input is empty" in error.details()


@pytest.mark.parametrize("kind", ["classify", "regress"])
def test_model_must_be_there_and_named(served, kind):
    """classification_service_test.cc, regression_service_test.cc: Invalid*."""
    make = classify_request if kind == "classify" else regress_request
    call = getattr(served.prediction, kind.capitalize())
    request = make(f"{kind}_x_to_y", 1.0)
    request.model_spec.name = "test"
    assert failure(call, request).code() is grpc.StatusCode.NOT_FOUND
    request.model_spec.ClearField("name")
    assert failure(call, request).code() is INVALID
    request.ClearField("model_spec")
    error = failure(call, request)
    assert (error.code(), "Missing ModelSpec" in error.details()) == (INVALID, True)


def results(*lines):
    return '{\n    "results": [' + ", ".join(lines) + "\n    ]\n}"


def body(signature, *examples, **more):
    return json.dumps({"signature_name": signature, "examples": examples} | more)


CLASSIFY_JSON = {
    "half_plus_two": (body("classify_x_to_y", {"x": 20.0}), results('[["", 12.0]]')),
    "labels-and-scores": (
        body("classify_both", {"x": 0.5}, {"x": 2.0}),
        results(
            '[["car", 0.5], ["bike", 1.5], ["bus", 2.5]]',
            '[["car", 2.0], ["bike", 3.0], ["bus", 4.0]]',
        ),
    ),
    "texts-of-every-kind": (
        (
            '{"signature_name": "classify_names", "examples": '
            '[{"names": ["foo", {"b64": "aGVsbG8="}]}, {"names": "baz"}]}'
        ),
        results('[["foo", 0.0], ["hello", 0.0]]', '[["baz", 0.0], ["", 0.0]]'),
    ),
    "floats-with-NaN-and-Infinity": (
        (
            '{"signature_name": "classify_ratings", "examples": '
            '[{"ratings": [8.0, 9.5, NaN, Infinity]}, {"ratings": -Infinity}]}'
        ),
        results(
            '[["", 8.0], ["", 9.5], ["", NaN], ["", Infinity]]',
            '[["", -Infinity], ["", 0.0], ["", 0.0], ["", 0.0]]',
        ),
    ),
    "integers-and-booleans": (
        body("classify_ages", {"age": [20, True, False]}),
        results('[["", 20.0], ["", 1.0], ["", 0.0]]'),
    ),
    "context": (
        body("classify_names", {"names": ["a"]}, {}, context={"names": ["c"]}),
        results('[["a", 0.0]]', '[["c", 0.0]]'),
    ),
}


@pytest.mark.parametrize("case", CLASSIFY_JSON)
def test_classify_json_is_these_bytes(served, case):
    """json_tensor_test.cc: ClassifyRegressRequestTest, JsonFromClassificationResult."""
    sent, expected = CLASSIFY_JSON[case]
    model = "half_plus_two" if case == "half_plus_two" else "classes"
    answer = served.post(f"/v1/models/{model}:classify", sent)
    assert (answer.status, answer.body.decode()) == (200, expected)
    assert answer.headers["content-type"] == "application/json"


REGRESS_JSON = {
    "half_plus_two": ("regress_x_to_y", "80.0", "42.0"),
    "fractions": ("regress_fractions", "5.0, 3.0", "0.2, 0.333333343"),
    "infinity": ("regress_quotient", "0.0, 2.0, -0.0", "Infinity, 0.5, -Infinity"),
    "not-a-number": ("regress_undefined", "4.0, NaN", "2.0, NaN"),
}


@pytest.mark.parametrize("case", REGRESS_JSON)
def test_regress_json_is_these_bytes(served, case):
    """json_tensor_test.cc: JsonFromRegressionResult*; the list is on a single line."""
    signature, xs, expected = REGRESS_JSON[case]
    examples = ", ".join(f'{{"x": {x}}}' for x in xs.split(", "))
    model = "half_plus_two" if case == "half_plus_two" else "classes"
    answer = served.post(
        f"/v1/models/{model}:regress",
        f'{{"signature_name": "{signature}", "examples": [{examples}]}}',
    )
    whole = f'{{\n    "results": [{expected}]\n}}'
    assert (answer.status, answer.body.decode()) == (200, whole)


@pytest.mark.parametrize("rest", ["/versions/3", "/labels/canary", ""])
def test_examples_reach_the_version_asked_for(served, rest):
    """http_rest_api_handler_test.cc: Regress and Classify with version and label."""
    path = f"/v1/models/labelled{rest}"
    answer = served.post(f"{path}:regress", body("regress_x_to_y", {"x": 2.0}))
    assert answer.json == {"results": [4.0]}
    answer = served.post(f"{path}:classify", body("classify_x_to_y", {"x": 2.0}))
    assert answer.json == {"results": [[["", 4.0]]]}


JSON_REFUSALS = {
    "signature_name": (
        '{"signature_name": ["a"], "examples": [{}]}',
        "'signature_name' key must be a string",
    ),
    "context-is-a-list": (
        '{"context": [{"x": 1.0}], "examples": [{}]}',
        "Example must be JSON object",
    ),
    "no-examples": ('{"signature_name": "classify_both"}', "'examples' is expected"),
    "examples-is-an-object": ('{"examples": {"x": 1.0}}', "list/array"),
    "examples-is-empty": ('{"examples": []}', "is an empty array"),
    "example-is-a-list": (
        '{"examples": [[{"x": 1.0}]]}',
        "Example must be JSON object",
    ),
    "null": (
        '{"examples": [{"names": [10, null]}]}',
        "names has element with unexpected JSON type: Null",
    ),
    "fraction-among-integers": (
        '{"examples": [{"names": [10, 10.0]}]}',
        "feature: names expecting type: int64",
    ),
    "text-among-floats": (
        '{"examples": [{"names": [1.5, "a"]}]}',
        "feature: names expecting type: float",
    ),
    "number-among-texts": (
        '{"examples": [{"names": ["a", 1]}]}',
        "feature: names expecting type: bytes",
    ),
    "object": (
        '{"examples": [{"names": [10, {"test": 10}]}]}',
        "names has element with unexpected JSON type: Object",
    ),
    "list": (
        '{"examples": [{"names": [[10], 20]}]}',
        "names has element with unexpected JSON type: Array",
    ),
    "uint64": (
        '{"examples": [{"names": [20, 18446744073709551603]}]}',
        "Only int64 is supported",
    ),
    "lossy": (
        '{"examples": [{"names": 1.7976931348623157e308}]}',
        "without loss of precision",
    ),
    "no-json": ("examples", "JSON Parse error: Invalid value"),
}


@pytest.mark.parametrize("kind", ["classify", "regress"])
@pytest.mark.parametrize("case", JSON_REFUSALS)
def test_json_that_makes_no_examples_is_refused(served, case, kind):
    """json_tensor_test.cc: ClassifyRegressRequestTest, JsonErrors; both requests."""
    sent, words = JSON_REFUSALS[case]
    answer = served.post(f"/v1/models/classes:{kind}", sent)
    assert answer.status == 400
    assert words in answer.error
