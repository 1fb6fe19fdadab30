"""`slipway watch`: decides again and again whether to train, and trains."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.monitor_options import read_length
from pipeline.pipeline_argument import PipelineArgument, find_config
from pipeline.retrain_command import ReportOption, SettingOption
from pipeline.settings_loader import ConfigError

if TYPE_CHECKING:
    from pipeline.retraining.report_source import ReportSource
    from pipeline.run_record import NodeResult


def watch(
    pipeline: PipelineArgument = "flights",
    every: Annotated[
        str,
        typer.Option(metavar="TIME", help="From one round to the next: 30s, 10m, 1h."),
    ] = "10m",
    monitor_report: ReportOption = None,
    log: Annotated[
        Path | None,
        typer.Option(
            "--log",
            metavar="DIR",
            help="A prediction log: the monitor runs on it before each decision.",
        ),
    ] = None,
    settings: SettingOption = None,
) -> None:
    """Decides by the `retraining` section, trains when it says so, and starts over.

    Ends with SIGTERM or Ctrl-C. The report is read anew in each round; it need not be
    there yet.

    Example: slipway watch flights --every 1h
    """
    from pipeline.retraining.retrain import RetrainRequest
    from pipeline.retraining.watch import StopRequest, WatchPlan
    from pipeline.retraining.watch import watch as keep_watching
    from pipeline.run_command import parse_settings

    if monitor_report is not None and log is not None:
        raise ConfigError("--monitor-report and --log: give at most one of the two.")
    config_path, overrides = find_config(pipeline), parse_settings(settings or [])
    plan = WatchPlan(
        request=RetrainRequest(
            config_path=config_path, overrides=overrides, by="slipway watch"
        ),
        read_report=_report_source(config_path, overrides, monitor_report, log),
        every_s=read_length("--every", every).total_seconds(),
    )
    stop = StopRequest()
    with stop.listening():
        keep_watching(plan, stop, _tell, QuietListener())


class QuietListener:
    """Writes a line for each node that ends; a log is no place for progress bars."""

    def on_nodes(self, node_ids: list[str]) -> None:
        """Says nothing."""

    def on_start(self, node_id: str) -> None:
        """Says nothing."""

    def on_tick(self) -> None:
        """Says nothing."""

    def on_end(self, result: "NodeResult") -> None:
        """Says how the node ended."""
        _tell(f"  {result.node_id}: {result.state}, {result.wall_s:.1f} s")


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _report_source(
    config_path: Path,
    overrides: dict[str, object],
    monitor_report: Path | None,
    log: Path | None,
) -> "ReportSource":
    from pipeline.retraining import report_source

    if log is not None:
        return report_source.from_log(config_path, overrides, log)
    if monitor_report is not None:
        return report_source.from_file(monitor_report)
    return report_source.from_monitor(config_path, overrides)
