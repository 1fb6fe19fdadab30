"""`slipway monitor`: what has changed since training, and does it matter?"""

import logging
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.monitor_options import (
    SEVERITIES,
    pass_interval,
    read_alert_settings,
    read_length,
    read_moment,
)
from pipeline.pipeline_argument import PipelineArgument
from pipeline.settings_loader import ConfigError

if TYPE_CHECKING:
    from pipeline.config import PipelineConfig
    from serving.monitoring.report_format import MonitorReport
    from serving.monitoring.service_pass import MonitorPass
    from serving.monitoring.service_report import ReportSource

_ALARMED_EXIT_CODE = 1


def monitor(  # noqa: PLR0913, PLR0917 - a command's options are its interface
    pipeline: PipelineArgument = "flights",
    once: Annotated[
        bool, typer.Option("--once", help="Do one pass and end; the default.")
    ] = False,
    every: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Go on, with a pass each 10m, 1h … until stopped."
        ),
    ] = None,
    log_dir: Annotated[
        Path | None,
        typer.Option(
            "--log",
            metavar="DIR",
            help="The prediction log; {work_dir}/predictions if left out.",
        ),
    ] = None,
    model_name: Annotated[
        str | None,
        typer.Option(
            "--model", metavar="NAME", help="In the log; the pipeline's if left out."
        ),
    ] = None,
    bundle: Annotated[
        str | None,
        typer.Option(
            metavar="BUNDLE",
            help="A version's folder or flights/3 to compare with; what is served if "
            "left out.",
        ),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Length of a window: 6h, 1d, 1w."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Leave out rows before 2013-07-01 or 30d ago."
        ),
    ] = None,
    label_delay: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="How long labels take; older windows are not computed again.",
        ),
    ] = "7d",
    skew_rows: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            help="Replay so many of the newest rows in each pass; see slipway skew.",
        ),
    ] = 0,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Remembers windows and alerts; {work_dir}/monitor if left out.",
        ),
    ] = None,
    as_json: Annotated[
        Path | None,
        typer.Option(
            "--json", metavar="FILE", help="The report; report.json in the state."
        ),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The page; page.html in the state."),
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT", help="Serve Prometheus metrics on 127.0.0.1; 0: any port."
        ),
    ] = None,
    metrics_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write Prometheus metrics, for cron jobs."),
    ] = None,
    alerts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Rules and channels, YAML; warnings go to the log if left out.",
        ),
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option(
            metavar="SEVERITY",
            help="Exit with 1 if an alarm of info, warning or critical lasts.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A setting of the pipeline, such as monitoring.level=0.001; may be "
            "given several times.",
        ),
    ] = None,
) -> None:
    """Compares what is served with what was trained on: report, page, alerts, metrics.

    Example: slipway monitor flights --every 10m --metrics-port 9100
    """
    from serving.monitoring.alerts.alert_manager import AlertManager
    from serving.monitoring.service_lock import only_monitor
    from serving.monitoring.service_pass import MonitorPass, Outputs
    from serving.monitoring.service_report import ReportSource
    from serving.prediction_log.log_reader import PredictionLog

    every_s = pass_interval(once=once, every=every, fail_on=fail_on)
    config = _load(pipeline, settings or [], window)
    model, folder = model_name or config.name, state or _folder(config, "monitor")
    outputs = Outputs(
        json=as_json or folder / "report.json",
        page=page or folder / "page.html",
        metrics=metrics_file,
    )
    source = ReportSource(
        log=PredictionLog(log_dir or _folder(config, "predictions"), model),
        find_bundle=lambda: _bundle(config, bundle),
        settings=config.monitoring,
        since=read_moment(since),
        label_delay=read_length("--label-delay", label_delay),
    )
    rules = read_alert_settings(alerts)
    _log_to_standard_error(is_service=every_s is not None)
    with ExitStack() as stack:
        stack.enter_context(only_monitor(folder))
        manager = AlertManager(folder, model, rules, os.environ)
        run_pass = MonitorPass(source, folder, outputs, manager)
        if skew_rows:
            run_pass.add_skew = _skew_adder(config, source, skew_rows)
        if metrics_port is not None:
            _serve_metrics(stack, run_pass, metrics_port)
        if every_s is not None:
            _repeat(run_pass, every_s)
            return
        report = run_pass()
    sys.stdout.write(f"{in_words(report)}\npage  {outputs.page}\n")
    raise typer.Exit(_exit_code(report, fail_on))


def _load(pipeline: str, settings: list[str], window: str | None) -> "PipelineConfig":
    from pipeline.config import load_config
    from pipeline.pipeline_argument import find_config
    from pipeline.run_command import parse_settings

    overrides = parse_settings(settings)
    if window is not None:
        overrides["monitoring.window"] = window
    return load_config(find_config(pipeline), overrides)


def _bundle(config: "PipelineConfig", bundle: str | None) -> Path:
    """Returns the folder of the version to compare with.

    Raises:
        ConfigError: There is none.
    """
    from pipeline.model_folder import find_bundle
    from serving.versions.model_folder import served_version, version_path

    if bundle is not None:
        return find_bundle(bundle)
    model_dir = Path(config.deployment.model_base_path) / config.name
    version = served_version(model_dir)
    if version is None:
        raise ConfigError(
            f"{model_dir} holds no version yet. Make one: slipway run {config.name}"
        )
    return version_path(model_dir, version)


def _skew_adder(
    config: "PipelineConfig", source: "ReportSource", num_rows: int
) -> "Callable[[MonitorReport], MonitorReport]":
    from pipeline.monitor_skew import skew_adder

    model_dir = Path(config.deployment.model_base_path) / config.name
    return skew_adder(source.log, model_dir, num_rows)


def _folder(config: "PipelineConfig", name: str) -> Path:
    return Path(config.work_dir) / name


def in_words(report: "MonitorReport") -> str:
    """Returns the verdict as one line."""
    from serving.monitoring.page.alarm_view import alarm_histories
    from serving.monitoring.page.verdict import verdict

    return verdict(report, alarm_histories(report)).sentence


def _log_to_standard_error(*, is_service: bool) -> None:
    from serving.monitoring.alerts.log_channel import LOGGER

    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(message)s",
        level=logging.INFO if is_service else logging.WARNING,
    )
    logging.getLogger(LOGGER).setLevel(logging.INFO)


def _serve_metrics(stack: ExitStack, run_pass: "MonitorPass", port: int) -> None:
    from serving.monitoring.prometheus_text import serving_metrics

    try:
        found = stack.enter_context(serving_metrics(run_pass.samples, port))
    except (OSError, OverflowError) as error:
        raise ConfigError(f"--metrics-port {port} cannot be had: {error}.") from error
    sys.stdout.write(f"metrics  http://127.0.0.1:{found}/metrics\n")
    sys.stdout.flush()


def _repeat(run_pass: "MonitorPass", every_s: float) -> None:
    from serving.monitoring.service import run_service, stopping_on_signals

    with stopping_on_signals() as stop:
        run_service(run_pass, every_s, stop)


def _exit_code(report: "MonitorReport", fail_on: str | None) -> int:
    from serving.monitoring.alerts.observation import observations

    if fail_on is None:
        return 0
    least = SEVERITIES.index(fail_on)
    lasting = [list(moment.alarms.values()) for moment in observations(report)][-1:]
    is_bad = any(
        SEVERITIES.index(alarm.severity) >= least
        for alarms in lasting
        for alarm in alarms
    )
    return _ALARMED_EXIT_CODE if is_bad else 0
