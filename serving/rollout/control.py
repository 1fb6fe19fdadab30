"""One look at a rollout: gathers, decides, writes down, carries out.

The order in which things are written is what makes a crash harmless:

    1  units.bin, evidence.json    what was counted; a look that is repeated adds only
                                   what is new
    2  events.jsonl                the decision with its numbers and the state it makes
    3  rollout.json                that state; routers follow
    4  the model folder            renames, by its own ledger
    5  events.jsonl, rollout.json  that it was done

Whatever is missing after a crash is done by the next look, which begins by putting the
last event's state in place.
"""

import dataclasses
import time
from datetime import datetime
from pathlib import Path

from serving.bundle.errors import BundleRefusedError
from serving.bundle.verify import require_ok
from serving.prediction_log.errors import PredictionLogError
from serving.rollout.advance import RolloutEvent, advance, decide
from serving.rollout.errors import RolloutError
from serving.rollout.event_log import EVENTS, append_event, read_events
from serving.rollout.evidence import Evidence, read_evidence, write_evidence
from serving.rollout.findings import as_numbers
from serving.rollout.gather import gather_counts, gather_labels
from serving.rollout.state import Decision, RolloutState
from serving.rollout.state_file import read_state, write_state
from serving.rollout.takeover import Verifier, take_over
from serving.versions.change_lock import changing

