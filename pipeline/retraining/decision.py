"""Decides whether to train again: pure, so that every case is a row of a table."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pipeline.retraining.evidence import Evidence, History
from pipeline.retraining.holds import Hold, find_holds
from pipeline.retraining.policy import RetrainingConfig
from pipeline.retraining.triggers import Finding, check_triggers

Action = Literal["run", "held", "no"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What is done, and why.

    Attributes:
        action: "run"; "held": something asks for a run and something forbids it;
            "no": nothing asks.
        findings: What every trigger saw, those that fired first.
        holds: What forbids it; empty unless held.
        overrides: Settings of the run that differ from the configuration's; empty
            unless the action is "run".
    """

    action: Action
    findings: tuple[Finding, ...]
    holds: tuple[Hold, ...] = ()
    overrides: dict[str, Any] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """The decision in plain words."""
        if self.action == "run":
            return f"Train: {self._fired()}"
        if self.action == "held":
            because = "; ".join(hold.sentence for hold in self.holds)
            return f"Held back: {because}. What asked: {self._fired()}"
        seen = "; ".join(finding.sentence for finding in self.findings)
        return f"No: {seen or 'no trigger is configured'}."

    def _fired(self) -> str:
        seen = [found.sentence for found in self.findings if found.state != "quiet"]
        return f"{'; '.join(seen)}."


def decide(
    policy: RetrainingConfig, evidence: Evidence, history: History, now: datetime
) -> Decision:
    """Weighs triggers and holds.

    Args:
        policy: The configuration's section.
        evidence: What is known now.
        history: Earlier runs and starts.
        now: UTC. Nothing else here looks at a clock.

    Returns:
        "run" only if a trigger fired and nothing holds it back; never a run that would
        be one too many in the 24 hours before `now`.
    """
    findings = tuple(
        sorted(
            check_triggers(policy, evidence, history, now),
            key=lambda finding: ("fired", "weak", "quiet").index(finding.state),
        )
    )
    if all(finding.state == "quiet" for finding in findings):
        return Decision(action="no", findings=findings)
    holds = tuple(find_holds(policy, evidence, history, now))
    if all(finding.state != "fired" for finding in findings):
        weak = [finding for finding in findings if finding.state == "weak"]
        no_reason = Hold(
            kind="no_impact",
            sentence="change alone is no reason to train: nothing that was measured "
            f"reached its limit ({', '.join(found.trigger for found in weak)})",
        )
        return Decision(action="held", findings=findings, holds=(no_reason, *holds))
    if holds:
        return Decision(action="held", findings=findings, holds=holds)
    return Decision(
        action="run", findings=findings, overrides=run_overrides(policy, evidence)
    )


def run_overrides(policy: RetrainingConfig, evidence: Evidence) -> dict[str, Any]:
    """Returns the settings a retraining run lays over the configuration's.

    The spans are named one by one by `newest` and `last`: a span that appears while
    the run is prepared is the next decision's.
    """
    overrides: dict[str, Any] = {"deployment.push": policy.push}
    if evidence.spans:
        overrides["data.spans"] = {
            "newest": len(evidence.spans),
            "last": evidence.spans[-1].span,
        }
    if policy.warm_start is not None:
        overrides["train.warm_start"] = policy.warm_start
    return overrides
