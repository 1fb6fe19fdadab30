"""How a router treats requests."""

import math
from dataclasses import dataclass, field

from serving.http1.limits import ConnectionLimits
from serving.router.errors import RouterError
from serving.router.upstream import UpstreamOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class RouterOptions:
    """The settings of one router.

    Attributes:
        model: Whose predict requests are assigned to arms.
        timeout_s: From the whole request to its answer; then 504 or DEADLINE_EXCEEDED.
        candidate_timeout_s: Of it, what the candidate may take before the stable arm
            is asked instead.
        retries_on_stable: Whether a request that the candidate never answered goes to
            the stable arm. The error counts against the candidate all the same.
        shadow_queue: Copies that may wait; further ones are dropped and counted.
        shadow_concurrency: Copies under way at one time.
        tolerance: Numbers of two answers may differ by so much, absolute and relative.
        sets_variant: Whether x-slipway-variant is the router's to set; the proxy
            passes on what a router before it has set.
        probe_s: Seconds between two looks at whether an arm answers.
        limits: For REST clients; max_body_bytes holds for gRPC as well.
        upstream: For connections to the arms.
    """

    model: str
    timeout_s: float = 30.0
    candidate_timeout_s: float = 10.0
    retries_on_stable: bool = True
    shadow_queue: int = 1000
    shadow_concurrency: int = 16
    tolerance: float = 1e-5
    sets_variant: bool = True
    probe_s: float = 5.0
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    upstream: UpstreamOptions = field(default_factory=UpstreamOptions)

    def __post_init__(self) -> None:
        """Refuses values out of range.

        Raises:
            RouterError: The text names the setting, its value and the range.
        """
        for name in ("timeout_s", "candidate_timeout_s", "probe_s"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise RouterError(f"{name} is {value}; expected seconds above 0.")
        if not 0 <= self.tolerance < math.inf:
            raise RouterError(f"tolerance is {self.tolerance}; expected 0 or more.")
