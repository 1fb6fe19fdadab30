"""Where the running server finds the model: `--model-source`.

    (docker)      a folder of this machine that holds {version}/
    pvc:CLAIM     a volume that holds {model_name}/{version}/
    gs://B/P      TF Serving reads gs://B/P/{model_name}/{version}/ itself
    s3://B/P      copied by an init container: TF Serving's images read no s3:// now
    image:REF     copied by an init container from REF's /models/{model_name}/{version}/

Source: github.com/tensorflow/serving/issues/1963: no s3:// since 2.7.
"""

import re
from dataclasses import dataclass
from typing import Literal

from serving.deploy.errors import DeployError
from serving.deploy.images import check_image

Kind = Literal["folder", "pvc", "gs", "s3", "image"]

_CLAIM = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_BUCKET_PATH = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](/[A-Za-z0-9._=+-]+)*")
_FORMS = {
    "docker": "a folder, which is mounted",
    "kubernetes": "pvc:CLAIM, gs://BUCKET/PATH, s3://BUCKET/PATH or image:REF",
    "vertex": "gs://BUCKET/PATH",
}
_KINDS: dict[str, tuple[Kind, ...]] = {
    "docker": ("folder",),
    "kubernetes": ("pvc", "gs", "s3", "image"),
    "vertex": ("gs",),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSource:
    """One source.

    Attributes:
        kind: Which of the module's list.
        place: The folder, claim, image or "bucket/path" without its prefix.
    """

    kind: Kind
    place: str

    @property
    def is_copied(self) -> bool:
        """Whether a pod works on a copy that it makes when it starts."""
        return self.kind in ("s3", "image")

    @property
    def url(self) -> str:
        """`place` with its scheme, for gs and s3."""
        return f"{self.kind}://{self.place}"


def parse_source(text: str, target: str) -> ModelSource:
    """Reads `--model-source`.

    Args:
        text: As given.
        target: "docker", "kubernetes" or "vertex".

    Raises:
        DeployError: It is none of the target's forms.
    """
    source = _source(text)
    if source.kind not in _KINDS[target]:
        raise DeployError(
            f"--model-source is {text!r}; for --target {target} expected "
            f"{_FORMS[target]}."
        )
    return source


def _source(text: str) -> ModelSource:
    for prefix, kind in (("gs://", "gs"), ("s3://", "s3")):
        if text.startswith(prefix):
            return _bucket(text, prefix, "gs" if kind == "gs" else "s3")
    if text.startswith("pvc:"):
        claim = text.removeprefix("pvc:")
        if not _CLAIM.fullmatch(claim):
            raise DeployError(
                f"--model-source is {text!r}; expected pvc: and the name of a "
                "PersistentVolumeClaim: small letters, digits and '-'."
            )
        return ModelSource(kind="pvc", place=claim)
    if text.startswith("image:"):
        image = text.removeprefix("image:")
        check_image("--model-source image:", image)
        return ModelSource(kind="image", place=image)
    return ModelSource(kind="folder", place=text)


def _bucket(text: str, prefix: str, kind: Literal["gs", "s3"]) -> ModelSource:
    place = text.removeprefix(prefix).rstrip("/")
    if not _BUCKET_PATH.fullmatch(place):
        raise DeployError(
            f"--model-source is {text!r}; expected {prefix}BUCKET/PATH, a path of "
            "letters, digits and . _ = + -."
        )
    return ModelSource(kind=kind, place=place)
