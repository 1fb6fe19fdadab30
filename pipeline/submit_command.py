"""`slipway submit`: hands a compiled pipeline to Kubeflow Pipelines or Vertex AI."""

import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.pipeline_argument import PipelineArgument, find_config
from pipeline.run_command import parse_settings
from pipeline.settings_loader import ConfigError, did_you_mean

if TYPE_CHECKING:
    from pipeline.submit.compiled_file import CompiledPipeline
    from pipeline.submit.request import Taken

# The variable that kfp's own client reads.
HOST_VARIABLE = "KF_PIPELINES_ENDPOINT"


def submit(  # noqa: PLR0913, PLR0917 - a command's options are its interface
    target: Annotated[str, typer.Option(metavar="TARGET", help="kubeflow or vertex.")],
    pipeline: PipelineArgument = "flights",
    compiled: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What 'slipway compile' wrote; compiled now if left out.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Overrides a setting, where it is compiled now.",
        ),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="A runtime parameter of the pipeline; may be given several times.",
        ),
    ] = None,
    run_name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Instead of the pipeline's name and the time."
        ),
    ] = None,
    service_account: Annotated[
        str | None, typer.Option(metavar="NAME", help="The account the pods run as.")
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="S", min=0.1, help="Seconds to wait for an answer.")
    ] = 30.0,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Print as JSON what would be sent; needs no network, no credentials.",
        ),
    ] = False,
    host: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help=f"kubeflow: the API's address, if not in {HOST_VARIABLE}.",
        ),
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="kubeflow: profile, where there are several."
        ),
    ] = None,
    experiment: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="kubeflow: made if needed; the pipeline's name."
        ),
    ] = None,
    recurring: Annotated[
        str | None,
        typer.Option(metavar="CRON", help="kubeflow: on a schedule of 6 fields."),
    ] = None,
    pipeline_root: Annotated[
        str | None, typer.Option(metavar="URI", help="kubeflow: place of artifacts.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="kubeflow: a bearer token.")
    ] = None,
    cookie_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="kubeflow: a login's session cookie."),
    ] = None,
    ca_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="kubeflow: certificates to trust, PEM."),
    ] = None,
    project: Annotated[
        str | None, typer.Option(metavar="ID", help="vertex: the Google Cloud project.")
    ] = None,
    region: Annotated[
        str | None, typer.Option(metavar="REGION", help="vertex: such as europe-west4.")
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(metavar="CRON", help="vertex: on a schedule of 5 fields."),
    ] = None,
    staging_bucket: Annotated[
        str | None, typer.Option(metavar="gs://…", help="vertex: place of artifacts.")
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(metavar="URL", help="vertex: another address of the API."),
    ] = None,
) -> None:
    """Starts a pipeline on a cluster, once or on a schedule.

    Nothing is sent twice. Exit code 2: an option, a parameter or credentials; 1: the
    host could not be reached or refused.

    Example: slipway submit flights --target kubeflow --host http://localhost:8080
    """
    _check_target(
        target,
        kubeflow={
            "--host": host,
            "--namespace": namespace,
            "--experiment": experiment,
            "--recurring": recurring,
            "--pipeline-root": pipeline_root,
            "--token-file": token_file,
            "--cookie-file": cookie_file,
            "--ca-file": ca_file,
        },
        vertex={
            "--project": project,
            "--region": region,
            "--schedule": schedule,
            "--staging-bucket": staging_bucket,
            "--endpoint": endpoint,
        },
    )
    from pipeline.submit import kubeflow, vertex
    from pipeline.submit.parameters import parse_parameters

    file = _compiled_file(pipeline, target, compiled, settings or [])
    values = parse_parameters(param or [], file.parameters)
    name = run_name or _default_name(file.name, recurring or schedule)
    if target == "kubeflow":
        cluster = kubeflow.KubeflowTarget(
            host=_require_host(host),
            namespace=namespace,
            experiment=experiment or file.name,
            run_name=name,
            recurring=recurring,
            pipeline_root=pipeline_root,
            service_account=service_account,
            token_file=token_file,
            cookie_file=cookie_file,
            ca_file=ca_file,
            timeout_s=timeout,
        )
        plan = partial(kubeflow.plan, file, values, cluster)
        send = partial(kubeflow.send, file, values, cluster)
    else:
        region_target = vertex.VertexTarget(
            project=_require("--project", project),
            region=_require("--region", region),
            run_name=name,
            schedule=schedule,
            staging_bucket=staging_bucket,
            service_account=service_account,
            endpoint=endpoint,
            timeout_s=timeout,
        )
        plan = partial(vertex.plan, file, values, region_target)
        send = partial(vertex.send, file, values, region_target)
    typer.echo(plan().as_json() if dry_run else in_words(send(), name))


def in_words(taken: "Taken", name: str) -> str:
    """Returns what was started, and where to look at it."""
    return "\n".join(
        [
            f"submitted  {taken.kind} {name}",
            f"id         {taken.id}",
            f"look       {taken.link}",
        ]
    )


def _check_target(target: str, **options: dict[str, object]) -> None:
    """Refuses an unknown target, and options of the other one."""
    if target not in options:
        raise ConfigError(
            f"--target is {target!r}; expected {' or '.join(options)}."
            f"{did_you_mean(target, options)}"
        )
    for other, given in options.items():
        for option, value in given.items():
            if other != target and value is not None:
                raise ConfigError(f"{option} is for --target {other}, not {target}.")


def _compiled_file(
    pipeline: str, target: str, compiled: Path | None, settings: list[str]
) -> "CompiledPipeline":
    from pipeline.submit.compiled_file import parse_compiled, read_compiled

    if compiled is not None:
        if settings:
            raise ConfigError(
                f"--set {settings[0]} beside --compiled: {compiled} has its settings "
                "already. Compile it anew, or give --param for a runtime parameter."
            )
        return read_compiled(compiled)
    from pipeline.compile.compile_pipeline import compile_pipeline

    made = compile_pipeline(find_config(pipeline), target, parse_settings(settings))
    return parse_compiled(made.content, f"{pipeline}, compiled for {target},")


def _default_name(pipeline: str, cron: str | None) -> str:
    """A run's name tells its time; a schedule's stays."""
    name = pipeline.lower().replace("_", "-")
    if cron is not None:
        return name
    return f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}"


def _require(option: str, value: str | None) -> str:
    if value is None:
        raise ConfigError(f"{option} is missing; --target vertex needs it.")
    return value


def _require_host(host: str | None) -> str:
    host = host or os.environ.get(HOST_VARIABLE)
    if not host:
        raise ConfigError(
            f"--host is missing, and {HOST_VARIABLE} is not set; give the address of "
            "Kubeflow Pipelines, for example http://localhost:8080 behind 'kubectl "
            "port-forward -n kubeflow service/ml-pipeline-ui 8080:80'."
        )
    return host
