"""The commands that say and change what is served: promote, rollback, versions."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.author_name import author_name

if TYPE_CHECKING:
    from serving.versions.promotion import Switch

PipelineArgument = Annotated[
    str,
    typer.Argument(
        metavar="PIPELINE",
        help="The pipeline that pushes the model: its name or its YAML file.",
    ),
]
BasePathOption = Annotated[
    str | None,
    typer.Option(
        "--model-base-path",
        metavar="DIR",
        help="TF Serving's base folder, instead of the pipeline's.",
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="NAME", help="The model's folder in it; the pipeline's name."
    ),
]
ByOption = Annotated[
    str | None,
    typer.Option("--by", metavar="WHO", help="Who asks, instead of user@host."),
]


def promote(
    version: Annotated[
        int, typer.Argument(metavar="VERSION", min=1, help="The version to serve.")
    ],
    pipeline: PipelineArgument = "flights",
    model_base_path: BasePathOption = None,
    model: ModelOption = None,
    by: ByOption = None,
    reason: Annotated[
        str, typer.Option("--reason", "-m", metavar="TEXT", help="Why, for the ledger.")
    ] = "",
) -> None:
    """Serves a version that is there, once it passes its checks; exit 5 if it fails.

    Larger versions are kept back in held/. Servers follow by themselves.

    Example: slipway promote 7
    """
    from pipeline.model_folder import find_model_dir
    from serving.versions import promotion
    from serving.versions.ledger import Author

    model_dir = find_model_dir(pipeline, model_base_path, model)
    author = Author(who=by or author_name(), reason=reason)
    done = promotion.promote(model_dir, version, author=author)
    typer.echo(_in_words(model_dir, done))


def rollback(
    reason: Annotated[
        str, typer.Option("--reason", "-m", metavar="TEXT", help="Why, for the ledger.")
    ],
    pipeline: PipelineArgument = "flights",
    to: Annotated[
        int | None,
        typer.Option(
            "--to",
            metavar="VERSION",
            min=1,
            help="The version to serve; otherwise the one served before.",
        ),
    ] = None,
    model_base_path: BasePathOption = None,
    model: ModelOption = None,
    by: ByOption = None,
) -> None:
    """Serves an earlier version again, once it passes its checks; exit 5 if it fails.

    What came after it is kept back in held/. Servers follow by themselves.

    Example: slipway rollback --reason "late flights are missed since Monday"
    """
    from pipeline.model_folder import find_model_dir
    from serving.versions import promotion
    from serving.versions.ledger import Author

    model_dir = find_model_dir(pipeline, model_base_path, model)
    author = Author(who=by or author_name(), reason=reason)
    done = promotion.rollback(model_dir, to, author=author)
    typer.echo(_in_words(model_dir, done))


def versions(
    pipeline: PipelineArgument = "flights",
    model_base_path: BasePathOption = None,
    model: ModelOption = None,
    ledger: Annotated[
        bool, typer.Option("--ledger", help="Every change there was, oldest first.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="The answer as JSON.")
    ] = False,
) -> None:
    """Lists a model's versions: which is served, who changed that, and why.

    Example: slipway versions --ledger
    """
    from pipeline import version_view
    from pipeline.model_folder import find_model_dir
    from pipeline.terminal import make_console
    from serving.versions.report import report_versions

    report = report_versions(find_model_dir(pipeline, model_base_path, model))
    if as_json:
        show = version_view.ledger_as_json if ledger else version_view.versions_as_json
        sys.stdout.write(json.dumps(show(report), indent=1) + "\n")
    elif ledger:
        version_view.print_ledger(make_console(), report)
    else:
        version_view.print_versions(make_console(), report)


def _in_words(model_dir: Path, done: "Switch") -> str:
    from serving.versions.model_folder import versions_in_words

    if done.entry is None:
        return f"{model_dir} serves version {done.to_version} already."
    before = f" instead of {done.from_version}" if done.from_version else ""
    held = versions_in_words(list(done.held))
    kept = f" Kept back in held/: {held}." if done.held else ""
    return f"{model_dir} serves version {done.to_version}{before}.{kept}"
