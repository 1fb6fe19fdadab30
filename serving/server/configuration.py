"""What the files behind the flags say: models, batching, monitoring, TLS.

Nothing heavy is imported for it, so that a server with a wrong file says so at once,
and not after TensorFlow has loaded.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.prediction_log.errors import PredictionLogError
from serving.prediction_log.log_config import LogConfig
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
        prediction_log: How predictions are logged; None: they are not.
    """

    models: tuple[ModelConfig, ...]
    batching: BatchingParameters
    metrics_path: str | None
    credentials: Any
    access_log: LineFile | None = None
    prediction_log: LogConfig | None = None


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
        prediction_log=_prediction_log(flags),
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


def _prediction_log(flags: ServerFlags) -> LogConfig | None:
    folder = flags.path("prediction_log_dir")
    if folder is None:
        return None
    masked = (name.strip() for name in flags.prediction_log_masked.split(","))
    try:
        config = LogConfig(
            log_dir=folder.absolute(),
            share=flags.prediction_log_share,
            masked=tuple(name for name in masked if name),
            transformed_share=flags.prediction_log_transformed_share,
            rotate_s=flags.prediction_log_rotate_s,
            rotate_rows=flags.prediction_log_rotate_rows,
            retention_days=flags.prediction_log_retention_days,
        )
        folder.mkdir(parents=True, exist_ok=True)
    except PredictionLogError as error:
        raise ServingError(Code.INVALID_ARGUMENT, str(error)) from error
    except OSError as error:
        raise _unusable_folder(folder, error.strerror or str(error)) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unusable_folder(folder, "Permission denied")
    return config


def _unusable_folder(folder: Path, reason: str) -> ServingError:
    return ServingError(
        Code.INVALID_ARGUMENT,
        f"--prediction_log_dir is {str(folder)!r}, which cannot be written: {reason}. "
        "Name a folder that this user may write.",
    )
