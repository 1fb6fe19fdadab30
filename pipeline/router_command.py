"""`slipway router`: sends a model's requests to the arms of its rollout."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from serving.prediction_log.log_config import LogConfig

RestPort = Annotated[int, typer.Option(metavar="PORT", help="For REST; 0: none.")]
GrpcPort = Annotated[int, typer.Option(metavar="PORT", help="For gRPC; 0: none.")]
BindAddress = Annotated[
    str, typer.Option(metavar="ADDRESS", help="0.0.0.0: all interfaces.")
]
RouterId = Annotated[
    str | None,
    typer.Option(
        metavar="ID",
        help="Names its counts over restarts; host name and port if left out.",
    ),
]
Timeout = Annotated[
    float, typer.Option(metavar="SECONDS", help="For a whole request, then 504.")
]
Drain = Annotated[
    float,
    typer.Option(
        metavar="SECONDS", help="For requests that run when it is told to end."
    ),
]
LogShare = Annotated[
    float, typer.Option(help="Share of the requests that are logged, 0 to 1.")
]
ModelDir = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="The folder of the model's versions: the log's columns are typed as their "
        "contracts say.",
    ),
]


def router(  # noqa: PLR0913, PLR0917 - a command's options are its interface
    model: Annotated[
        str, typer.Option(metavar="NAME", help="Whose predict requests are assigned.")
    ],
    state: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="The rollout's folder, as slipway rollout writes it; counts are kept "
            "in it.",
        ),
    ],
    upstream: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Answers until a rollout is started."),
    ] = None,
    upstream_grpc: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Its gRPC.")
    ] = None,
    rest_port: RestPort = 8601,
    grpc_port: GrpcPort = 8600,
    bind_address: BindAddress = "127.0.0.1",
    router_id: RouterId = None,
    timeout: Timeout = 30.0,
    candidate_timeout: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            help="What the candidate may take before the stable arm is asked instead.",
        ),
    ] = 10.0,
    retry: Annotated[
        bool,
        typer.Option(
            "--retry/--no-retry",
            help="Ask the stable arm where the candidate never answers.",
        ),
    ] = True,
    tolerance: Annotated[
        float,
        typer.Option(
            help="Numbers of a shadow's answer may differ by so much, absolute and "
            "relative."
        ),
    ] = 1e-5,
    drain: Drain = 20.0,
    log: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the prediction log there."),
    ] = None,
    log_share: LogShare = 1.0,
    model_dir: ModelDir = None,
) -> None:
    """Sends requests to the arms of a rollout: shadow, canary, A/B or blue/green.

    Shares follow the state while it runs. What an arm fails is counted against it.

    Example: slipway router --model flights --state var/flights/rollout
    """
    from serving.router.main import main
    from serving.router.router_flags import RouterFlags, default_router_id
    from serving.router.router_options import RouterOptions

    options = RouterOptions(
        model=model,
        timeout_s=timeout,
        candidate_timeout_s=candidate_timeout,
        retries_on_stable=retry,
        tolerance=tolerance,
    )
    flags = RouterFlags(
        options=options,
        state_dir=state,
        router_id=router_id or default_router_id(rest_port),
        upstream=upstream,
        upstream_grpc=upstream_grpc,
        bind_address=bind_address,
        rest_port=rest_port,
        grpc_port=grpc_port,
        drain_s=drain,
        log=log_config(log, log_share) if log else None,
        model_dir=model_dir,
    )
    sys.stdout.write(in_words(flags.bind_address, rest_port, grpc_port))
    sys.stdout.flush()
    main(flags)


def log_config(folder: Path, share: float) -> "LogConfig":
    """Returns the prediction log's settings."""
    from serving.prediction_log.log_config import LogConfig

    return LogConfig(log_dir=folder, share=share)


def in_words(address: str, rest_port: int, grpc_port: int) -> str:
    """Returns where requests are taken, for a person."""
    lines = []
    if grpc_port:
        lines.append(f"grpc     {address}:{grpc_port}")
    if rest_port:
        lines.append(f"rest     http://{address}:{rest_port}")
        lines.append(f"metrics  http://{address}:{rest_port}/metrics")
    return "\n".join([*lines, "stop     Ctrl-C", ""])
