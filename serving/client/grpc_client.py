"""A client of one model over gRPC, that blocks."""

from collections.abc import Mapping, Sequence
from typing import Any

import grpc

from serving.client.blocking_client import BlockingClient
from serving.client.grpc_transport import (
    ChannelOptions,
    GrpcTransport,
    channel_credentials,
)
from serving.client.grpc_wire import GrpcWire
from serving.client.model_calls import ModelCalls
from serving.client.model_target import ModelTarget
from serving.client.retries import DEFAULT_RETRIES, RetryPolicy


class GrpcClient(BlockingClient):
    """One model over gRPC.

    Example:
        with GrpcClient("localhost:8500", "flights") as client:
            prediction = client.predict([{"carrier": "UA", …}])
    """

    def __init__(  # noqa: PLR0913 - all but two have defaults
        self,
        target: str,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout_s: float = 10.0,
        retries: RetryPolicy = DEFAULT_RETRIES,
        root_certificates: bytes | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        metadata: Mapping[str, str] | None = None,
        channel_options: Sequence[tuple[str, Any]] = (),
    ) -> None:
        """Connects with the first call.

        Args:
            target: As gRPC takes it: "host:port", "dns:///name:port", "unix:/path".
            model: Its name on the server.
            version: Of the model; None: the label's, or the newest that serves.
            label: Of a version, such as "stable"; None: no label.
            timeout_s: For a whole call, retries included; above 0. Each request
                carries what is left of it as its deadline.
            retries: How often and how patiently a call is tried.
            root_certificates: PEM, of who signed the server's; TLS is used where they
                are given. None: no TLS, unless there are credentials.
            credentials: For TLS of another kind, such as with a certificate of the
                client's own; None: by root_certificates.
            metadata: Sent with every request; names in lower case.
            channel_options: gRPC's own.

        Raises:
            ValueError: Version and label are both given, root_certificates and
                credentials are, or timeout_s is not above 0.
        """
        wire = GrpcWire(target, ModelTarget(name=model, version=version, label=label))
        options = ChannelOptions(
            target=target,
            credentials=channel_credentials(root_certificates, credentials),
            metadata=metadata or {},
            more=channel_options,
        )
        super().__init__(
            ModelCalls(wire, timeout_s=timeout_s, retries=retries),
            GrpcTransport(options),
        )
