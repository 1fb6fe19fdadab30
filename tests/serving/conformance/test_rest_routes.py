"""Which paths there are, and what they answer.

Facts from TF Serving's model_servers/http_rest_api_handler_test.cc,
http_rest_api_util.cc (the patterns) and http_server.cc (status codes, other paths).
"""

import pytest

ONE = '{"instances": [1.0]}'
ANSWER = '{\n    "predictions": [2.5\n    ]\n}'
BIG = "18446744073709551615"


MALFORMED = [
    ("GET", "/v1/foo"),
    ("POST", "/v1/foo"),
    ("GET", "/v1/models/debug/model_name"),
    ("POST", "/v1/models"),
    ("POST", "/v1/models/"),
    ("GET", "/v1/models/foo:predict"),
    ("GET", "/v1/models/foo/version/50:predict"),
    ("POST", "/v1/models/foo/version/50:regress"),
    ("POST", "/v1/models/foo/versions/HELLO:regress"),
    ("POST", "/v1/models/foo/versions/-1:predict"),
    ("POST", "/v1/models/foo/metadata"),
    ("POST", "/v1/models/foo/label/some_label:regress"),
    ("POST", "/v1/models/foo/versions/50/labels/some_label:regress"),
    ("POST", "/v1/models/foo:train"),
    ("POST", "/v1/models/half_plus_two:PREDICT"),
    ("POST", "/v1/models/half_plus_two"),
    ("PUT", "/v1/models/half_plus_two:predict"),
    ("DELETE", "/v1/models/half_plus_two"),
    ("GET", "/v1/models/half_plus_two/"),
    ("GET", "/v1/models/half_plus_two/metadata/more"),
]


@pytest.mark.parametrize(
    ("method", "path"), MALFORMED, ids=[f"{m}-{p}" for m, p in MALFORMED]
)
def test_paths_that_mean_nothing_are_malformed(served, method, path):
    """http_rest_api_handler_test.cc: UnsupportedApiCalls."""
    answer = served.http(method, path, ONE.encode() if method == "POST" else None)
    assert answer.status == 400
    assert answer.error == f"Malformed request: {method} {path}"


def test_a_model_must_be_named(served):
    """http_rest_api_handler_test.cc: UnsupportedApiCalls."""
    answer = served.get("/v1/models")
    assert (answer.status, answer.error) == (400, "Missing model name in request.")


@pytest.mark.parametrize("path", ["", "/", "/v2/models/half_plus_two", "/statuspage"])
def test_paths_outside_the_api_are_not_found(served, path):
    """http_rest_api_handler_test.cc: kPathRegex."""
    assert served.get(path or "/index").status == 404


OVERFLOWS = [
    ("POST", f"/v1/models/half_plus_two/versions/{BIG}:regress"),
    ("POST", "/v1/models/half_plus_two/versions/9223372036854775808:predict"),
    ("GET", f"/v1/models/half_plus_two/versions/{BIG}"),
    ("GET", f"/v1/models/half_plus_two/versions/{BIG}/metadata"),
]


@pytest.mark.parametrize(
    ("method", "path"), OVERFLOWS, ids=[f"{m}-{p}" for m, p in OVERFLOWS]
)
def test_versions_beyond_int64_are_refused(served, method, path):
    """http_rest_api_handler_test.cc: UnsupportedApiCalls.

    The handler leaves before it writes a body; only the status is TF Serving's.
    """
    answer = served.http(method, path, ONE.encode() if method == "POST" else None)
    assert answer.status == 400


FOUND = {
    "latest": ("half_plus_two", ANSWER),
    "version": ("half_plus_two/versions/123", ANSWER),
    "version-with-leading-zeros": ("half_plus_two/versions/000123", ANSWER),
    "encoded-name": ("a%20name%2Fof%20two", ANSWER),
    "encoded-letter": ("half%5Fplus_tw%6f", ANSWER),
    "first-of-two-versions": ("labelled/versions/1", ANSWER.replace("2.5", "1.5")),
    "newest-of-two-versions": ("labelled", ANSWER.replace("2.5", "3.5")),
    "label": ("labelled/labels/stable", ANSWER.replace("2.5", "1.5")),
    "other-label": ("labelled/labels/canary", ANSWER.replace("2.5", "3.5")),
    "encoded-label": ("labelled/labels/a%20label", ANSWER.replace("2.5", "3.5")),
}


@pytest.mark.parametrize(("model", "expected"), FOUND.values(), ids=FOUND)
def test_predict_answers_for_the_version_asked_for(served, model, expected):
    """http_rest_api_handler_test.cc: Predict; http_rest_api_util_test.cc."""
    answer = served.post(f"/v1/models/{model}:predict", ONE)
    assert (answer.status, answer.body.decode()) == (200, expected)


