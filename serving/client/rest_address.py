"""Where a REST server is."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

_SCHEMES = ("http", "https")


@dataclass(frozen=True, kw_only=True, slots=True)
class RestAddress:
    """The parts of an address.

    Attributes:
        scheme: "http" or "https".
        host: Name or IP address, without brackets.
        port: None: the scheme's own.
        prefix: What comes before /v1, without a slash at its end; mostly "".
    """

    scheme: str
    host: str
    port: int | None
    prefix: str

    @classmethod
    def parse(cls, address: str) -> Self:
        """Reads an address.

        Args:
            address: "host:port", or a URL that ends before /v1.

        Raises:
            ValueError: It is none, or has a user, a query or a fragment.
        """
        url = address if "://" in address else f"http://{address}"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ValueError(f"address {address!r}: {error}.") from error
        if parts.scheme not in _SCHEMES or not parts.hostname:
            raise ValueError(
                f"address is {address!r}; expected host:port, or a URL of http or "
                "https."
            )
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError(
                f"the address of {parts.hostname!r} has a user, a query or a fragment; "
                "expected none. A token goes into headers."
            )
        return cls(
            scheme=parts.scheme,
            host=parts.hostname,
            port=port,
            prefix=parts.path.rstrip("/"),
        )

    def __str__(self) -> str:
        """Returns the address as a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.prefix}"
