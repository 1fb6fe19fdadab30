"""What a deployment is asked for, and which wishes do not go together."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from serving.deploy.errors import DeployError
from serving.deploy.images import check_image

TARGETS = ("docker", "kubernetes", "vertex")
ACCELERATORS = ("cpu", "gpu", "tpu")

# Options that mean nothing to the other targets, with what stands for them there.
_ONLY_FOR: Mapping[str, tuple[tuple[str, ...], str]] = {
    "fetch_image": (("kubernetes",), "Only a pod fetches its model from s3://."),
    "from_version": (
        ("docker", "kubernetes"),
        "Vertex AI moves traffic between deployed models: upload.py --keep-traffic.",
    ),
    "min_replicas": (("kubernetes", "vertex"), "Compose starts one server."),
    "max_replicas": (("kubernetes", "vertex"), "Compose starts one server."),
    "machine_type": (("vertex",), "Choose machines by --cpus or --node-selector."),
    "node_selector": (("kubernetes",), "Only a cluster has nodes to choose from."),
}
_NEEDS_SOURCE = {
    "kubernetes": "pvc:CLAIM, gs://BUCKET/PATH, s3://BUCKET/PATH or image:REF",
    "vertex": "gs://BUCKET/PATH",
}
_MOST_CPUS, _LEAST_MEMORY_MIB, _MOST_REPLICAS = 256, 256, 1000
_LABEL_NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_LABEL_KEY = re.compile(rf"([a-z0-9]([a-z0-9.-]{{0,251}}[a-z0-9])?/)?{_LABEL_NAME}")
_LABEL_VALUE = re.compile(rf"({_LABEL_NAME})?")


@dataclass(frozen=True, kw_only=True, slots=True)
class DeployOptions:
    """The options of `slipway deploy`; None and {}: not given.

    Attributes:
        target: "docker", "kubernetes" or "vertex".
        accelerator: "cpu", "gpu" or "tpu".
        model_source: See model_source; None: for docker, the folder the bundle lies in.
        image: Container image; None: TF Serving's for the model's TensorFlow.
        fetch_image: Image with the aws command, for s3://.
        from_version: The version label stable names now; None: a first release.
        cpus: Whole CPUs of a server.
        memory_mib: MiB; None: as measured.
        latency_ms: Bound of a call, milliseconds.
        min_replicas, max_replicas: Of servers; None: 2 and 10.
        machine_type: Vertex AI's; None: by cpus and memory.
        node_selector: Label to value of nodes; {}: the accelerator's default.
    """

    target: str
    accelerator: str = "cpu"
    model_source: str | None = None
    image: str | None = None
    fetch_image: str | None = None
    from_version: int | None = None
    cpus: int = 2
    memory_mib: int | None = None
    latency_ms: float = 50.0
    min_replicas: int | None = None
    max_replicas: int | None = None
    machine_type: str | None = None
    node_selector: Mapping[str, str] = field(default_factory=dict)

    @property
    def replicas(self) -> tuple[int, int]:
        """Least and most servers."""
        least, most = self.min_replicas, self.max_replicas
        if least is None:
            least = 2 if most is None else min(2, most)
        return least, max(10, least) if most is None else most


def check_options(options: DeployOptions) -> None:
    """Refuses options that are out of range or do not go together.

    Raises:
        DeployError: With the option, its value and the remedy.
    """
    _check_choice("--target", options.target, TARGETS)
    _check_choice("--accelerator", options.accelerator, ACCELERATORS)
    _check_foreign(options)
    _check_accelerator(options)
    _check_sizes(options)
    if options.target in _NEEDS_SOURCE and options.model_source is None:
        raise DeployError(
            f"--target {options.target} needs --model-source, where its servers find "
            f"the model: {_NEEDS_SOURCE[options.target]}."
        )
    _check_images(options)
    for key, value in options.node_selector.items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            raise DeployError(
                f"--node-selector is {key}={value}; expected a label of a node and "
                "its value, such as cloud.google.com/gke-accelerator=nvidia-l4."
            )


def _check_choice(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise DeployError(f"{option} is {value!r}; expected {' or '.join(known)}.")


def _check_foreign(options: DeployOptions) -> None:
    for name, (targets, instead) in _ONLY_FOR.items():
        if getattr(options, name) not in (None, {}) and options.target not in targets:
            raise DeployError(
                f"--{name.replace('_', '-')} means nothing for --target "
                f"{options.target}. {instead}"
            )


def _check_accelerator(options: DeployOptions) -> None:
    if options.accelerator != "tpu":
        return
    if options.target == "docker":
        raise DeployError(
            "--accelerator tpu does not go with --target docker: a TPU reaches a plain "
            "container only with all privileges and the host's network. Use --target "
            "kubernetes on GKE, or --target vertex."
        )
    if options.image is None:
        raise DeployError(
            "--accelerator tpu needs --image: TF Serving publishes no image for TPUs. "
            "Build tensorflow_model_server with TPU support and name that image."
        )


def _check_sizes(options: DeployOptions) -> None:
    least, most = options.replicas
    memory_mib = _LEAST_MEMORY_MIB if options.memory_mib is None else options.memory_mib
    checks: tuple[tuple[str, float, float, float], ...] = (
        ("--cpus", options.cpus, 1, _MOST_CPUS),
        ("--memory-mb", memory_mib, _LEAST_MEMORY_MIB, 2**24),
        ("--latency-ms", options.latency_ms, 1, 10_000),
        ("--min-replicas", least, 1, _MOST_REPLICAS),
        ("--max-replicas", most, least, _MOST_REPLICAS),
    )
    for option, value, lowest, highest in checks:
        if not lowest <= value <= highest:
            raise DeployError(
                f"{option} is {value:,.10g}; "
                f"expected {lowest:,.10g} to {highest:,.10g}."
            )


def _check_images(options: DeployOptions) -> None:
    if options.image is not None:
        check_image("--image", options.image)
    is_s3 = (options.model_source or "").startswith("s3://")
    if is_s3 and options.fetch_image is None:
        raise DeployError(
            "--model-source s3://… needs --fetch-image: TF Serving's images read no "
            "s3:// since 2.7, so an init container copies the model. Name an image "
            "with the aws command, such as amazon/aws-cli@sha256:…."
        )
    if options.fetch_image is not None:
        if not is_s3:
            raise DeployError(
                f"--fetch-image is {options.fetch_image!r}, and --model-source "
                f"{options.model_source!r} needs none; leave it out."
            )
        check_image("--fetch-image", options.fetch_image)