@pytest.mark.parametrize(
    "path",
    [
        "/V1/MODELS/half_plus_two:predict",
        "/v1/Models/half_plus_two/VERSIONS/123:predict",
        "/v1/models/labelled/LABELS/canary:predict",
    ],
)
def test_fixed_parts_of_a_path_have_no_case(served, path):
    """http_rest_api_util.cc: the patterns are (?i)."""
    assert served.post(path, ONE).status == 200


def test_names_of_models_have_case(served):
    """http_rest_api_util.cc, server_core.cc."""
    answer = served.post("/v1/models/HALF_PLUS_TWO:predict", ONE)
    assert answer.status == 404


ABSENT = {
    "model": ("foo", 404, "Servable not found for request: Latest(foo)"),
    "model-and-version": (
        "foo/versions/50",
        404,
        "Servable not found for request: Specific(foo, 50)",
    ),
    "version": (
        "half_plus_two/versions/99",
        404,
        "Servable not found for request: Specific(half_plus_two, 99)",
    ),
    "label": (
        "labelled/labels/nobody",
        400,
        "Unrecognized servable version label: nobody",
    ),
    "label-of-a-model-without-any": (
        "half_plus_two/labels/stable",
        400,
        "Unrecognized servable version label: stable",
    ),
}


@pytest.mark.parametrize(("model", "status", "words"), ABSENT.values(), ids=ABSENT)
def test_what_is_not_there_is_said(served, model, status, words):
    """http_rest_api_handler_test.cc: PredictModelNameVersionErrors."""
    answer = served.post(f"/v1/models/{model}:predict", ONE)
    assert answer.status == status
    assert words in answer.error


def test_explicit_default_signature_by_row_and_by_column(served):
    """http_rest_api_handler_test.cc: Predict, with an explicit signature_name."""
    path = "/v1/models/half_plus_two/versions/123:predict"
    for key, answers in (("instances", "predictions"), ("inputs", "outputs")):
        body = f'{{"signature_name": "serving_default", "{key}": [3.0, 4.0]}}'
        assert served.post(path, body).json == {answers: [3.5, 4.0]}


STATUS = """{
 "model_version_status": [
  {
   "version": "123",
   "state": "AVAILABLE",
   "status": {
    "error_code": "OK",
    "error_message": ""
   }
  }
 ]
}
"""


@pytest.mark.parametrize("rest", ["", "/versions/123"])
def test_status_is_protobufs_json(served, rest):
    """http_rest_api_handler_test.cc: GetStatus; ToJsonString with whitespace."""
    answer = served.get(f"/v1/models/half_plus_two{rest}")
    assert (answer.status, answer.body.decode()) == (200, STATUS)
    assert answer.headers["content-type"] == "application/json"


def test_status_of_all_versions(served):
    """get_model_status_impl_test.cc: AllVersionsSuccess."""
    assert served.states("labelled") == {1: "AVAILABLE", 3: "AVAILABLE"}


def test_status_of_a_label(served):
    """http_rest_api_handler_test.cc: GetStatus with a version label."""
    answer = served.get("/v1/models/labelled/labels/stable")
    (status,) = answer.json["model_version_status"]
    assert (answer.status, status["version"]) == (200, "1")


@pytest.mark.parametrize("model", ["foo", "foo/versions/1", "half_plus_two/versions/9"])
def test_status_of_what_is_not_there(served, model):
    """get_model_status_impl_test.cc: InvalidModelName-, InvalidModelVersionFailure."""
    answer = served.get(f"/v1/models/{model}")
    assert answer.status == 404
    assert "Could not find" in answer.error


def test_metadata_in_capitals_is_the_status(served):
    """http_rest_api_handler.cc compares the subresource with case."""
    answer = served.get("/v1/models/half_plus_two/METADATA")
    assert (answer.status, answer.body.decode()) == (200, STATUS)


@pytest.mark.parametrize("rest", ["", "/versions/9"])
def test_metadata_of_what_is_not_there(served, rest):
    """get_model_metadata_impl_test.cc: MissingOrEmptyModelSpec."""
    assert served.get(f"/v1/models/foo{rest}/metadata").status == 404


def test_connection_serves_one_request_after_another(served):
    """evhttp_server_test.cc: persistent connections of HTTP/1.1."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", served.rest_port, timeout=20)
    for _ in range(3):
        connection.request("POST", "/v1/models/half_plus_two:predict", ONE)
        answer = connection.getresponse()
        assert (answer.status, answer.read().decode()) == (200, ANSWER)
        assert connection.sock is not None, "the server hung up"
    connection.close()


def test_chunked_body_is_read_whole(served):
    """evhttp_server_test.cc: request bodies in chunks."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", served.rest_port, timeout=20)
    connection.request(
        "POST",
        "/v1/models/half_plus_two:predict",
        iter([ONE[:7].encode(), ONE[7:].encode()]),
        {"Transfer-Encoding": "chunked"},
        encode_chunked=True,
    )
    answer = connection.getresponse()
    assert (answer.status, answer.read().decode()) == (200, ANSWER)
    connection.close()
