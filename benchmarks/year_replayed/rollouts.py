"""The rollouts of a year, the one of the bad model among them."""

from datetime import date, datetime

from benchmarks.year_replayed.bad_model import plant
from benchmarks.year_replayed.canary import Canary, start_candidate
from benchmarks.year_replayed.diary import Diary
from benchmarks.year_replayed.feed_client import Sent
from benchmarks.year_replayed.running import wait_for_version
from benchmarks.year_replayed.watching import Watching
from benchmarks.year_replayed.year_record import PlantedFault, TriedVersion
from benchmarks.year_replayed.year_settings import YearSettings
from serving.rollout.advance import RolloutEvent
from serving.rollout.state import Decision
from serving.server_check.server_process import ServerFailedError, ServerProcess
from serving.versions.model_folder import (
    HELD,
    next_version,
    served_version,
    version_path,
)


class Rollouts:
    """One rollout at a time.

    Attributes:
        bad: The planted model; None: it has not been planted.
    """

    def __init__(
        self,
        settings: YearSettings,
        stable: ServerProcess,
        watching: Watching,
        diary: Diary,
    ) -> None:
        """No rollout goes on.

        Args:
            settings: Of the replay.
            stable: Server of what is served.
            watching: Told of deployments.
            diary: Of the replay.
        """
        self.bad: PlantedFault | None = None
        self._settings = settings
        self._stable = stable
        self._watching = watching
        self._diary = diary
        self._canary: Canary | None = None

    @property
    def is_going_on(self) -> bool:
        """Whether a candidate gets requests."""
        return self._canary is not None

    def close(self) -> None:
        """Ends the candidate's server."""
        if self._canary is not None:
            self._canary.close()
            self._canary = None

    def begin(
        self, day: date, now: datetime, version: int, *flags: str, is_bad: bool = False
    ) -> None:
        """Starts a rollout, if none goes on and the candidate can be served.

        Args:
            day: That is over.
            now: On the replay's clock.
            version: Of the candidate, held back.
            flags: More flags of its server.
            is_bad: Whether it is the planted one.
        """
        if self._canary is not None:
            self._diary.note(
                day, "decision", f"v{version} waits", "a rollout is going on"
            )
            return
        try:
            with self._diary.timed("starting servers"):
                self._canary = Canary(
                    self._settings, self._stable, version, now, *flags
                )
        except (ServerFailedError, ValueError) as error:
            self._diary.note(day, "decision", f"v{version} is not tried", str(error))
            return
        self._diary.record.rollouts.append(
            TriedVersion(version=version, began=now.date(), is_planted=is_bad)
        )
        self._diary.note(
            day, "canary", f"v{version} begins", self._canary.ramp_in_words
        )

    def sent(self, sent: Sent) -> None:
        """Counts what was answered."""
        if self._canary is None:
            return
        tried = self._diary.record.rollouts[-1]
        tried.num_requests += sent.num_requests
        tried.num_rows += sent.num_rows
        tried.num_candidate_requests += sent.num_candidate
        tried.num_candidate_rows += sent.num_candidate_rows

    def look(self, day: date, now: datetime) -> None:
        """Takes in what is new, decides, carries out."""
        canary = self._canary
        if canary is None:
            return
        tried = self._diary.record.rollouts[-1]
        tried.num_looks += 1
        with self._diary.timed("rollout"):
            look = canary.look(now)
        for event in look.events:
            self._note(day, canary.version, event)
        decision = look.state.decision
        if decision is None or not look.state.is_over:
            return
        self.close()
        tried.ended = now.date()
        tried.verdict, tried.reason = decision.verdict, decision.reason
        if decision.verdict == "promote":
            wait_for_version(self._stable, canary.version)
            self._watching.deployed(now.date())
            self._diary.note(day, "deployed", f"v{canary.version}", decision.reason)
        if tried.is_planted:
            self._judge_bad_model(tried, decision)

    def _note(self, day: date, version: int, event: RolloutEvent) -> None:
        verdict = str(event.numbers.get("verdict", ""))
        kind = "rollback" if verdict == "rollback" else "canary"
        title = {"step": "next step", "decided": verdict}.get(event.name, event.name)
        self._diary.note(day, kind, f"v{version} {title}", event.reason, event.numbers)

    def plant_bad_model(self, day: date, now: datetime) -> None:
        """Plants the bad model once its day has come and no rollout goes on.

        It is shown to the guards that would have to let it by; then it is forced past
        them, for its server's checks are turned off.
        """
        settings, due = self._settings, self._settings.bad_model_from
        served = served_version(settings.models)
        if due is None or day < due or self.bad or self._canary or served is None:
            return
        version = next_version(settings.models)
        target = settings.models / HELD / str(version)
        target.parent.mkdir(exist_ok=True)
        with self._diary.timed("planting the bad model"):
            made = plant(version_path(settings.models, served), target, version)
            self._diary.note(day, "fault", f"v{version} is a bad model", made.how)
            refused = f"bundle guard {made.guard!r} refuses it: {made.reason}"
            self.bad = PlantedFault(
                name="a bad model: two features swapped",
                began=now.date(),
                also=[refused, self._server_refusal(version)],
            )
        self._diary.note(day, "gate", f"v{version} refused", "; ".join(self.bad.also))
        self.begin(day, now, version, "--verify_bundle=false", is_bad=True)

    def _server_refusal(self, version: int) -> str:
        """Lets a server with its guards on try the version."""
        try:
            start_candidate(self._settings, version).stop()
        except ServerFailedError as error:
            return f"a server with its guards on: {error.reason}"
        return "a server with its guards on serves it"

    def _judge_bad_model(self, tried: TriedVersion, decision: Decision) -> None:
        bad, served = self.bad, served_version(self._settings.models)
        if bad is None or decision.verdict != "rollback":
            return
        bad.caught_by = f"rollout: {decision.cause}"
        bad.message = decision.reason
        bad.num_requests = tried.num_candidate_requests
        bad.num_rows = tried.num_candidate_rows
        bad.num_all_rows = tried.num_rows
        bad.num_looks = tried.num_looks
        bad.is_undone = served != tried.version
        bad.consequence = f"rolled back: v{served} got all requests again"
