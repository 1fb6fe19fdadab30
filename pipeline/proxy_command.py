"""`slipway proxy`: writes the prediction log of a server that writes none."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.router_command import (
    BindAddress,
    Drain,
    GrpcPort,
    LogShare,
    ModelDir,
    RestPort,
    RouterId,
    Timeout,
    in_words,
    log_config,
)


def proxy(  # noqa: PLR0913, PLR0917 - a command's options are its interface
    upstream: Annotated[
        str, typer.Option(metavar="URL", help="REST address of the server.")
    ],
    model: Annotated[
        str, typer.Option(metavar="NAME", help="Whose predict requests are logged.")
    ],
    log: Annotated[
        Path, typer.Option(metavar="DIR", help="The prediction log's folder.")
    ],
    upstream_grpc: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Its gRPC.")
    ] = None,
    rest_port: RestPort = 8601,
    grpc_port: GrpcPort = 8600,
    bind_address: BindAddress = "127.0.0.1",
    router_id: RouterId = None,
    timeout: Timeout = 30.0,
    drain: Drain = 20.0,
    log_share: LogShare = 1.0,
    model_dir: ModelDir = None,
) -> None:
    """Passes requests on to one server and logs what it predicts.

    For TF Serving, whose open-source build has no log. Nothing is logged before its
    answer is on its way; what cannot be logged is counted and passes all the same.

    Example: slipway proxy --upstream http://localhost:8501 --model flights --log logs
    """
    from serving.router.main import main
    from serving.router.router_flags import RouterFlags, default_router_id
    from serving.router.router_options import RouterOptions

    flags = RouterFlags(
        options=RouterOptions(model=model, timeout_s=timeout, sets_variant=False),
        state_dir=log / ".proxy",
        router_id=router_id or default_router_id(rest_port),
        follows_rollout=False,
        upstream=upstream,
        upstream_grpc=upstream_grpc,
        bind_address=bind_address,
        rest_port=rest_port,
        grpc_port=grpc_port if upstream_grpc else 0,
        drain_s=drain,
        log=log_config(log, log_share),
        model_dir=model_dir,
    )
    sys.stdout.write(in_words(bind_address, rest_port, flags.grpc_port))
    sys.stdout.flush()
    main(flags)
