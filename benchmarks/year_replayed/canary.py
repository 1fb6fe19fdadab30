"""One rollout after the other, on the replay's clock: planned, looked at, decided."""

import dataclasses
from datetime import datetime

from benchmarks.year_replayed.flight_spread import measure_spread
from benchmarks.year_replayed.running import logging_flags, start_server
from benchmarks.year_replayed.year_settings import MODEL, YearSettings
from pipeline.rollout_options import MetricOptions, StartOptions, plan_rollout
from serving.rollout import control
from serving.rollout.control import Look
from serving.rollout.new_rollout import Address, RailLimits
from serving.rollout.state import RolloutState
from serving.server_check.server_process import ServerProcess
from serving.versions.model_folder import HELD

WHO = "the year replayed"
LABEL_DELAY = "1d"
_DRAIN_S = 1.0


class Canary:
    """A rollout that is going on.

    Attributes:
        version: The candidate's.
        ramp_in_words: Its plan.
    """

    def __init__(
        self,
        settings: YearSettings,
        stable: ServerProcess,
        version: int,
        now: datetime,
        *flags: str,
    ) -> None:
        """Starts the candidate's server and the rollout.

        Args:
            settings: Of the replay.
            stable: Server of what is served.
            version: The candidate's, held back.
            now: On the replay's clock.
            flags: More flags of the candidate's server.

        Raises:
            ServerFailedError: The candidate is refused.
            ValueError: The log has too little to plan with.
        """
        self.version = version
        self._state_dir = settings.rollout
        self._server = start_candidate(settings, version, *flags)
        try:
            state = _planned(settings, (stable, self._server), version, now)
            control.start(self._state_dir, state, who=WHO)
        except BaseException:
            self._server.stop()
            raise
        shares = " then ".join(f"{step.share:.0%}" for step in state.plan.steps)
        self.ramp_in_words = (
            f"{shares} of the requests; a loss of {settings.canary.effect} nats in log "
            f"loss is borne, {settings.canary.max_duration} at most"
        )

    def look(self, now: datetime) -> Look:
        """Takes in what is new, decides, carries out; see control.look."""
        return control.look(self._state_dir, now, who=WHO)

    def close(self) -> None:
        """Ends the candidate's server."""
        self._server.stop()


def start_candidate(settings: YearSettings, version: int, *flags: str) -> ServerProcess:
    """Starts a server of a held version alone.

    Raises:
        ServerFailedError: It refuses the version.
    """
    return start_server(
        settings,
        settings.models / HELD,
        f"candidate-{version}",
        *logging_flags(settings),
        "--max_num_load_retries=0",
        *flags,
    )


def _planned(
    settings: YearSettings,
    servers: tuple[ServerProcess, ServerProcess],
    version: int,
    now: datetime,
) -> RolloutState:
    (stable, candidate), plan = servers, settings.canary
    spread = measure_spread(settings, now)
    options = StartOptions(
        model=MODEL,
        kind="canary",
        arms=(
            Address(url=stable.rest_address),
            Address(url=candidate.rest_address, version=version),
        ),
        limits=RailLimits(),
        metric=MetricOptions(
            name="log_loss",
            goal="non_inferiority",
            effect=plan.effect,
            label_delay=LABEL_DELAY,
            level=0.05,
            power=0.8,
            smaller_is_better=True,
            clip=None,
            output="probability",
            positive_label=None,
            std=spread.std,
            units_per_day=spread.flights_per_day,
        ),
        steps=plan.steps,
        log=settings.log,
        model_dir=settings.models,
        min_compared=1000,
        mirrored_share=1.0,
        max_duration=plan.max_duration,
    )
    state = plan_rollout(options, now).state
    # Routers read shares ten times a second; nobody else's clock is at stake.
    drained = dataclasses.replace(state.plan, drain_s=_DRAIN_S)
    return dataclasses.replace(state, plan=drained)
