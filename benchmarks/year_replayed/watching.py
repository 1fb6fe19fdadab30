"""The monitor of a replay: a pass a day, alerts to a log and a webhook."""

from datetime import date, datetime, timedelta
from pathlib import Path

from benchmarks.year_replayed.running import AlertReceiver
from benchmarks.year_replayed.year_rows import midnight
from benchmarks.year_replayed.year_settings import MODEL, YearSettings
from serving.monitoring.alerts.alert_manager import AlertManager
from serving.monitoring.alerts.alert_settings import (
    AlertRule,
    AlertSettings,
    ChannelSettings,
)
from serving.monitoring.monitor_settings import MonitorSettings
from serving.monitoring.report_format import MonitorReport, Window
from serving.monitoring.service_pass import MonitorPass, Outputs
from serving.monitoring.service_report import ReportSource
from serving.prediction_log.log_reader import PredictionLog
from serving.versions.model_folder import served_version, version_path

_URL = "YEAR_REPLAYED_WEBHOOK"
_LABEL_DELAY = timedelta(days=1)


class Watching:
    """Passes over the log since the served version was deployed.

    Attributes:
        windows: All that were ever reported on all rows, by start: the newest word.
        report_file: The newest report.
    """

    def __init__(
        self,
        settings: YearSettings,
        monitoring: MonitorSettings,
        receiver: AlertReceiver,
        since: date,
    ) -> None:
        """Begins with a version's first day.

        Args:
            settings: Of the replay.
            monitoring: Of the monitor.
            receiver: The webhook's other end.
            since: The first day that is watched.
        """
        self._settings = settings
        self._monitoring = monitoring
        self._folder = settings.state / "monitor"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._alerts = AlertManager(
            self._folder, MODEL, _alert_settings(), {_URL: receiver.url}
        )
        self.windows: dict[datetime, Window] = {}
        self.report_file = self._folder / "report.json"
        self.deployed(since)

    def deployed(self, since: date) -> None:
        """Compares with the version that is served from now on.

        Args:
            since: Its first whole day; earlier windows are judged no more.
        """
        source = ReportSource(
            log=PredictionLog(self._settings.log, MODEL),
            find_bundle=self._bundle,
            settings=self._monitoring,
            since=midnight(since),
            label_delay=_LABEL_DELAY,
        )
        outputs = Outputs(json=self.report_file)
        self._pass = MonitorPass(source, self._folder, outputs, self._alerts)

    def look(self) -> MonitorReport:
        """Does one pass."""
        report = self._pass()
        for window in report.windows:
            if not window.slice:
                self.windows[window.start] = window
        return report

    @property
    def num_delivered(self) -> dict[str, int]:
        """Notifications by channel."""
        return dict(self._alerts.state.num_delivered)

    def _bundle(self) -> Path:
        version = served_version(self._settings.models)
        if version is None:
            raise RuntimeError(f"{self._settings.models} serves no version.")
        return version_path(self._settings.models, version)


def _alert_settings() -> AlertSettings:
    return AlertSettings(
        channels={
            "log": ChannelSettings(kind="log"),
            "webhook": ChannelSettings(kind="webhook", url_env=_URL),
        },
        rules=(AlertRule(name="warnings", channels=("log", "webhook")),),
    )
