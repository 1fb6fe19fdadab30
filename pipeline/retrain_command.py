"""`slipway retrain`: decides once whether to train again, and trains."""

import signal
from pathlib import Path
from typing import Annotated

import typer

from pipeline.pipeline_argument import PipelineArgument, find_config

ReportOption = Annotated[
    Path | None,
    typer.Option(
        "--monitor-report",
        metavar="FILE",
        help="A report of slipway monitor; {work_dir}/monitor/report.json if left out.",
    ),
]
SettingOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="One setting, over the file's; may be given again.",
    ),
]


def retrain(
    pipeline: PipelineArgument = "flights",
    monitor_report: ReportOption = None,
    because: Annotated[
        str,
        typer.Option(
            "--because",
            metavar="TEXT",
            help="Asks for a run whatever the triggers say; what holds a run back "
            "still does.",
        ),
    ] = "",
    settings: SettingOption = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what would be decided; change nothing."),
    ] = False,
) -> None:
    """Decides by the `retraining` section whether to train again, and trains.

    Exit 0 where no run was due or the run pushed; otherwise as slipway run. Every
    decision is kept with its evidence: slipway why retrain.

    Example: slipway retrain flights --monitor-report report.json
    """
    from pipeline.outcome import read_outcome
    from pipeline.retraining import report_source
    from pipeline.retraining import retrain as rounds
    from pipeline.retraining.report_evidence import read_report_fact
    from pipeline.run_command import parse_settings
    from pipeline.terminal import Progress, make_console, print_outcome

    config_path, overrides = find_config(pipeline), parse_settings(settings or [])
    read_report = report_source.from_monitor(config_path, overrides)
    request = rounds.RetrainRequest(
        config_path=config_path,
        overrides=overrides,
        report=read_report_fact(monitor_report) if monitor_report else read_report(),
        asked=because,
    )
    if dry_run:
        typer.echo(rounds.rehearse(request).sentence)
        return
    # SIGTERM ends a run as Ctrl-C does: cleanly.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = make_console()
    with Progress(console) as progress:
        done = rounds.retrain(request, progress)
    if done.record is not None:
        print_outcome(console, done.record, read_outcome(done.record))
    typer.echo(done.decision.sentence)
    raise typer.Exit(done.record.exit_code or 0 if done.record else 0)
