"""What the files behind the flags say: models, batching, monitoring, TLS.

Nothing heavy is imported for it, so that a server with a wrong file says so at once,
and not after TensorFlow has loaded.
"""

from dataclasses import dataclass
from typing import Any

from serving.server.batching_parameters import (
    MICRO_BATCHING,
    NO_BATCHING,
    TF_SERVING_BATCHING,
    BatchingParameters,
    read_batching_parameters,
)
from serving.server.flags import ServerFlags
from serving.server.line_file import LineFile
from serving.server.model_config import (
    ModelConfig,
    read_model_config_file,
    single_model,
)
from serving.server.monitoring_config import read_metrics_path
from serving.server.ssl_config import read_server_credentials
from serving.server.status import Code, ServingError


@dataclass(frozen=True, kw_only=True, slots=True)
class Configuration:
    """How a server starts.

    Attributes:
        models: What it serves at first.
        batching: How requests are put together.
        metrics_path: URL path of the metrics; None: they are not shown.
        credentials: grpc.ServerCredentials; None: no TLS.
        access_log: The access log's file, open; None: there is no access log.
    """

    models: tuple[ModelConfig, ...]
    batching: BatchingParameters
    metrics_path: str | None
    credentials: Any
    access_log: LineFile | None = None


def read_configuration(flags: ServerFlags) -> Configuration:
    """Reads every file that the flags name.

    Raises:
        ServingError: INVALID_ARGUMENT: a file cannot be used, or no model is named.
    """
    ssl_config = flags.path("ssl_config_file")
    return Configuration(
        models=tuple(_models(flags)),
        batching=_batching(flags),
        metrics_path=read_metrics_path(flags.path("monitoring_config_file")),
        credentials=read_server_credentials(ssl_config) if ssl_config else None,
        access_log=_access_log(flags),
    )


def _models(flags: ServerFlags) -> list[ModelConfig]:
    config_file = flags.path("model_config_file")
    if config_file is not None:
        return read_model_config_file(config_file)
    base_path = flags.path("model_base_path")
    if base_path is None:
        raise ServingError(Code.INVALID_ARGUMENT, "there is no model to serve.")
    return single_model(flags.model_name, base_path)


def _batching(flags: ServerFlags) -> BatchingParameters:
    if flags.enable_batching is None:
        return MICRO_BATCHING
    if not flags.enable_batching:
        return NO_BATCHING
    path = flags.path("batching_parameters_file")
    return read_batching_parameters(path) if path else TF_SERVING_BATCHING


def _access_log(flags: ServerFlags) -> LineFile | None:
    path = flags.path("access_log")
    try:
        return LineFile(path) if path else None
    except OSError as error:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"--access_log is {flags.access_log!r}, which cannot be written: "
            f"{error.strerror}. Name a file in a folder that is there, or -.",
        ) from error
