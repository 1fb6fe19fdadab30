"""Where a model under check answers, and clients that do not forgive."""

from dataclasses import dataclass

from serving.client.grpc_client import GrpcClient
from serving.client.rest_client import RestClient
from serving.client.retries import NO_RETRIES

# A proxy of the environment knows nothing of this machine's ports.
DIRECTLY = (("grpc.enable_http_proxy", 0),)


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerAddress:
    """A model in a running server.

    Attributes:
        rest: Such as "http://127.0.0.1:8501".
        grpc: Host and port.
        model: Its name.
        timeout_s: Of one call.
    """

    rest: str
    grpc: str
    model: str
    timeout_s: float

    def rest_client(self) -> RestClient:
        """Returns a client that tries once: a check wants to see every failure."""
        return RestClient(
            self.rest, self.model, timeout_s=self.timeout_s, retries=NO_RETRIES
        )

    def grpc_client(self) -> GrpcClient:
        """Returns a client that tries once, likewise."""
        return GrpcClient(
            self.grpc,
            self.model,
            timeout_s=self.timeout_s,
            retries=NO_RETRIES,
            channel_options=DIRECTLY,
        )
