"""What a router process is started with."""

import os
import socket
from dataclasses import dataclass, field
from pathlib import Path

from serving.prediction_log.log_config import LogConfig
from serving.router.router_options import RouterOptions


def default_router_id(rest_port: int) -> str:
    """Returns the id of a router: the same one after a restart.

    Args:
        rest_port: Tells the routers of one machine apart.
    """
    host = "".join(
        c if c.isalnum() or c in "._-" else "-" for c in socket.gethostname()
    )
    return f"{host[:50].lstrip('._-') or 'router'}-{rest_port or os.getpid()}"


@dataclass(frozen=True, kw_only=True, slots=True)
class RouterFlags:
    """The command line of one router.

    Attributes:
        options: How it treats requests.
        state_dir: The rollout's folder, and where counts are kept.
        router_id: Names its counts.
        follows_rollout: Whether state_dir holds a rollout; False: the proxy.
        upstream: REST address of the server that answers where there is no rollout;
            None: there must be one.
        upstream_grpc: host:port of its gRPC; None: none.
        bind_address: Loopback unless told otherwise.
        rest_port, grpc_port: 0: not offered.
        drain_s: On SIGTERM, for requests that run.
        log: The prediction log's; None: none is written.
        model_dir: Of the model's versions, for contracts; None: not at hand.
    """

    options: RouterOptions
    state_dir: Path
    router_id: str
    follows_rollout: bool = True
    upstream: str | None = None
    upstream_grpc: str | None = None
    bind_address: str = "127.0.0.1"
    rest_port: int = 8601
    grpc_port: int = 8600
    drain_s: float = 20.0
    log: LogConfig | None = None
    model_dir: Path | None = field(default=None)
