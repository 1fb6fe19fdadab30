"""The command line of tensorflow_model_server in a container."""

from dataclasses import dataclass

from serving.deploy.config_files import BATCHING, MODELS, MONITORING
from serving.deploy.sizing import Sizing

BINARY = "/usr/bin/tensorflow_model_server"
GRPC_PORT, REST_PORT = 8500, 8501
CONFIG_DIR, SETTINGS_DIR, MODELS_DIR = "/config/models", "/config/server", "/models"
# The longest a request may take; also what a pod that ends waits for.
REST_TIMEOUT_MS = 10_000

_LOCAL_POLL_S, _BUCKET_POLL_S = 5, 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    """One flag.

    Attributes:
        name: Without dashes.
        value: As the command line has it.
        reason: One sentence; "" where the name says it.
    """

    name: str
    value: str
    reason: str = ""

    @property
    def text(self) -> str:
        """The flag as an argument."""
        return f"--{self.name}={self.value}"


def polled_config_flags(config_poll_s: int, *, in_bucket: bool) -> list[Flag]:
    """Returns the flags of a server that follows a models.config.

    Args:
        config_poll_s: Seconds between two looks at it.
        in_bucket: Whether the model is read from a bucket, where a look costs money.
    """
    poll_s = _BUCKET_POLL_S if in_bucket else _LOCAL_POLL_S
    return [
        Flag(name="model_config_file", value=f"{CONFIG_DIR}/{MODELS}"),
        Flag(
            name="model_config_file_poll_wait_seconds",
            value=str(config_poll_s),
            reason="a step of a release is taken up without a restart",
        ),
        Flag(
            name="allow_version_labels_for_unavailable_models",
            value="true",
            reason="else a server that starts with labels in its configuration ends: "
            "labels are set before versions are loaded. A label in use still moves to "
            "AVAILABLE versions only",
        ),
        Flag(
            name="file_system_poll_wait_seconds",
            value=str(poll_s),
            reason="each look at a bucket is a paid request"
            if in_bucket
            else "a version that was copied late is found",
        ),
    ]


def sized_flags(sizing: Sizing, settings_dir: str) -> list[Flag]:
    """Returns ports, batching, monitoring and threads.

    Args:
        sizing: Of the server.
        settings_dir: Where it finds batching.config and monitoring.config.

    Source:
        tensorflow_serving/model_servers/main.cc for names and defaults.
    """
    threads = sizing.reasons["request_threads"]
    cpus = "else TensorFlow counts the node's CPUs, not the container's"
    return [
        Flag(name="port", value=str(GRPC_PORT)),
        Flag(name="rest_api_port", value=str(REST_PORT)),
        Flag(
            name="rest_api_timeout_in_ms",
            value=str(REST_TIMEOUT_MS),
            reason="no caller waits longer, and a server that ends waits this long",
        ),
        Flag(
            name="rest_api_num_threads",
            value=str(sizing.request_threads),
            reason=threads,
        ),
        Flag(
            name="grpc_max_threads", value=str(sizing.request_threads), reason=threads
        ),
        Flag(name="enable_batching", value="true"),
        Flag(name="batching_parameters_file", value=f"{settings_dir}/{BATCHING}"),
        Flag(name="monitoring_config_file", value=f"{settings_dir}/{MONITORING}"),
        Flag(
            name="tensorflow_intra_op_parallelism", value=str(sizing.cpus), reason=cpus
        ),
        Flag(
            name="tensorflow_inter_op_parallelism", value=str(sizing.cpus), reason=cpus
        ),
    ]
