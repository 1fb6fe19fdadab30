"""All that was counted of a rollout: sums, which do not grow with the requests.

    {state}/evidence.json    these sums, replaced whole
    {state}/units.bin        which units were counted already; see seen_units.py

What is decided from these sums is written elsewhere, so both files may be thrown away:
the counters are read anew and the log is read from the rollout's start.
"""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from serving.bundle.strict_json import FormatError, decode, parse_json
from serving.rollout.effect import EffectSums
from serving.rollout.errors import RolloutError
from serving.rollout.odds_test import NO_EVIDENCE, NO_TWO_SIDED_EVIDENCE, Logs
from serving.rollout.plan import RailName
from serving.rollout.state_file import replace_file

EVIDENCE = "evidence.json"
FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """Events of one kind among an arm's requests.

    Attributes:
        num_events: Of them.
        num_trials: Requests in which one could have happened.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}
    num_events: int = 0
    num_trials: int = 0

    def since(self, earlier: "Tally") -> "Tally":
        """Returns what was added."""
        return Tally(
            num_events=self.num_events - earlier.num_events,
            num_trials=self.num_trials - earlier.num_trials,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RailEvidence:
    """What is known of one guard rail.

    Attributes:
        name: The guard rail's.
        stable: The arm's tally now.
        candidate: The same of the candidate.
        tested_stable: What `ratio_logs` has taken in of it.
        tested_candidate: The same of the candidate.
        ratio_logs: Against "the candidate's share is at most max_ratio times the stable
            arm's"; see odds_test.py.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}
    name: RailName
    stable: Tally = Tally()
    candidate: Tally = Tally()
    tested_stable: Tally = Tally()
    tested_candidate: Tally = Tally()
    ratio_logs: Logs = NO_EVIDENCE


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelEvidence:
    """What is known of units that are older than the label delay.

    Attributes:
        read_until: ISO 8601; the log was read up to here; "": not yet.
        effect: Of those whose label has come.
        num_units: Units of the stable arm and of the candidate, labelled or not.
        unit_logs: Against "units were given to the candidate by its share".
        labelled_logs: Against "so were those whose label has come".
        num_kept_units: Of units.bin; what lies behind was never counted.
        num_repeats: Later requests of units that were counted already; no evidence.
        num_unkeyed: Rows without a key, which no label can find.
        num_settling: Requests answered while shares were changing.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}
    read_until: str = ""
    effect: EffectSums = field(default_factory=EffectSums)
    num_units: tuple[int, int] = (0, 0)
    unit_logs: Logs = NO_TWO_SIDED_EVIDENCE
    labelled_logs: Logs = NO_TWO_SIDED_EVIDENCE
    num_kept_units: int = 0
    num_repeats: int = 0
    num_unkeyed: int = 0
    num_settling: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """Of one rollout.

    Attributes:
        rollout_id: Its id.
        num_requests: Of the stable arm and of the candidate, counted by routers.
        at_step: The candidate's requests when each step began; never empty.
        rails: One a guard rail of the plan, in its order.
        labels: Stays as it is where the plan has no metric.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}
    rollout_id: str
    num_requests: tuple[int, int] = (0, 0)
    at_step: tuple[int, ...] = (0,)
    rails: tuple[RailEvidence, ...] = ()
    labels: LabelEvidence = LabelEvidence()

    @property
    def num_in_step(self) -> int:
        """Requests of the candidate since the present step began."""
        return max(0, self.num_requests[1] - self.at_step[-1])


def read_evidence(state_dir: Path, rollout_id: str) -> Evidence:
    """Returns what was counted of a rollout; nothing where it is another's.

    Raises:
        RolloutError: The file cannot be used.
    """
    path = state_dir / EVIDENCE
    try:
        document = parse_json(path.read_bytes())
        version = document.pop("format_version", None)
        if version != FORMAT_VERSION:
            raise FormatError(
                f"format_version is {version!r}; this slipway reads {FORMAT_VERSION}."
            )
        if document.get("rollout_id") != rollout_id:
            return Evidence(rollout_id=rollout_id)
        return decode(Evidence, document)
    except FileNotFoundError:
        return Evidence(rollout_id=rollout_id)
    except (OSError, FormatError) as error:
        raise RolloutError(
            f"{path} cannot be used: {error} Remove it: everything is counted anew."
        ) from error


def write_evidence(state_dir: Path, evidence: Evidence) -> None:
    """Replaces the file.

    Raises:
        RolloutError: The disk does not take it; the file is as it was.
    """
    document = {"format_version": FORMAT_VERSION, **dataclasses.asdict(evidence)}
    replace_file(state_dir / EVIDENCE, (json.dumps(document) + "\n").encode())
