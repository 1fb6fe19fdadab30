"""compose.yaml: one server on this machine, with no more rights than it needs.

Source: github.com/compose-spec/compose-spec, the compose file's reference.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from serving.deploy import server_flags
from serving.deploy.files import GeneratedFile, yaml_file
from serving.deploy.plan import Plan
from serving.deploy.release import STABLE

ACTIVE, SETTINGS = "active", "server"
_CONFIG_POLL_S = 5
_USER = "65532:65532"
_HEALTH_PERIOD_S = 10
# Threads of gRPC, of TensorFlow and of the runtime itself.
_OTHER_THREADS = 256


def compose_file(plan: Plan) -> GeneratedFile:
    """Returns compose.yaml, a reason for each choice on top."""
    flags = _flags(plan)
    service = _service(plan, flags)
    document = {"name": plan.name, "services": {"server": service}}
    reasons = {
        "services.server.image": f"TF Serving for TensorFlow {plan.tensorflow}",
        "services.server.entrypoint": "the binary itself: the image's script adds "
        "flags of its own and does not pass signals on",
        "services.server.init": "tensorflow_model_server handles no SIGTERM, and as "
        "process 1 it would not even end by it",
        "services.server.user": "no user of the host",
        "services.server.ports": "loopback only: TF Serving checks no callers. Put a "
        "proxy with TLS and authentication in front",
        "services.server.volumes.1": "a folder, not a file: a renamed file would not "
        "be seen",
        "services.server.healthcheck.test": "200 once the version that label stable "
        "names is loaded; the image has bash and no curl",
        "services.server.healthcheck.start_period": plan.sizing.reasons["startup"],
        "services.server.deploy.resources.limits.cpus": plan.sizing.reasons["cpus"],
        "services.server.deploy.resources.limits.memory": plan.sizing.reasons["memory"],
        "services.server.deploy.resources.limits.pids": "request threads of REST and "
        f"gRPC, and {_OTHER_THREADS} more",
    }
    for place, flag in enumerate(flags):
        if flag.reason:
            reasons[f"services.server.command.{place}"] = f"{flag.name}: {flag.reason}"
    return yaml_file("compose.yaml", _escaped(document), reasons)


def docker_flags(plan: Plan) -> list[str]:
    """Returns the command line of the server in compose.yaml."""
    return [flag.text for flag in _flags(plan)]


def _flags(plan: Plan) -> list[server_flags.Flag]:
    return [
        *server_flags.polled_config_flags(_CONFIG_POLL_S, in_bucket=False),
        *server_flags.sized_flags(plan.sizing, server_flags.SETTINGS_DIR),
    ]


def _service(plan: Plan, flags: list[server_flags.Flag]) -> dict[str, Any]:
    return {
        "image": plan.image,
        "entrypoint": [server_flags.BINARY],
        "command": [flag.text for flag in flags],
        "init": True,
        "user": _USER,
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "tmpfs": ["/tmp:size=64m,mode=1777,noexec,nosuid,nodev"],  # noqa: S108 - of the container
        "ports": [
            _loopback_port(server_flags.REST_PORT),
            _loopback_port(server_flags.GRPC_PORT),
        ],
        "volumes": [
            _mount(plan.source.place, plan.base_path),
            _mount(f"./{ACTIVE}", server_flags.CONFIG_DIR),
            _mount(f"./{SETTINGS}", server_flags.SETTINGS_DIR),
        ],
        "healthcheck": _healthcheck(plan),
        "restart": "unless-stopped",
        "logging": {
            "driver": "json-file",
            "options": {"max-size": "10m", "max-file": "3"},
        },
        "deploy": {"resources": _resources(plan)},
    }


def _loopback_port(port: int) -> dict[str, Any]:
    return {
        "target": port,
        "published": str(port),
        "host_ip": "127.0.0.1",
        "protocol": "tcp",
    }


def _mount(source: str, target: str) -> dict[str, Any]:
    return {
        "type": "bind",
        "source": source,
        "target": target,
        "read_only": True,
        "bind": {"create_host_path": False},
    }


def health_path(model: str) -> str:
    """Returns the path that answers 200 only once label stable can be asked.

    The status of a model, GET /v1/models/NAME, is 200 in every state, LOADING and END
    too; its metadata needs a version that is loaded.

    Source:
        tensorflow_serving/model_servers/http_rest_api_handler.cc.
    """
    return f"/v1/models/{quote(model, safe='')}/labels/{STABLE}/metadata"


def _healthcheck(plan: Plan) -> dict[str, Any]:
    request = (
        f"GET {health_path(plan.model)} HTTP/1.1\\r\\nHost: localhost\\r\\n"
        "Connection: close\\r\\n\\r\\n"
    )
    script = (
        f"exec 3<>/dev/tcp/127.0.0.1/{server_flags.REST_PORT}; "
        f"printf '{request}' >&3; "
        'read -r -t 4 line <&3; [[ "$line" == *" 200 "* ]]'
    )
    return {
        "test": ["CMD", "bash", "-ec", script],
        "interval": f"{_HEALTH_PERIOD_S}s",
        "timeout": "5s",
        "retries": 3,
        "start_period": f"{plan.sizing.startup_s}s",
    }


def _resources(plan: Plan) -> dict[str, Any]:
    resources: dict[str, Any] = {
        "limits": {
            "cpus": str(plan.sizing.cpus),
            "memory": f"{plan.sizing.memory_mib}M",
            "pids": 2 * plan.sizing.request_threads + _OTHER_THREADS,
        }
    }
    if plan.options.accelerator == "gpu":
        resources["reservations"] = {
            "devices": [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]
        }
    return resources


def _escaped(value: Any) -> Any:
    """Doubles every dollar sign: compose replaces $NAME by a variable of the shell."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, Mapping):
        return {key: _escaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    return value
