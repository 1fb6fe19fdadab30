"""Init containers that bring the model into a pod which cannot read it in place."""

from typing import Any

from serving.deploy.plan import Plan
from serving.deploy.server_flags import MODELS_DIR

CONTAINER_SECURITY: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
_RESOURCES = {
    "requests": {"cpu": "500m", "memory": "512Mi"},
    "limits": {"cpu": "500m", "memory": "512Mi"},
}
# Not /models: the image's own files lie there.
_TARGET_DIR = "/target"


def init_containers(plan: Plan) -> list[dict[str, Any]]:
    """Returns one container a version for s3:// and image:, else none.

    Their commands name the versions: another release makes other pods, which copy what
    they are to serve.
    """
    if not plan.source.is_copied:
        return []
    return [_container(plan, version) for version in plan.steps[0].versions]


def _container(plan: Plan, version: int) -> dict[str, Any]:
    target = f"{_TARGET_DIR}/{version}"
    mounts = [{"name": "models", "mountPath": _TARGET_DIR}]
    if plan.source.kind == "s3":
        source = f"{plan.source.url}/{plan.model}/{version}"
        image = plan.options.fetch_image
        # --no-progress: a log line a file and none a second.
        command = ["aws", "s3", "sync", "--no-progress", source, target]
        environment = [{"name": "HOME", "value": "/tmp"}]  # noqa: S108 - of the container
        mounts.append({"name": "tmp", "mountPath": "/tmp"})  # noqa: S108 - likewise
    else:
        source = f"{MODELS_DIR}/{plan.model}/{version}"
        image = plan.source.place
        # -T: a container that starts again copies over what is there, not into it.
        command = ["cp", "-R", "-T", source, target]
        environment = []
    container: dict[str, Any] = {
        "name": f"copy-{version}",
        "image": image,
        "command": command,
        "resources": _RESOURCES,
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": mounts,
    }
    if environment:
        container["env"] = environment
    return container
