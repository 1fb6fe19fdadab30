"""A client of one model over REST, that blocks."""

import ssl
from collections.abc import Mapping

from serving.client.blocking_client import BlockingClient
from serving.client.http_transport import HttpTransport
from serving.client.model_calls import ModelCalls
from serving.client.model_target import ModelTarget
from serving.client.rest_address import RestAddress
from serving.client.rest_wire import RestWire
from serving.client.retries import DEFAULT_RETRIES, RetryPolicy


class RestClient(BlockingClient):
    """One model over REST.

    Example:
        with RestClient("localhost:8501", "flights") as client:
            prediction = client.predict([{"carrier": "UA", …}])
    """

    def __init__(  # noqa: PLR0913 - all but two have defaults
        self,
        address: str,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout_s: float = 10.0,
        retries: RetryPolicy = DEFAULT_RETRIES,
        headers: Mapping[str, str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Connects with the first call.

        Args:
            address: "host:port", or a URL that ends before /v1. Proxies of the
                environment are not used.
            model: Its name on the server.
            version: Of the model; None: the label's, or the newest that serves.
            label: Of a version, such as "stable"; None: no label.
            timeout_s: For a whole call, retries included; above 0. The look-up of the
                host's name is the system's and not bounded.
            retries: How often and how patiently a call is tried.
            headers: Sent with every request, such as {"authorization": "Bearer …"}.
            ssl_context: For https; None: the system's certificates.

        Raises:
            ValueError: The address is none, version and label are both given, or
                timeout_s is not above 0.
        """
        place = RestAddress.parse(address)
        target = ModelTarget(name=model, version=version, label=label)
        wire = RestWire(str(place), target)
        super().__init__(
            ModelCalls(wire, timeout_s=timeout_s, retries=retries),
            HttpTransport(place, headers or {}, ssl_context),
        )
