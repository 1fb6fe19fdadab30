"""`slipway deploy`: everything that puts the real TF Serving into production."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.settings_loader import ConfigError

if TYPE_CHECKING:
    from serving.deploy.generate import Deployment


def deploy(  # noqa: PLR0913, PLR0917 - a command's options are its interface
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="flights: the version served; or flights/2; or a version's folder.",
        ),
    ],
    target: Annotated[
        str, typer.Option(metavar="TARGET", help="docker, kubernetes or vertex.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write.")],
    accelerator: Annotated[
        str, typer.Option(metavar="KIND", help="cpu, gpu or tpu.")
    ] = "cpu",
    model_source: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE",
            help="Where servers find the model: a folder (docker; the model's own if "
            "left out), pvc:CLAIM, gs://…, s3://… or image:REF.",
        ),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(
            metavar="REF",
            help="Container image, pinned; TF Serving's for the model's TensorFlow if "
            "left out.",
        ),
    ] = None,
    fetch_image: Annotated[
        str | None,
        typer.Option(metavar="REF", help="Image with the aws command, for s3://."),
    ] = None,
    from_version: Annotated[
        int | None,
        typer.Option(
            metavar="VERSION",
            help="The version served now: it stays loaded until the next release.",
        ),
    ] = None,
    cpus: Annotated[int, typer.Option(metavar="N", help="Of one server.")] = 2,
    memory_mb: Annotated[
        int | None,
        typer.Option(metavar="MIB", help="Of one server, instead of as measured."),
    ] = None,
    latency_ms: Annotated[
        float, typer.Option(metavar="MS", help="Bound of a call, for the batches.")
    ] = 50.0,
    min_replicas: Annotated[
        int | None, typer.Option(metavar="N", help="Least servers; 2 if left out.")
    ] = None,
    max_replicas: Annotated[
        int | None, typer.Option(metavar="N", help="Most servers; 10 if left out.")
    ] = None,
    machine_type: Annotated[
        str | None, typer.Option(metavar="TYPE", help="Vertex AI's machine.")
    ] = None,
    node_selector: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL=VALUE",
            help="Nodes of the cluster to run on; may be given several times.",
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Replace what an earlier deployment generated there."
        ),
    ] = False,
) -> None:
    """Generates a deployment of tensorflow_model_server, sized by measurements.

    DIR/README.md has the commands to type. The bundle's files are checked first; exit
    code 5 if one was changed.

    Example: slipway deploy flights --target docker --out deploy/flights
    """
    from pipeline.model_folder import find_bundle
    from serving.deploy.generate import deploy as generate
    from serving.deploy.options import DeployOptions

    options = DeployOptions(
        target=target,
        accelerator=accelerator,
        model_source=model_source,
        image=image,
        fetch_image=fetch_image,
        from_version=from_version,
        cpus=cpus,
        memory_mib=memory_mb,
        latency_ms=latency_ms,
        min_replicas=min_replicas,
        max_replicas=max_replicas,
        machine_type=machine_type,
        node_selector=_pairs(node_selector or []),
    )
    done = generate(find_bundle(model), out, options, overwrite=overwrite)
    typer.echo(in_words(done, out))


def in_words(done: "Deployment", out: Path) -> str:
    """Returns what was written, what to know of it, and where to go on."""
    plan = done.plan
    sizing, batching = plan.sizing, plan.sizing.batching
    sizes = (
        f"{sizing.cpus} CPUs, {sizing.memory_mib:,} MiB, batches up to "
        f"{batching.max_batch_size} rows"
    )
    name = f"{plan.model} version {plan.version}, bundle {plan.bundle_digest[:12]}"
    return "\n".join(
        [
            f"model    {name}",
            f"image    {plan.image}",
            f"sizes    {sizes}",
            f"written  {len(done.files)} files in {out}",
            *(f"warning  {warning}" for warning in plan.warnings),
            f"next     {out / 'README.md'}",
        ]
    )


def _pairs(given: list[str]) -> dict[str, str]:
    pairs = {}
    for text in given:
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise ConfigError(f"--node-selector is {text!r}; expected LABEL=VALUE.")
        pairs[key] = value
    return pairs
