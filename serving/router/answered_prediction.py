"""A prediction that was answered well, for whoever looks at it afterwards."""

from dataclasses import dataclass

from serving.router.http_message import ProxyAnswer, ProxyRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class AnsweredPrediction:
    """One prediction; nothing of it may be changed.

    Attributes:
        request_id: The client's, or the one made for it.
        answered_us: When, microseconds since 1970 UTC.
        took_s: What the arm took, seconds.
        url: Of the arm's REST side.
        variant: `x-slipway-variant` as the arm got it; "": none.
        key, event_time: The client's `x-slipway-key` and `x-slipway-event-time`; "":
            it sent none.
        version: `x-slipway-model-version` of the answer; "": the server does not tell.
        bundle_digest: `x-slipway-bundle-digest`; likewise.
        exchange: Request and answer, of REST or, as messages, of gRPC.
    """

    request_id: str
    answered_us: int
    took_s: float
    url: str
    variant: str
    key: str
    event_time: str
    version: str
    bundle_digest: str
    exchange: tuple[ProxyRequest, ProxyAnswer] | tuple[bytes, bytes]
