"""Makes the first state of a rollout of what was asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from serving.rollout.durations import seconds_of, share_of
from serving.rollout.errors import RolloutError
from serving.rollout.plan import GuardRail, Kind, RailName, RolloutPlan, Step
from serving.rollout.state import CANDIDATE, STABLE, Arm, RolloutState

# Few requests see a bad candidate; each step sees enough for its guard rails.
CANARY_STEPS = "1%:500,5%:1000,20%:2000,50%"
AB_STEPS = "50%"
BLUE_GREEN_STEPS = "100%:2000:10m"
SHADOW_STEPS = "0%"

_MOST_STEP_PARTS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class RailLimits:
    """What guard rails bear.

    Attributes:
        max_rate: Share of failed, refused or empty answers, each.
        max_ratio: Multiple of the stable arm's share.
        slow_s: Seconds; None: latency is not watched.
        max_slow: Share of slower requests.
        max_different: Of a shadow: share of answers that differ.
        level: Share of harmless rollouts in which any may be broken.
    """

    max_rate: float = 0.002
    max_ratio: float = 1.5
    slow_s: float | None = None
    max_slow: float = 0.01
    max_different: float = 0.01
    level: float = 0.01


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where an arm answers.

    Attributes:
        url: See Arm.
        grpc: See Arm.
        version: See Arm.
    """

    url: str
    grpc: str | None = None
    version: int | None = None


def parse_steps(text: str) -> tuple[Step, ...]:
    """Reads `1%:500:10m,5%:1000,50%`: share, least requests, least time.

    Raises:
        RolloutError: It is something else.
    """
    return tuple(_step(part) for part in text.split(","))


def _step(text: str) -> Step:
    parts = [part.strip() for part in text.split(":")]
    share = share_of(parts[0])
    try:
        if len(parts) > _MOST_STEP_PARTS:
            raise ValueError("more than three parts")
        requests = int(parts[1]) if len(parts) > 1 and parts[1] else 0
    except ValueError as error:
        raise RolloutError(
            f"step {text!r} is not SHARE:REQUESTS:TIME, such as 5%:1000:10m."
        ) from error
    lasts = seconds_of(parts[2]) if len(parts) == _MOST_STEP_PARTS else 0.0
    return Step(share=share, min_requests=requests, min_duration_s=lasts)


def default_steps(kind: Kind) -> tuple[Step, ...]:
    """Returns the ramp of a kind."""
    texts: dict[Kind, str] = {
        "canary": CANARY_STEPS,
        "ab": AB_STEPS,
        "blue_green": BLUE_GREEN_STEPS,
        "shadow": SHADOW_STEPS,
    }
    return parse_steps(texts[kind])


def guard_rails(kind: Kind, limits: RailLimits) -> tuple[GuardRail, ...]:
    """Returns the guard rails of a kind; their levels add up to the one asked for.

    Blue/green has nothing to compare with while it runs, so its shares are bounded by
    themselves; others break where both bounds are exceeded.
    """
    has_slow, is_shadow = limits.slow_s is not None, kind == "shadow"
    names: list[RailName] = ["errors", "refused", "missing"]
    names += ["slow"] if has_slow else []
    level = limits.level / (len(names) + is_shadow)
    ratio = None if kind == "blue_green" else limits.max_ratio
    rails = [
        GuardRail(
            name=name,
            max_rate=limits.max_slow if name == "slow" else limits.max_rate,
            max_ratio=ratio,
            limit_s=limits.slow_s if name == "slow" else None,
            level=level,
        )
        for name in names
    ]
    if is_shadow:
        rails.append(
            GuardRail(name="different", max_rate=limits.max_different, level=level)
        )
    return tuple(rails)


def new_state(
    model: str, kind: Kind, arms: Sequence[Address], plan: RolloutPlan, now: datetime
) -> RolloutState:
    """Returns the first state.

    Args:
        model: Its name in requests.
        kind: The rollout's.
        arms: The stable arm's address, then the candidate's.
        plan: What was asked for.
        now: On the clock of the evidence, with an offset.

    Raises:
        RolloutError: The parts do not fit together.
    """
    _check(kind, plan, arms[1])
    share = plan.steps[0].share
    first, second = arms
    stable = Arm(
        name=STABLE,
        url=first.url,
        grpc=first.grpc,
        version=first.version,
        share=1.0 - share,
    )
    candidate = Arm(
        name=CANDIDATE,
        url=second.url,
        grpc=second.grpc,
        version=second.version,
        share=share,
    )
    return RolloutState(
        serial=1,
        id=f"{_plain(model)}-{now:%Y%m%dT%H%M%S%f}",
        model=model,
        kind=kind,
        arms=(stable, candidate),
        plan=plan,
        step=0,
        step_starts=(now.isoformat(),),
    )


def _check(kind: Kind, plan: RolloutPlan, candidate: Address) -> None:
    shares = [step.share for step in plan.steps]
    if kind != "canary" and len(shares) != 1:
        raise RolloutError(f"steps are {shares}; {kind} has one step, not a ramp.")
    wanted = {"shadow": 0.0, "blue_green": 1.0}.get(kind)
    if wanted is not None and shares != [wanted]:
        raise RolloutError(f"steps are {shares}; {kind} has one, of share {wanted:g}.")
    if plan.metric is not None and not 0 < shares[-1] < 1:
        raise RolloutError(
            f"metric is {plan.metric.name!r} and the last share {shares[-1]:g}; a "
            "metric compares two arms, so both need requests: use canary or ab."
        )
    if kind == "ab" and plan.metric is None:
        raise RolloutError("metric is None; ab decides by a metric. Name one.")
    if plan.model_dir is not None and candidate.version is None:
        raise RolloutError(
            f"model_dir is {plan.model_dir!r} and the candidate's version is None; say "
            "which version is to be promoted."
        )


def _plain(model: str) -> str:
    """Returns a model's name as an id may begin."""
    kept = "".join(char if char.isascii() and char.isalnum() else "-" for char in model)
    return f"r{kept[:60]}" if not kept[:1].isalnum() else kept[:60]
