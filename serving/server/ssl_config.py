"""TLS for gRPC, from a file with TF Serving's SSLConfig in protobuf's text format.

    server_key: "-----BEGIN PRIVATE KEY-----…"
    server_cert: "-----BEGIN CERTIFICATE-----…"
    custom_ca: "-----BEGIN CERTIFICATE-----…"
    client_verify: false

The values are PEM texts, not paths.
Source: tensorflow_serving/config/ssl_config.proto; model_servers/server.cc,
BuildServerCredentialsFromSSLConfigFile.
"""

from pathlib import Path
from typing import Any

from serving.server.config_messages import new_message, read_text_message
from serving.server.status import Code, ServingError


def read_server_credentials(path: Path) -> Any:
    """Returns grpc.ServerCredentials.

    Raises:
        ServingError: INVALID_ARGUMENT: the file cannot be used, key or certificate
            is missing, or clients are to be verified and no authority is named.
    """
    import grpc

    config = read_text_message(path, new_message("SSLConfig"))
    for field in ("server_key", "server_cert"):
        if not getattr(config, field):
            raise ServingError(
                Code.INVALID_ARGUMENT, f"{str(path)!r} has no {field}; expected PEM."
            )
    if config.client_verify and not config.custom_ca:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"{str(path)!r} has client_verify and no custom_ca to verify them by.",
        )
    return grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        root_certificates=config.custom_ca.encode() or None,
        require_client_auth=config.client_verify,
    )
