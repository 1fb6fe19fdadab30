"""`slipway serve`: answers requests with a pipeline's pushed model."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.settings_loader import ConfigError


def serve(  # noqa: PLR0913, PLR0917 - a command's options are its interface
    pipeline: Annotated[
        str,
        typer.Argument(
            metavar="PIPELINE",
            help="A pipeline's name or YAML file: its pushed model is served.",
        ),
    ] = "flights",
    model_base_path: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The folder of the versions, instead of the pipeline's.",
        ),
    ] = None,
    model_name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The model's name; the folder's if left out."
        ),
    ] = None,
    rest_port: Annotated[
        int, typer.Option(metavar="PORT", help="For REST; 0: none.")
    ] = 8501,
    grpc_port: Annotated[
        int, typer.Option(metavar="PORT", help="For gRPC; 0: none.")
    ] = 8500,
    bind_address: Annotated[
        str, typer.Option(metavar="ADDRESS", help="0.0.0.0: all interfaces.")
    ] = "127.0.0.1",
    workers: Annotated[
        int, typer.Option(metavar="N", help="Processes that share the ports.")
    ] = 1,
    log: Annotated[
        bool,
        typer.Option(
            "--log",
            help="Write every prediction to predictions/ in the pipeline's work "
            "folder.",
        ),
    ] = False,
    flags: Annotated[
        list[str] | None,
        typer.Option(
            "--flag",
            metavar="NAME=VALUE",
            help="One more of tensorflow_model_server's flags, such as "
            "--flag enable_batching=true; may be given several times.",
        ),
    ] = None,
) -> None:
    """Serves a model over REST and gRPC, as TF Serving does, until it is interrupted.

    New versions are taken up while it runs; one that fails its checks is not.

    Example: slipway serve flights --workers 2 --log
    """
    from serving.server.main import main

    folder = _model_dir(pipeline, model_base_path)
    name = model_name or folder.name
    sys.stdout.write(in_words(folder, name, (bind_address, rest_port, grpc_port)))
    sys.stdout.flush()
    exit_code = main(
        [
            f"--port={grpc_port}",
            f"--rest_api_port={rest_port}",
            f"--model_name={name}",
            f"--model_base_path={folder}",
            f"--bind_address={bind_address}",
            f"--workers={workers}",
            "--enable_grpc_healthcheck_service",
            "--enable_grpc_reflection",
            *([f"--prediction_log_dir={log_dir(pipeline)}"] if log else []),
            *(f"--{flag}" for flag in flags or ()),
        ]
    )
    raise typer.Exit(exit_code)


def log_dir(pipeline: str) -> Path:
    """Returns where a pipeline's predictions are logged: `{work_dir}/predictions`.

    Raises:
        ConfigError: There is no such pipeline.
    """
    from pipeline.pipeline_argument import work_dir_of

    return (work_dir_of(pipeline).path / "predictions").absolute()


def _model_dir(pipeline: str, model_base_path: Path | None) -> Path:
    """Returns the folder of versions.

    Raises:
        ConfigError: It holds none.
    """
    from pipeline.model_folder import find_model_dir
    from serving.server.version_policy import list_version_dirs

    folder = model_base_path or find_model_dir(pipeline, None, None)
    try:
        versions = list_version_dirs(folder)
    except OSError:
        versions = {}
    if not versions:
        raise ConfigError(
            f"{folder} holds no version yet. Make one: slipway run {pipeline}"
        )
    return folder.absolute()


def in_words(folder: Path, name: str, place: tuple[str, int, int]) -> str:
    """Returns what is served where, and a line that tries it.

    Args:
        folder: Of the versions.
        name: The model's.
        place: Address, REST port, gRPC port; 0: not offered.
    """
    address, rest_port, grpc_port = place
    host = "localhost" if address in ("127.0.0.1", "0.0.0.0") else address  # noqa: S104 - compared only
    lines = [f"model  {name}, newest version in {folder}"]
    if grpc_port:
        lines.append(f"grpc   {address}:{grpc_port}")
    if rest_port:
        url = f"http://{host}:{rest_port}/v1/models/{name}"
        lines += [f"rest   http://{address}:{rest_port}", _try_line(folder, url)]
    return "\n".join([*lines, "stop   Ctrl-C", ""])


def _try_line(folder: Path, url: str) -> str:
    """Returns a ready curl line: of a golden row where the version has one."""
    body = _example_body(folder)
    if body is None:
        return f"try    curl {url}/metadata"
    return f"try    curl -d '{body}' {url}:predict"


def _example_body(folder: Path) -> str | None:
    import json

    from serving.bundle.errors import BundleRefusedError
    from serving.bundle.golden_batch import read_golden_batch
    from serving.server.version_policy import list_version_dirs

    versions = list_version_dirs(folder)
    try:
        golden = read_golden_batch(versions[max(versions)])
    except (BundleRefusedError, OSError):
        return None
    for row in golden.rows:
        if None not in row.raw:
            instance = dict(zip(golden.raw_features, row.raw, strict=True))
            text = json.dumps({"instances": [instance]}, ensure_ascii=True)
            return text.replace("'", "\\u0027")
    return None
