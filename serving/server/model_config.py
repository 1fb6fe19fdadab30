"""Which models a server serves: TF Serving's ModelServerConfig, checked.

Source: tensorflow_serving/config/model_server_config.proto; the rules and their words
from model_servers/server_core.cc (ValidateModelConfigList, GetPlatform).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from serving.server.config_messages import read_text_message
from serving.server.status import Code, ServingError
from serving.server.version_policy import VersionPolicy, policy_from_message

_PLATFORM = "tensorflow"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """One model.

    Attributes:
        name: As requests have it.
        base_path: Folder of its versions.
        policy: Which of them are served.
        labels: Label to version.
    """

    name: str
    base_path: Path
    policy: VersionPolicy = field(default_factory=VersionPolicy)
    labels: Mapping[str, int] = field(default_factory=dict)


def single_model(name: str, base_path: Path) -> list[ModelConfig]:
    """Returns what --model_name and --model_base_path stand for."""
    return [ModelConfig(name=name, base_path=base_path)]


def read_model_config_file(path: Path) -> list[ModelConfig]:
    """Reads --model_config_file.

    Raises:
        ServingError: INVALID_ARGUMENT: it cannot be read or used.
    """
    from tensorflow_serving.config import model_server_config_pb2

    message = model_server_config_pb2.ModelServerConfig()
    return models_of(read_text_message(path, message))


def models_of(message: Any) -> list[ModelConfig]:
    """Returns the models of a ModelServerConfig message.

    Raises:
        ServingError: INVALID_ARGUMENT: it holds something else than a list of models,
            a model twice, or one that cannot be served.
    """
    kind = message.WhichOneof("config")
    if kind != "model_config_list":
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"ModelServerConfig holds {kind or 'nothing'}; expected model_config_list.",
        )
    models = [_model_of(config) for config in message.model_config_list.config]
    _check_names([model.name for model in models])
    return models


def _model_of(config: Any) -> ModelConfig:
    _check_platform(config)
    if not config.name:
        raise ServingError(Code.INVALID_ARGUMENT, "A model in the config has no name.")
    if not config.base_path:
        raise ServingError(
            Code.INVALID_ARGUMENT, f"Model {config.name} has no base_path."
        )
    return ModelConfig(
        name=config.name,
        base_path=Path(config.base_path),
        policy=policy_from_message(config.model_version_policy),
        labels=dict(config.version_labels),
    )


def _check_platform(config: Any) -> None:
    # MODEL_TYPE_UNSPECIFIED is 0, TENSORFLOW 1.
    if config.model_type and config.model_platform:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            "Illegal setting both ModelServerConfig::model_type (deprecated) "
            "and ModelServerConfig::model_platform.",
        )
    if not config.model_type and not config.model_platform:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            "Illegal setting neither ModelServerConfig::model_type (deprecated) "
            "nor ModelServerConfig::model_platform.",
        )
    if config.model_type > 1:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"ModelServerConfig::model_type choice {config.model_type} not supported.",
        )
    if config.model_platform and config.model_platform != _PLATFORM:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"Model {config.name} requests unsupported platform "
            f"{config.model_platform}",
        )


def _check_names(names: Sequence[str]) -> None:
    for place, name in enumerate(names):
        if name in names[:place]:
            raise ServingError(
                Code.INVALID_ARGUMENT,
                f"Illegal to list model {name} multiple times in config list",
            )
