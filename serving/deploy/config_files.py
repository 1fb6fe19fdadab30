"""The files tensorflow_model_server reads, in protobuf's text format."""

from typing import Any

from serving.deploy.batch_sizing import Batching
from serving.deploy.files import GeneratedFile, comments, one_line
from serving.deploy.release import Step
from serving.server.config_messages import new_message
from serving.server.monitoring_config import DEFAULT_PATH

MODELS, BATCHING, MONITORING = "models.config", "batching.config", "monitoring.config"


def models_config(folder: str, model: str, base_path: str, step: Step) -> GeneratedFile:
    """Returns `{folder}/models.config`: one model in one step of its release.

    Args:
        folder: Of the step.
        model: Its name in requests.
        base_path: Where the server finds its versions.
        step: Versions and labels.
    """
    from tensorflow_serving.config import model_server_config_pb2

    message = model_server_config_pb2.ModelServerConfig()
    config = message.model_config_list.config.add(
        name=model, base_path=base_path, model_platform="tensorflow"
    )
    config.model_version_policy.specific.versions.extend(step.versions)
    for label, version in step.labels.items():
        config.version_labels[label] = version
    return GeneratedFile(
        path=f"{folder}/{MODELS}",
        text=f"# {one_line(step.purpose)}\n{_text(message)}",
    )


def batching_config(folder: str, batching: Batching) -> GeneratedFile:
    """Returns `{folder}/batching.config`, every field under its reason."""
    parts: list[str] = []
    for name in (
        "max_batch_size",
        "batch_timeout_micros",
        "max_enqueued_batches",
        "num_batch_threads",
    ):
        message = new_message("BatchingParameters")
        getattr(message, name).value = getattr(batching, name)
        parts += (comments({name: batching.reasons[name]}), _text(message))
    message = new_message("BatchingParameters")
    message.allowed_batch_sizes.extend(batching.allowed_batch_sizes)
    name = "allowed_batch_sizes"
    parts += (comments({name: batching.reasons[name]}), _text(message))
    return GeneratedFile(path=f"{folder}/{BATCHING}", text="".join(parts))


def monitoring_config(folder: str) -> GeneratedFile:
    """Returns `{folder}/monitoring.config`: metrics for Prometheus."""
    message = new_message("MonitoringConfig")
    message.prometheus_config.enable = True
    message.prometheus_config.path = DEFAULT_PATH
    return GeneratedFile(path=f"{folder}/{MONITORING}", text=_text(message))


def _text(message: Any) -> str:
    from google.protobuf import text_format

    text: str = text_format.MessageToString(message, as_utf8=True)
    return text
