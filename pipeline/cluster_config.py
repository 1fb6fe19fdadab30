"""The `cluster` section of the configuration: what a cluster sees of a pipeline.

Nothing here touches a run on this machine. `slipway compile` needs it: docs/cluster.md.
"""

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from pipeline.setting_checks import require, require_at_least

_CLAIM = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeResources:
    """What one node asks the cluster for; None: the cluster's own default.

    Attributes:
        cpu: Processors, > 0; a fraction is allowed.
        memory_gib: Memory in GiB, > 0.
        gpu_type: Vertex AI: an accelerator, such as NVIDIA_TESLA_T4. Kubeflow: a
            resource of the cluster, such as nvidia.com/gpu.
        gpus: How many of them, at least 1.
    """

    cpu: float | None = None
    memory_gib: float | None = None
    gpu_type: str | None = None
    gpus: int | None = None

    def __post_init__(self) -> None:
        for name in ("cpu", "memory_gib"):
            value = getattr(self, name)
            require(
                value is None or value > 0,
                f"{name} is {value!r}; expected more than 0.",
            )
        if self.gpus is not None:
            require_at_least("gpus", self.gpus, 1)
        require(
            (self.gpu_type is None) == (self.gpus is None),
            f"gpu_type is {self.gpu_type!r} and gpus is {self.gpus!r}; "
            "give both or neither.",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Volume:
    """A volume of a Kubernetes cluster that every node sees.

    Attributes:
        claim: Name of the PersistentVolumeClaim; ReadWriteMany, as nodes run side by
            side.
        path: Where it is mounted; an absolute path.
    """

    claim: str
    path: str

    def __post_init__(self) -> None:
        require(
            _CLAIM.fullmatch(self.claim) is not None,
            f"claim is {self.claim!r}; expected small letters, digits and -.",
        )
        require(
            self.path.startswith("/") and self.path != "/",
            f"path is {self.path!r}; expected an absolute path other than '/'.",
        )

    def holds(self, path: str) -> bool:
        """Tells whether a path lies on this volume."""
        return PurePosixPath(path).is_relative_to(self.path)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterConfig:
    """Where things are for a cluster, and what each node gets.

    Attributes:
        image: Container image that every node runs in, by digest:
            `registry/name@sha256:…`.
        gpu_image: Image of nodes that ask for GPUs; "": `image`.
        project_root: Folder of this project inside the image: files that the
            configuration names relative to the project, such as the schema, are read
            from there.
        pipeline_root: Where artifacts go: gs:// for Vertex AI; gs://, s3:// or
            minio:// for Kubeflow.
        input_base: Where the spans are. Vertex AI: gs://…; Kubeflow: a path on one of
            `volumes`.
        model_base_path: Where models are published; as input_base.
        volumes: Kubeflow only.
        resources: Of every node that `nodes` does not name.
        nodes: Node id to its own resources.
    """

    image: str = ""
    gpu_image: str = ""
    project_root: str = "/opt/slipway"
    pipeline_root: str = ""
    input_base: str = ""
    model_base_path: str = ""
    volumes: tuple[Volume, ...] = ()
    resources: NodeResources = field(default_factory=NodeResources)
    nodes: dict[str, NodeResources] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(
            self.project_root.startswith("/"),
            f"project_root is {self.project_root!r}; expected an absolute path.",
        )
        paths = [volume.path for volume in self.volumes]
        require(
            len(set(paths)) == len(paths),
            f"volumes name the paths {', '.join(paths)}; expected each once.",
        )

    def image_of(self, node_id: str) -> str:
        """Returns the image that one node runs in."""
        has_gpus = self.of_node(node_id).gpus is not None
        return self.gpu_image if has_gpus and self.gpu_image else self.image

    def of_node(self, node_id: str) -> NodeResources:
        """Returns the resources of one node."""
        return self.nodes.get(node_id, self.resources)
