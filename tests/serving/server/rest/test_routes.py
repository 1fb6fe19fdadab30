"""Paths: which model, version and call they mean."""

import pytest

from serving.server.core import ModelSpec
from serving.server.rest.routes import find_route
from serving.server.status import Code, ServingError


@pytest.mark.parametrize(
    ("method", "path", "api", "spec"),
    [
        ("POST", "/v1/models/m:predict", "predict", ("m", None, None)),
        ("POST", "/V1/MODELS/m:classify", "classify", ("m", None, None)),
        ("POST", "/v1/models/m/versions/3:regress", "regress", ("m", 3, None)),
        ("POST", "/v1/models/m/Versions/007:predict", "predict", ("m", 7, None)),
        ("POST", "/v1/models/m/labels/new:predict", "predict", ("m", None, "new")),
        ("POST", "/v1/models/a%2Fb%20c:predict", "predict", ("a/b c", None, None)),
        ("POST", "/v1/models/m/labels/a%3Ab:predict", "predict", ("m", None, "a:b")),
        ("POST", "/v1/models/100%:predict", "predict", ("100%", None, None)),
        ("POST", "/v1/models/a+b:predict", "predict", ("a+b", None, None)),
        ("POST", "/v1/models/%C3%BC:predict", "predict", ("ü", None, None)),
        ("POST", "/v1/models/\u00fc:predict", "predict", ("ü", None, None)),
        ("POST", f"/v1/models/m/versions/{2**63 - 1}:predict", "predict",
         ("m", 2**63 - 1, None)),
        ("GET", "/v1/models/m", "status", ("m", None, None)),
        ("GET", "/v1/models/m/versions/3", "status", ("m", 3, None)),
        ("GET", "/v1/models/m/labels/stable", "status", ("m", None, "stable")),
        ("GET", "/v1/models/m/metadata", "metadata", ("m", None, None)),
        ("GET", "/v1/models/m/versions/3/metadata", "metadata", ("m", 3, None)),
        ("GET", "/v1/models/m/labels/l/metadata", "metadata", ("m", None, "l")),
        ("GET", "/v1/models/m/METADATA", "status", ("m", None, None)),
        ("GET", "/v1/models/metadata", "status", ("metadata", None, None)),
        ("GET", "/v1/models/m?x=1", "status", ("m?x=1", None, None)),
    ],
)  # fmt: skip
def test_routes(method, path, api, spec):
    route = find_route(method, path.encode())
    name, version, label = spec
    assert route.api == api
    assert route.spec == ModelSpec(name=name, version=version, label=label)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/models/m"),
        ("POST", "/v1/models/m:predicts"),
        ("POST", "/v1/models/m:PREDICT"),
        ("POST", "/v1/models/m:"),
        ("POST", "/v1/models/:predict"),
        ("POST", "/v1/models/m:predict?x=1"),
        ("POST", "/v1/models/m/versions/x:predict"),
        ("POST", "/v1/models/m/versions/-1:predict"),
        ("POST", "/v1/models/m/versions/1/labels/a:predict"),
        ("POST", "/v1/models/m/metadata"),
        ("POST", "/v1/"),
        ("GET", "/v1/models/m:predict"),
        ("GET", "/v1/models/"),
        ("GET", "/v1/models/m/versions/1x"),
        ("GET", "/v1/models/m/versions/\u0663"),
        ("GET", "/v1/modelsx"),
        ("PUT", "/v1/models/m:predict"),
        ("DELETE", "/v1/models/m"),
        ("HEAD", "/v1/models/m"),
        ("OPTIONS", "/v1/models/m:predict"),
    ],
)
def test_malformed(method, path):
    with pytest.raises(ServingError) as caught:
        find_route(method, path.encode())
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.message == f"Malformed request: {method} {path}"


@pytest.mark.parametrize("version", [str(2**63), "9" * 40, "9" * 5000])
@pytest.mark.parametrize(("method", "end"), [("POST", ":predict"), ("GET", "")])
def test_versions_beyond_int64(version, method, end):
    with pytest.raises(ServingError, match="Failed to convert version: 9") as caught:
        find_route(method, f"/v1/models/m/versions/{version}{end}".encode())
    assert caught.value.message.endswith("to numeric.")


@pytest.mark.parametrize("path", [b"/v1/models", b"/v1/models/versions/1"])
def test_a_status_of_no_model(path):
    with pytest.raises(ServingError, match=r"^Missing model name in request\.$"):
        find_route("GET", path)
