"""What the router does with the next request: a rollout's state, ready for use."""

from dataclasses import dataclass

from serving.rollout.state import CANDIDATE, STABLE, RolloutState
from serving.router.assignment import key_of, place_of

NO_ROLLOUT = "-"
"""Stands for a rollout's id where there is none; no rollout can have it."""

_MIRROR_SALT = "mirror/"


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmPlace:
    """An arm and where it is.

    Attributes:
        name: "stable" or "candidate".
        url: Of its REST side.
        grpc: host:port; None: it has no gRPC.
        version: That requests without one are sent to; None: whatever is served.
    """

    name: str
    url: str
    grpc: str | None = None
    version: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Routing:
    """One state of a rollout.

    Attributes:
        rollout_id: Counts are kept by it; NO_ROLLOUT: there is none.
        serial: Of the state; -1: there is none.
        kind: The rollout's, or "none".
        stable: Gets what the candidate does not.
        candidate: None: there is none.
        share: Of the predictions, in [0, 1], that the candidate answers.
        mirrored_share: Of the predictions, in [0, 1], that it gets a copy of.
    """

    rollout_id: str
    serial: int
    kind: str
    stable: ArmPlace
    candidate: ArmPlace | None = None
    share: float = 0.0
    mirrored_share: float = 0.0

    @property
    def arms(self) -> tuple[ArmPlace, ...]:
        """The arms there are, the stable one first."""
        return (self.stable,) if self.candidate is None else (
            self.stable, self.candidate
        )  # fmt: skip

    def arm_of(self, key_header: str, request_id: str) -> ArmPlace:
        """Returns the arm that answers a prediction.

        Args:
            key_header: `x-slipway-key` as it came; "": none.
            request_id: Decides where there is no key.
        """
        if self.candidate is None or self.share <= 0:
            return self.stable
        place = place_of(self.rollout_id, key_of(key_header, request_id))
        return self.candidate if place < self.share else self.stable

    def mirror_of(self, arm: ArmPlace, request_id: str) -> ArmPlace | None:
        """Returns the arm that gets a copy of a prediction; None: none does.

        Args:
            arm: That answered.
            request_id: Decides which predictions are copied where not all are.
        """
        if self.mirrored_share <= 0 or arm is not self.stable:
            return None
        place = place_of(self.rollout_id, _MIRROR_SALT + request_id)
        return self.candidate if place < self.mirrored_share else None


def single_arm(url: str, grpc: str | None) -> Routing:
    """Returns the routing of a router without a rollout."""
    stable = ArmPlace(name=STABLE, url=url, grpc=grpc)
    return Routing(rollout_id=NO_ROLLOUT, serial=-1, kind="none", stable=stable)


def routing_of(state: RolloutState) -> Routing:
    """Returns the routing of a rollout's state."""
    stable, candidate = (
        ArmPlace(name=name, url=arm.url, grpc=arm.grpc, version=arm.version)
        for name, arm in ((STABLE, state.stable), (CANDIDATE, state.candidate))
    )
    return Routing(
        rollout_id=state.id,
        serial=state.serial,
        kind=state.kind,
        stable=stable,
        candidate=candidate,
        share=state.candidate.share,
        mirrored_share=state.mirrored_share,
    )
