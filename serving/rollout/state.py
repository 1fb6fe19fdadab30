"""Where a rollout stands: what routers follow and what a decision changes."""

import dataclasses
import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final, Literal
from urllib.parse import urlsplit

from serving.rollout.errors import RolloutError
from serving.rollout.plan import Kind, RolloutPlan

STABLE: Final = "stable"
CANDIDATE: Final = "candidate"

Verdict = Literal["promote", "rollback", "passed", "stopped"]
Outcome = Literal["pending", "done"]

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
# Shares are sums of decimal fractions.
_SHARE_TOLERANCE = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class Arm:
    """One of the servers requests are sent to.

    Attributes:
        name: `stable` or `candidate`.
        url: REST address without a path, such as http://10.0.0.5:8501.
        grpc: `host:port`; None: no gRPC.
        version: Of the model that requests ask for; None: whatever is served.
        share: Of the requests, in [0, 1], right now; the arms' shares add up to 1.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}
    name: Literal["stable", "candidate"]
    url: str
    grpc: str | None = None
    version: int | None = None
    share: float

    def __post_init__(self) -> None:
        """Refuses an address that is none."""
        address = urlsplit(self.url)
        if address.scheme not in ("http", "https") or not address.netloc:
            raise RolloutError(
                f"arms.{self.name}.url is {self.url!r}; expected http://host:port."
            )
        if not 0 <= self.share <= 1:
            raise RolloutError(
                f"arms.{self.name}.share is {self.share!r}; expected 0 to 1."
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """How a rollout ended.

    Attributes:
        verdict: `promote`: the candidate takes over; `rollback`: the stable arm stays;
            `passed`: a shadow answers alike, nothing moves; `stopped`: somebody
            stopped it.
        cause: What decided: `metric`, a guard rail's name, `assignment`, `labels`,
            `ramp`, `time`, `shadow`, `promotion` or `stop`.
        reason: One sentence with the numbers.
        at: ISO 8601, on the clock of the evidence.
        outcome: `pending` until the promotion is made; otherwise `done`.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}
    verdict: Verdict
    cause: str
    reason: str
    at: str
    outcome: Outcome = "done"


@dataclass(frozen=True, kw_only=True, slots=True)
class RolloutState:
    """One rollout.

    Attributes:
        serial: Grows by one with every change.
        id: Also what routers hash beside the key, so that two rollouts in a row do not
            give the same users the candidate.
        model: The model's name in requests.
        kind: `shadow` copies requests and returns the stable arm's answers only;
            `canary` ramps; `ab` splits; `blue_green` gives all to the candidate.
        arms: The stable arm, then the candidate.
        plan: What was asked for.
        step: Which of plan.steps it is at, from 0.
        step_starts: ISO 8601: when each step up to this one began, on the clock of the
            evidence.
        decision: None while it goes on.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}
    serial: int
    id: str
    model: str
    kind: Kind
    arms: tuple[Arm, Arm]
    plan: RolloutPlan
    step: int
    step_starts: tuple[str, ...]
    decision: Decision | None = None

    def __post_init__(self) -> None:
        """Refuses arms out of order, shares that do not add up and a wrong step."""
        names = [arm.name for arm in self.arms]
        if names != [STABLE, CANDIDATE]:
            raise RolloutError(f"arms are {names}; expected {[STABLE, CANDIDATE]}.")
        total = math.fsum(arm.share for arm in self.arms)
        if abs(total - 1) > _SHARE_TOLERANCE:
            raise RolloutError(f"the arms' shares add up to {total!r}; expected 1.")
        if not _ID.fullmatch(self.id):
            raise RolloutError(
                f"id is {self.id!r}; expected up to 128 letters, digits, '.', '_', '-'."
            )
        if not 0 <= self.step < len(self.plan.steps):
            raise RolloutError(
                f"step is {self.step}; the plan has {len(self.plan.steps)} steps."
            )
        if len(self.step_starts) != self.step + 1:
            raise RolloutError(
                f"step_starts has {len(self.step_starts)} times; expected one for "
                f"each of the {self.step + 1} steps so far."
            )
        for start in self.step_starts:
            moment(start)

    @property
    def stable(self) -> Arm:
        """The arm that was there before."""
        return self.arms[0]

    @property
    def candidate(self) -> Arm:
        """The arm that is tried."""
        return self.arms[1]

    @property
    def is_running(self) -> bool:
        """No decision has been made."""
        return self.decision is None

    @property
    def is_over(self) -> bool:
        """A decision has been made and carried out."""
        return self.decision is not None and self.decision.outcome == "done"

    @property
    def mirrored_share(self) -> float:
        """Share of the requests of which the candidate gets a copy, in [0, 1]."""
        is_shadowed = self.kind == "shadow" and self.is_running
        return self.plan.mirrored_share if is_shadowed else 0.0

    def with_share(self, share: float) -> "RolloutState":
        """Returns the state with another share for the candidate."""
        stable = dataclasses.replace(self.stable, share=1.0 - share)
        candidate = dataclasses.replace(self.candidate, share=share)
        return dataclasses.replace(self, arms=(stable, candidate))


def moment(text: str) -> datetime:
    """Reads an ISO 8601 time with an offset.

    Raises:
        RolloutError: It is none.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise RolloutError(f"{text!r} is no ISO 8601 time.") from error
    if found.tzinfo is None:
        raise RolloutError(f"{text!r} has no offset; expected one, such as +00:00.")
    return found
