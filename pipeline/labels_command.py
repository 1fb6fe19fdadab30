"""`slipway labels`: what turned out, told to the prediction log."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from serving.prediction_log.label_file import LabelColumns
    from serving.prediction_log.labels import LabelReport

_KEY, _LABEL = "key", "label"

labels = typer.Typer(
    name="labels",
    help="Joins labels that come late to the prediction log.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@labels.callback()
def _group() -> None:
    """Keeps `add` a subcommand although it is the only one."""


@labels.command()
def add(  # noqa: PLR0913, PLR0917 - a command's options are its interface
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="CSV with a header, or Parquet; of any size."
        ),
    ],
    model: Annotated[
        str,
        typer.Option(metavar="NAME", help="Whose predictions; its pipeline's name."),
    ] = "flights",
    log: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The prediction log's folder; predictions/ in the pipeline's work "
            "folder if left out.",
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Names the row as x-slipway-key did; column key, or the pipeline's.",
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="What turned out; column label, or the pipeline's.",
        ),
    ] = None,
    label_time: Annotated[
        str, typer.Option(metavar="COLUMN", help="When it was known.")
    ] = "",
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            metavar="COLUMN",
            help="A business metric to keep, may be given several times; all numeric "
            "columns that are no features if left out.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the counts as JSON.")
    ] = False,
) -> None:
    """Adds labels by key; the same file again changes nothing.

    Example: slipway labels add arrived.csv --key flight_id --label is_late
    """
    from pipeline.serve_command import log_dir
    from serving.prediction_log.label_file import LabelColumns
    from serving.prediction_log.labels import add_labels

    own_key, own_label = _column_names(file, model, key, label)
    columns = LabelColumns(
        key=own_key,
        label=own_label,
        label_time=label_time,
        metrics=tuple(metrics) if metrics else None,
        ignored=() if metrics else _features(model),
    )
    report = add_labels(log or log_dir(model), model, file, columns)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(report)))
    else:
        typer.echo(in_words(report, columns))


def _column_names(
    file: Path, model: str, key: str | None, label: str | None
) -> tuple[str, str]:
    """Returns the columns of key and label: as asked, as usual, or the pipeline's."""
    from pipeline.settings_loader import ConfigError
    from serving.prediction_log.label_file import column_names

    if key and label:
        return key, label
    names = column_names(file)
    own_key, own_label = _KEY, _LABEL
    try:
        from pipeline.config import load_config
        from pipeline.pipeline_argument import find_config

        data = load_config(find_config(model)).data
        own_key = _KEY if _KEY in names else data.key
        own_label = _LABEL if _LABEL in names else data.label
    except ConfigError:
        pass  # the model of a server without a pipeline: the usual names then
    return key or own_key, label or own_label


def _features(model: str) -> tuple[str, ...]:
    """Returns the raw features of the served version; none where there is none."""
    from pipeline.model_folder import find_bundle
    from pipeline.settings_loader import ConfigError
    from serving.bundle.contract import read_contract
    from serving.bundle.errors import BundleRefusedError

    try:
        return read_contract(find_bundle(model)).contract.feature_names
    except (ConfigError, BundleRefusedError, OSError):
        return ()


def in_words(report: "LabelReport", columns: "LabelColumns") -> str:
    """Returns a report as lines for a person."""
    lines = [
        f"{report.num_rows:,} rows, key {columns.key}, label {columns.label}",
        f"added      {report.num_added:,}",
        f"unchanged  {report.num_unchanged:,}",
        f"changed    {report.num_changed:,}",
    ]
    if report.num_overruled:
        lines.append(f"overruled  {report.num_overruled:,} by a later row of the file")
    if report.num_passed_over:
        lines.append(f"no label   {report.num_passed_over:,} without a key or a label")
    lines.append(f"matched    {report.num_matched:,} rows have a logged prediction")
    if report.num_unmatched:
        shown = ", ".join(report.unmatched_keys)
        lines.append(
            f"unmatched  {report.num_unmatched:,} are kept for predictions that may "
            f"come, such as {shown}"
        )
    return "\n".join(lines)
