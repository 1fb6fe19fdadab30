"""gRPC over TLS.

Facts from TF Serving's model_servers/server.cc
(BuildServerCredentialsFromSSLConfigFile) and config/ssl_config.proto: the messages hold
PEM texts, and client_verify makes a client's certificate a must. REST stays as it is.
"""

import datetime
import json

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.serving.conformance.wire import (
    TIMEOUT_S,
    Wire,
    failure,
    floats,
    predict_request,
)

_DAY = datetime.timedelta(days=1)


class Authority:
    """A certificate authority of its own."""

    def __init__(self, name):
        self._name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign(name, self._key, is_authority=True)

    def issue(self, name):
        """Returns key and certificate as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return pem, self._sign(name, key, is_authority=False)

    def _sign(self, name, key, *, is_authority):
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_common_name(name))
            .issuer_name(_common_name(self._name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + _DAY)
            .add_extension(
                x509.BasicConstraints(ca=is_authority, path_length=None), critical=True
            )
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM)


def _common_name(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


@pytest.fixture(scope="module")
def authority():
    return Authority("conformance")


@pytest.fixture(scope="module")
def secured(serve, place, tmp_path_factory, authority):
    """A server that verifies its clients."""
    root = tmp_path_factory.mktemp("secured")
    place("half_2", root / "m" / "1")
    key, certificate = authority.issue("localhost")
    fields = {
        "server_key": key.decode(),
        "server_cert": certificate.decode(),
        "custom_ca": authority.certificate.decode(),
    }
    lines = [f"{name}: {json.dumps(text)}" for name, text in fields.items()]
    (root / "ssl.txt").write_text("\n".join([*lines, "client_verify: true"]))
    server, _ = serve(
        "secured",
        "--model_name=m",
        f"--model_base_path={root / 'm'}",
        f"--ssl_config_file={root / 'ssl.txt'}",
        models=["m"],
    )
    return server


@pytest.fixture
def connect(secured):
    """A function that connects with credentials; None: without TLS."""
    wires = []

    def make(credentials):
        options = [("grpc.ssl_target_name_override", "localhost")]
        wires.append(
            Wire(
                secured.rest_port,
                secured.grpc_target,
                credentials=credentials,
                options=options,
            )
        )
        return wires[-1]

    yield make
    for wire in wires:
        wire.close()


def test_client_with_a_certificate_is_answered(connect, authority):
    """server.cc: client_verify and custom_ca."""
    key, certificate = authority.issue("client")
    wire = connect(
        grpc.ssl_channel_credentials(authority.certificate, key, certificate)
    )
    request = predict_request("m", x=floats(2.0))
    y = wire.prediction.Predict(request, timeout=TIMEOUT_S).outputs["y"]
    assert list(y.float_val) == [3.0]


@pytest.mark.parametrize("case", ["no-certificate", "another-authoritys", "no-tls"])
def test_client_that_does_not_prove_itself_is_turned_away(connect, authority, case):
    """server.cc: GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY."""
    pair = Authority("stranger").issue("client") if case.startswith("an") else ()
    credentials = (
        None
        if case == "no-tls"
        else grpc.ssl_channel_credentials(authority.certificate, *pair)
    )
    error = failure(
        connect(credentials).prediction.Predict, predict_request("m", x=floats(2.0))
    )
    assert error.code() is grpc.StatusCode.UNAVAILABLE


def test_server_proves_itself_by_its_certificate(connect, authority):
    """server.cc: PemKeyCertPair; a client that trusts another authority hangs up."""
    key, certificate = authority.issue("client")
    stranger = Authority("stranger").certificate
    wire = connect(grpc.ssl_channel_credentials(stranger, key, certificate))
    error = failure(wire.prediction.Predict, predict_request("m", x=floats(2.0)))
    assert error.code() is grpc.StatusCode.UNAVAILABLE


def test_rest_is_not_touched(connect):
    """server.cc: the HTTP server knows no TLS."""
    answer = connect(None).post("/v1/models/m:predict", '{"instances": [1.0]}')
    assert (answer.status, answer.json) == (200, {"predictions": [2.5]})
