"""The command line: tensorflow_model_server's flags, and a few of our own.

`--rest_api_port=8501`, `--rest-api-port 8501` and, for a switch, `--enable_batching`
or `--enable_batching=false` are all understood. A flag of TF Serving's that has no
meaning here is accepted with a warning, so that the same command line starts either.

Source: tensorflow_serving/model_servers/main.cc and server.h for names and defaults.
"""

import argparse
import dataclasses
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_LOG = logging.getLogger(__name__)
_TRUE, _FALSE = ("true", "t", "1", "yes"), ("false", "f", "0", "no")


def _flag(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, kw_only=True)
class ServerFlags:
    """What the command line says.

    A path is "" where the flag is not given.
    """

    port: int = _flag(8500, "TCP port for gRPC; 0: no gRPC.")
    rest_api_port: int = _flag(0, "TCP port for REST; 0: no REST.")
    bind_address: str = _flag(
        "127.0.0.1", "Address to listen at; 0.0.0.0: all interfaces."
    )
    grpc_socket_path: str = _flag("", "UNIX socket for gRPC as well.")
    rest_api_enable_cors_support: bool = _flag(
        False, "Let any web page read REST answers."
    )
    rest_api_timeout_in_ms: int = _flag(30000, "Time-out of a REST call.")
    model_name: str = _flag("default", "Name of the model.")
    model_base_path: str = _flag("", "Folder of the model's versions.")
    model_config_file: str = _flag(
        "",
        "ModelServerConfig in text format; model_name and model_base_path are ignored.",
    )
    model_config_file_poll_wait_seconds: int = _flag(
        0, "Seconds between two looks at model_config_file; 0: once."
    )
    file_system_poll_wait_seconds: float = _flag(
        1.0, "Seconds between two looks for versions; 0: once; negative: never."
    )
    max_num_load_retries: int = _flag(5, "Loads of a version after the first failed.")
    load_retry_interval_micros: int = _flag(
        60_000_000, "Microseconds between them; negative: no wait."
    )
    num_load_threads: int = _flag(0, "Versions loaded at a time; 0: two.")
    enable_batching: bool | None = _flag(
        None,
        "Batch by batching_parameters_file. Not given: requests that wait are put "
        "together, none waits for others; false: every request by itself.",
    )
    batching_parameters_file: str = _flag("", "BatchingParameters in text format.")
    enable_model_warmup: bool = _flag(True, "Replay a version's warm-up requests.")
    num_request_iterations_for_warmup: int = _flag(1, "How often each.")
    saved_model_tags: str = _flag("serve", "Tags of the graph, comma-separated.")
    allow_version_labels_for_unavailable_models: bool = _flag(
        False, "Let a new label name a version that does not serve yet."
    )
    enable_signature_method_name_check: bool = _flag(
        False, "Refuse signatures whose method_name is not the call's."
    )
    enable_serialization_as_tensor_content: bool = _flag(
        False, "Answer gRPC with tensor_content."
    )
    monitoring_config_file: str = _flag("", "MonitoringConfig in text format.")
    access_log: str = _flag(
        "",
        "File that gets a line of JSON for every answered request, REST and gRPC; "
        "-: standard output. It may be moved away at any time.",
    )
    prediction_log_dir: str = _flag(
        "", "Folder of the prediction log; every answered row is written there."
    )
    prediction_log_share: float = _flag(
        1.0, "Share of requests that are logged, 0 to 1, by hash of the request id."
    )
    prediction_log_masked: str = _flag(
        "",
        "Names of features and outputs that are never logged, comma-separated.",
    )
    prediction_log_transformed_share: float = _flag(
        0.001,
        "Share of the logged requests, 0 to 1, whose transformed features are logged, "
        "too.",
    )
    prediction_log_rotate_s: float = _flag(
        60.0, "Seconds after which a log file is closed."
    )
    prediction_log_rotate_rows: int = _flag(
        250_000, "Rows after which a log file is closed."
    )
    prediction_log_retention_days: int = _flag(
        0, "Days after which log files are removed; 0: never."
    )
    ssl_config_file: str = _flag("", "SSLConfig in text format, for gRPC.")
    grpc_channel_arguments: str = _flag("", "gRPC's own, such as a=1,b=2.")
    enable_grpc_healthcheck_service: bool = _flag(False, "Offer grpc.health.v1.")
    enable_grpc_reflection: bool = _flag(False, "Let gRPC clients list the services.")
    verify_bundle: bool = _flag(
        True, "Check a version with a contract before it is served."
    )
    allow_other_tensorflow: bool = _flag(
        False, "Let a bundle of another TensorFlow major.minor pass the check."
    )
    workers: int = _flag(1, "Processes that share the ports.")
    drain_seconds: float = _flag(
        30.0, "Time for requests that run when the server is told to stop."
    )
    version: bool = _flag(False, "Print the versions and end.")
    supervisor_pid: int = _flag(0, argparse.SUPPRESS)
    metrics_file: str = _flag("", argparse.SUPPRESS)

    def path(self, name: str) -> Path | None:
        """Returns a path flag's value; None: it is not given."""
        value = getattr(self, name)
        return Path(value) if value else None


