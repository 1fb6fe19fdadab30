"""One pass of the monitor: log in, report, alerts, page and metrics out."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from serving.monitoring.alerts.alert_manager import AlertManager
from serving.monitoring.page.page import write_page
from serving.monitoring.prometheus_metrics import Health, Sample, samples
from serving.monitoring.report_format import MonitorReport, write_report
from serving.monitoring.service_report import ReportSource, refresh_report
from serving.monitoring.whole_file import write_whole

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outputs:
    """Files that each pass writes beside and renames; None: not that one.

    Attributes:
        json: The report, see report_format.
        page: The HTML page.
        metrics: Prometheus' text format, for the node exporter's textfile collector.
    """

    json: Path | None = None
    page: Path | None = None
    metrics: Path | None = None


def _as_it_is(report: MonitorReport) -> MonitorReport:
    return report


class MonitorPass:
    """Does a pass each time it is called, and knows how the passes went.

    Attributes:
        report: Of the newest pass that did not fail; None: there is none yet.
        add_skew: Puts training-serving skew into a report; leaves it as it is if unset.
        health: How passes went.
    """

    def __init__(
        self,
        source: ReportSource,
        folder: Path,
        outputs: Outputs,
        alerts: AlertManager,
    ) -> None:
        """Reads and writes nothing yet.

        Args:
            source: What to watch.
            folder: Of the state; exists.
            outputs: Files to write.
            alerts: Told of each report.
        """
        self._source = source
        self._folder = folder
        self._outputs = outputs
        self._alerts = alerts
        self.report: MonitorReport | None = None
        self.add_skew: Callable[[MonitorReport], MonitorReport] = _as_it_is
        self.health = Health()

    def __call__(self) -> MonitorReport:
        """Does one pass.

        Raises:
            Exception: Whatever came in the way; files are the old ones or the new.
        """
        started_at = datetime.now(UTC)
        try:
            report, num_computed = refresh_report(self._source, self._folder)
            report = self.add_skew(report)
            self.report = report
            if self._outputs.json is not None:
                write_report(report, self._outputs.json)
            self._alerts.take(report)
            self._alerts.deliver()
            if self._outputs.page is not None:
                write_page(report, self._outputs.page, self._alerts.state)
        except Exception:
            self.health = self.health.failed(started_at)
            raise
        else:
            self.health = self.health.done(started_at)
        finally:
            self._write_metrics()
        _LOG.info(
            "%d windows, %d of them computed, in %.1f s",
            len(report.windows),
            num_computed,
            self.health.last_pass_s,
        )
        return report

    def samples(self) -> Sequence[Sample]:
        """Returns all metrics as they are now."""
        return samples(self.report, self._alerts.state, self.health)

    def _write_metrics(self) -> None:
        if self._outputs.metrics is not None:
            from serving.monitoring.prometheus_text import exposition

            write_whole(self._outputs.metrics, exposition(self.samples()).encode())