WHO = "slipway rollout"
_NO_ROLLOUT = "there is no rollout in {}. Start one: slipway rollout start."


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What one look found.

    Attributes:
        state: After it.
        evidence: Up to it.
        events: What changed, in order.
        problem: Why the log could not be read; "": it was. Guard rails were looked at,
            and the metric as it was known before.
    """

    state: RolloutState
    evidence: Evidence
    events: tuple[RolloutEvent, ...] = ()
    problem: str = ""


def start(state_dir: Path, state: RolloutState, *, who: str = WHO) -> None:
    """Begins a rollout; routers follow within a second.

    Args:
        state_dir: Made if it is not there; may hold rollouts that have ended.
        state: The first one, with serial 1.
        who: For the events.

    Raises:
        RolloutError: Another rollout is going on here.
    """
    with changing(state_dir):
        before = recover(state_dir)
        if before is not None and not before.is_over:
            raise RolloutError(
                f"rollout {before.id} is going on in {state_dir}. Wait for its end, "
                "or stop it: slipway rollout stop."
            )
        if any(entry.rollout == state.id for entry in read_events(state_dir).entries):
            raise RolloutError(f"{state_dir} knows a rollout {state.id!r} already.")
        event = RolloutEvent(
            name="started",
            at=state.step_starts[0],
            reason=f"The candidate gets {state.candidate.share:.3%} of the requests.",
            numbers={},
        )
        _commit(state_dir, state, event, who)


def look(
    state_dir: Path, now: datetime, *, who: str = WHO, verify: Verifier = require_ok
) -> Look:
    """Takes in what is new, decides, and carries it out.

    Args:
        state_dir: The rollout's.
        now: On the clock of the evidence, not before the last look.
        who: For the ledger and the events.
        verify: Raises if a bundle must not be served.

    Raises:
        RolloutError: There is no rollout, or its files cannot be used.
        RouterError: A counts file cannot be used.
        VersionsError: The model folder cannot be changed now; look again.
    """
    with changing(state_dir):
        state = require_state(state_dir)
        evidence = read_evidence(state_dir, state.id)
        events, problem = [], ""
        if state.is_running:
            evidence = gather_counts(state_dir, state, evidence)
            try:
                evidence = gather_labels(state_dir, state, evidence, now)
            except (PredictionLogError, RolloutError) as error:
                # A log that cannot be read must not blind the guard rails.
                problem = str(error)
            write_evidence(state_dir, evidence)
            state, event = advance(state, evidence, now)
            if event is not None:
                _commit(state_dir, state, event, who)
                events.append(event)
        done = _carry_out(state_dir, state, (now, who), verify)
        if done is not None:
            state, event = done
            events.append(event)
        return Look(
            state=state, evidence=evidence, events=tuple(events), problem=problem
        )


def peek(state_dir: Path) -> Look:
    """Returns where a rollout stands, without changing anything.

    Counts are the routers' of now; the log is not read.

    Raises:
        RolloutError: There is no rollout.
        RouterError: A counts file cannot be used.
    """
    state = read_state(state_dir)
    if state is None:
        raise RolloutError(_NO_ROLLOUT.format(state_dir))
    evidence = read_evidence(state_dir, state.id)
    if state.is_running:
        evidence = gather_counts(state_dir, state, evidence)
    return Look(state=state, evidence=evidence)


def require_started(state_dir: Path) -> None:
    """Refuses a folder without a rollout.

    Raises:
        RolloutError: None was started there, or rollout.json cannot be used.
    """
    if read_state(state_dir) is None:
        raise RolloutError(_NO_ROLLOUT.format(state_dir))


def stop(
    state_dir: Path, now: datetime, *, reason: str, who: str = WHO
) -> RolloutState:
    """Gives all requests back to the stable arm.

    Raises:
        RolloutError: There is no rollout, or it has ended.
    """
    with changing(state_dir):
        state = require_state(state_dir)
        decision = state.decision
        if decision is not None:
            raise RolloutError(
                f"rollout {state.id} has ended: {decision.verdict}. {decision.reason}"
            )
        evidence = read_evidence(state_dir, state.id)
        numbers = as_numbers(state, evidence)
        state, event = decide(state, ("stopped", "stop", reason), now, numbers)
        _commit(state_dir, state, event, who)
        return state


def recover(state_dir: Path) -> RolloutState | None:
    """Returns where the rollout stands, an event that came no further put in place.

    Raises:
        RolloutError: The events are missing, or were changed after they were written.
    """
    state, found = read_state(state_dir), read_events(state_dir)
    if found.problems:
        raise RolloutError(
            f"{found.problems[0]} What was decided cannot be told any more: restore "
            f"{state_dir / EVENTS}, or point the routers at another folder."
        )
    entries = found.entries
    if not entries:
        if state is not None:
            raise RolloutError(
                f"{state_dir} has a rollout {state.id} but no events of it. Somebody "
                "removed them: restore them, or move rollout.json away."
            )
        return None
    last = entries[-1].state
    if state != last:
        write_state(state_dir, last)
    return last


def require_state(state_dir: Path) -> RolloutState:
    """Returns what `recover` does.

    Raises:
        RolloutError: No rollout was ever started there.
    """
    state = recover(state_dir)
    if state is None:
        raise RolloutError(_NO_ROLLOUT.format(state_dir))
    return state


def _carry_out(
    state_dir: Path,
    state: RolloutState,
    asked: tuple[datetime, str],
    verify: Verifier,
) -> tuple[RolloutState, RolloutEvent] | None:
    """Makes a promotion that was decided; None: there is none to make."""
    decision = state.decision
    if decision is None or decision.outcome == "done":
        return None
    now, who = asked
    # Requests that were sent to the candidate end before its folder moves.
    time.sleep(state.plan.drain_s)
    try:
        done = take_over(state, who, verify=verify)
    except BundleRefusedError as error:
        found = _refused(state, decision, str(error), now)
    else:
        found = _promoted(state, decision, done, now)
    _commit(state_dir, *found, who)
    return found


def _promoted(
    state: RolloutState, decision: Decision, done: str, now: datetime
) -> tuple[RolloutState, RolloutEvent]:
    ended = dataclasses.replace(
        state,
        serial=state.serial + 1,
        decision=dataclasses.replace(decision, outcome="done"),
    )
    numbers = {"version": state.candidate.version, "model_dir": state.plan.model_dir}
    return ended, RolloutEvent(
        name="promoted", at=now.isoformat(), reason=done, numbers=numbers
    )


def _refused(
    state: RolloutState, decision: Decision, why: str, now: datetime
) -> tuple[RolloutState, RolloutEvent]:
    reason = f"It was to be promoted ({decision.reason}) but is refused: {why}"
    ended = dataclasses.replace(
        state,
        serial=state.serial + 1,
        decision=Decision(
            verdict="rollback", cause="promotion", reason=reason, at=now.isoformat()
        ),
    )
    return ended, RolloutEvent(
        name="refused", at=now.isoformat(), reason=reason, numbers={}
    )


def _commit(
    state_dir: Path, state: RolloutState, event: RolloutEvent, who: str
) -> None:
    append_event(state_dir, state, event, who)
    write_state(state_dir, state)
