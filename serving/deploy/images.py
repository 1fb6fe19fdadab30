"""Which container image runs the model: one that is pinned."""

import re

from serving.deploy.errors import DeployError

_VERSION = re.compile(r"(\d+)\.(\d+)(\.|$)")
# [registry[:port]/]path[:tag][@sha256:digest]
_IMAGE = re.compile(
    r"(?P<path>[a-z0-9][a-z0-9._-]*(:[0-9]+(?=/))?(/[a-z0-9][a-z0-9._-]*)*)"
    r"(:(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?"
    r"(@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_ARTIFACT_REGISTRY = re.compile(r"[a-z0-9-]+-docker\.pkg\.dev/[^/]+/[^/]+/.+")


def default_image(tensorflow: str, accelerator: str) -> str:
    """Returns TF Serving's own image for a model made by this TensorFlow.

    Releases of TF Serving follow TensorFlow's minor versions; a model is served by the
    minor version that made it. Its digest is not known here: pin it with `--image`.

    Args:
        tensorflow: The version that made the model, such as "2.21.0".
        accelerator: "cpu" or "gpu"; there is no image for TPUs.

    Raises:
        DeployError: The version is none.

    Source:
        tensorflow_serving/tools/docker, Dockerfile and Dockerfile.gpu; tags of
        tensorflow/serving: "{major}.{minor}.{patch}" and the same with "-gpu".
    """
    match = _VERSION.match(tensorflow)
    if match is None:
        raise DeployError(
            f"the contract says that TensorFlow {tensorflow!r} made the model, which "
            "is no version. Name an image with --image."
        )
    suffix = "-gpu" if accelerator == "gpu" else ""
    return f"tensorflow/serving:{match[1]}.{match[2]}.0{suffix}"


def check_image(option: str, image: str) -> None:
    """Refuses an image whose content may change under the same name.

    Args:
        option: The option it came by, for the message.
        image: Its reference.

    Raises:
        DeployError: It is no reference, or has neither a digest nor a tag, or the tag
            is "latest" or begins so.
    """
    match = _IMAGE.fullmatch(image)
    if match is None:
        raise DeployError(
            f"{option} is {image!r}; expected an image such as "
            "tensorflow/serving:2.21.0 or tensorflow/serving@sha256:…."
        )
    tag = match["tag"]
    if match["digest"]:
        return
    if tag is None or tag.startswith("latest"):
        raise DeployError(
            f"{option} is {image!r}, which is another image tomorrow. Name a version's "
            "tag or, better, a digest: docker buildx imagetools inspect IMAGE shows it."
        )


def is_pinned_by_digest(image: str) -> bool:
    """Tells whether nobody can put other content under this reference."""
    return "@sha256:" in image


def check_artifact_registry(image: str) -> None:
    """Refuses an image that Vertex AI cannot pull.

    Raises:
        DeployError: It does not lie in Artifact Registry.

    Source:
        google.cloud.aiplatform.v1.ModelContainerSpec.image_uri.
    """
    if not _ARTIFACT_REGISTRY.fullmatch(image):
        raise DeployError(
            f"--image is {image!r}; Vertex AI takes images from Artifact Registry. "
            "Copy TF Serving's image there and name the copy, such as "
            "europe-west4-docker.pkg.dev/PROJECT/REPOSITORY/serving:2.21.0."
        )