# Flags of tensorflow_model_server that have nothing to act on here.
IGNORED = (
    "rest_api_num_threads",
    "enable_per_model_batching_parameters",
    "num_unload_threads",
    "flush_filesystem_caches",
    "tensorflow_session_parallelism",
    "tensorflow_session_config_file",
    "tensorflow_intra_op_parallelism",
    "tensorflow_inter_op_parallelism",
    "use_alts_credentials",
    "platform_config_file",
    "per_process_gpu_memory_fraction",
    "grpc_max_threads",
    "remove_unused_fields_from_bundle_metagraph",
    "prefer_tflite_model",
    "num_tflite_pools",
    "num_tflite_interpreters_per_pool",
    "xla_cpu_compilation_enabled",
    "xla_gpu_compilation_enabled",
    "enable_profiler",
    "thread_pool_factory_config_file",
    "mixed_precision",
    "skip_initialize_tpu",
    "enforce_session_run_timeout",
    "force_allow_any_version_labels_for_unavailable_models",
)


def parse_flags(arguments: Sequence[str]) -> ServerFlags:
    """Reads the command line; warns once of each flag that is ignored.

    Raises:
        SystemExit: 2: an argument is unknown or has no fitting value; 0: --help.
    """
    parser = _parser()
    found = vars(parser.parse_args([_underscored(argument) for argument in arguments]))
    for name in IGNORED:
        if found.pop(name) is not None:
            _LOG.warning("--%s is accepted and ignored: it has no effect here.", name)
    flags = ServerFlags(**found)
    problem = _contradiction(flags)
    if problem:
        parser.error(problem)
    return flags


def _contradiction(flags: ServerFlags) -> str:
    """Returns what is wrong with the flags together; "" if nothing is."""
    if flags.version:
        return ""
    rules = {
        "--model_base_path or --model_config_file is required": not (
            flags.model_base_path or flags.model_config_file
        ),
        "--batching_parameters_file is set without --enable_batching": bool(
            flags.batching_parameters_file and not flags.enable_batching
        ),
        "--rest_api_port cannot be the same as --port": bool(
            flags.port and flags.port == flags.rest_api_port
        ),
        "--port and --rest_api_port are both 0: there is nothing to listen at": not (
            flags.port or flags.rest_api_port or flags.grpc_socket_path
        ),
        "--prediction_log_masked is set without --prediction_log_dir": bool(
            flags.prediction_log_masked and not flags.prediction_log_dir
        ),
        "--workers must be at least 1": flags.workers < 1,
        "--workers cannot share a --grpc_socket_path": bool(
            flags.workers > 1 and flags.grpc_socket_path
        ),
    }
    return next((rule for rule, is_broken in rules.items() if is_broken), "")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serving.server",
        description="Serves SavedModels as tensorflow_model_server does.",
        allow_abbrev=False,
    )
    for known in dataclasses.fields(ServerFlags):
        options: dict[str, Any] = {
            "default": known.default,
            "help": known.metadata["help"],
        }
        if known.type in (bool, bool | None):
            options |= {"nargs": "?", "const": True, "type": _boolean}
            options["metavar"] = "true|false"
        else:
            options |= {"type": known.type, "metavar": "VALUE"}
        parser.add_argument(f"--{known.name}", **options)
    for name in IGNORED:
        parser.add_argument(f"--{name}", nargs="?", const="", help=argparse.SUPPRESS)
    return parser


def _boolean(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")


def _underscored(argument: str) -> str:
    """Turns --rest-api-port=8501 into --rest_api_port=8501; values stay as they are."""
    if not argument.startswith("--"):
        return argument
    name, separator, value = argument[2:].partition("=")
    return f"--{name.replace('-', '_')}{separator}{value}"
