"""What a model says of itself over REST."""

from tests.serving.server.fake_backend import FakeBackend, half_plus_two_servable
from tests.serving.server.rest.http_client import running


def test_metadata():
    from google.protobuf import struct_pb2

    servable = half_plus_two_servable()
    # Any message will do: the server prints what it is given.
    message = struct_pb2.Value(string_value="signature")
    servable.signature_defs = {"serving_default": message}
    with running(FakeBackend(servable)) as found, found.connect() as client:
        reply = client.get("/v1/models/half_plus_two/metadata")
        assert reply.json == {
            "model_spec": {
                "name": "half_plus_two",
                "signature_name": "",
                "version": "123",
            },
            "metadata": {
                "signature_def": {"signature_def": {"serving_default": "signature"}}
            },
        }
        assert reply.headers["x-slipway-model-version"] == "123"
        assert client.get("/v1/models/none/metadata").status == 404
