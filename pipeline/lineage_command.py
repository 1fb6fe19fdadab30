"""`slipway lineage`: where does this model, or this prediction, come from?"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.settings_loader import ConfigError
from pipeline.version_commands import BasePathOption, ModelOption

if TYPE_CHECKING:
    from pipeline.lineage.chain import Chain
    from pipeline.lineage.metadata_graph import MetadataGraph
    from pipeline.lineage.span_readers import SpanReader
    from pipeline.lineage.subjects import Subject

    Traced = list[tuple[Subject, Chain]]

_DEFAULT_PIPELINE = "flights"


def lineage(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="VERSION|FILE",
            help="A version's number, a bundle's folder, or a file of predictions.",
        ),
    ] = None,
    span: Annotated[
        int | None,
        typer.Option("--span", metavar="N", min=1, help="Who has read this span?"),
    ] = None,
    pipeline: Annotated[
        str | None,
        typer.Option(
            help="The pipeline that made it: its name or its YAML file. [flights]"
        ),
    ] = None,
    model_base_path: BasePathOption = None,
    model: ModelOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The answer as JSON.")
    ] = False,
) -> None:
    """Tells where a model or a prediction comes from, or which models read a span.

    Back to run, code, spans and every artifact between; forward from a span.

    Example: slipway lineage 3
    """
    from pipeline.lineage.subjects import find_subjects
    from pipeline.model_folder import find_model_dir

    if target is None and span is None:
        raise ConfigError(
            "name what to trace: a VERSION, a bundle's folder or a file of "
            "predictions; or a span with --span."
        )
    name = pipeline or _DEFAULT_PIPELINE
    model_dir = find_model_dir(name, model_base_path, model)
    subjects = find_subjects(target, model_dir) if target is not None else []
    if pipeline is None and subjects and subjects[0].place == "elsewhere":
        name = subjects[0].sealed.contract.run.pipeline
    graph, problem = _open_graph(name)
    traced = [(subject, _trace(subject, graph, problem)) for subject in subjects]
    readers = None if span is None else _readers(span, model_dir, graph)
    notes = [] if graph or traced else [_unread(problem)]
    if as_json:
        _write_json(traced, readers, notes)
    else:
        _print(traced, span, readers, notes)


def _open_graph(pipeline: str) -> tuple["MetadataGraph | None", str]:
    """Opens a pipeline's metadata; returns why not where that cannot be read."""
    from pipeline.config import load_config
    from pipeline.pipeline_argument import find_config
    from pipeline.work_dir import work_dir_for

    try:
        from pipeline.lineage.metadata_graph import MetadataGraph
        from pipeline.metadata.errors import MetadataError
    except ModuleNotFoundError as error:
        return None, f"{error.name} is not installed"
    try:
        work_dir = work_dir_for(load_config(find_config(pipeline)))
        return MetadataGraph(work_dir.metadata), ""
    except (ConfigError, MetadataError) as error:
        return None, str(error)


def _trace(subject: "Subject", graph: "MetadataGraph | None", problem: str) -> "Chain":
    from pipeline.lineage.chain import Chain, trace_chain

    if graph is None:
        return Chain(notes=(_unread(problem),))
    return trace_chain(graph, subject.sealed)


def _unread(problem: str) -> str:
    return (
        f"the metadata was not read: {problem.removesuffix('.')}. What is said here, "
        "the contract says."
    )


def _readers(
    span: int, model_dir: Path, graph: "MetadataGraph | None"
) -> "list[SpanReader]":
    from pipeline.lineage.span_readers import find_span_readers
    from pipeline.lineage.subjects import read_bundles

    return find_span_readers(span, read_bundles(model_dir), graph)


def _print(
    traced: "Traced",
    span: int | None,
    readers: "list[SpanReader] | None",
    notes: list[str],
) -> None:
    from rich.text import Text

    from pipeline.lineage import view as lineage_view
    from pipeline.terminal import make_console

    console = make_console()
    for subject, chain in traced:
        lineage_view.print_lineage(console, subject, chain)
    if span is not None and readers is not None:
        lineage_view.print_span_readers(console, span, readers)
    for note in notes:
        console.print(Text(f"! {note}", style="yellow"))


def _write_json(
    traced: "Traced", readers: "list[SpanReader] | None", notes: list[str]
) -> None:
    from pipeline.lineage import view as lineage_view

    document = {
        "format_version": 1,
        "bundles": [lineage_view.lineage_as_json(*pair) for pair in traced],
        "span_readers": None
        if readers is None
        else [lineage_view.reader_as_json(reader) for reader in readers],
        "notes": notes,
    }
    sys.stdout.write(json.dumps(document, indent=1) + "\n")
