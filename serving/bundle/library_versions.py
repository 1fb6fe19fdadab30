"""Which versions trained a model, and whether the running ones may answer with it."""

import importlib.metadata
import platform
from collections.abc import Mapping
from dataclasses import dataclass

from serving.bundle.errors import BundleRefusedError

# Those that can change an answer. Only TensorFlow executes the bundle.
RECORDED = (
    "tensorflow",
    "keras",
    "numpy",
    "protobuf",
    "tensorflow-transform",
    "tfx",
)
_GUARD = "library_versions"


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionDifference:
    """One library that is installed in another version than the model's.

    Attributes:
        library: PyPI name, or "python".
        trained, running: The two versions.
    """

    library: str
    trained: str
    running: str

    @property
    def in_words(self) -> str:
        """The difference as a warning has it."""
        return (
            f"{self.library} is {self.running} here and was {self.trained} when the "
            "model was made"
        )


def installed_versions() -> dict[str, str]:
    """Returns PyPI name, or "python", to version; what is not installed is left out."""
    found = {"python": platform.python_version()}
    for name in RECORDED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def compare_versions(
    trained: Mapping[str, str], running: Mapping[str, str]
) -> list[VersionDifference]:
    """Returns the libraries that both sides have in different versions."""
    return [
        VersionDifference(library=name, trained=version, running=running[name])
        for name, version in trained.items()
        if name in running and running[name] != version
    ]


def check_versions(
    trained: Mapping[str, str],
    running: Mapping[str, str],
    *,
    allow_other_tensorflow: bool = False,
) -> list[str]:
    """Refuses another TensorFlow major.minor; returns the other differences in words.

    Raises:
        BundleRefusedError: The contract names no TensorFlow, or another major.minor
            and that is not allowed.
    """
    if "tensorflow" not in trained:
        raise BundleRefusedError(
            _GUARD, "the contract does not say which TensorFlow made the model."
        )
    differences = compare_versions(trained, running)
    for found in differences:
        is_other = found.library == "tensorflow" and _minor(found.trained) != _minor(
            found.running
        )
        if is_other and not allow_other_tensorflow:
            raise BundleRefusedError(
                _GUARD,
                f"TensorFlow is {found.running} here and was {found.trained} when the "
                f"model was made. Install tensorflow=={_minor(found.trained)}.*, or "
                "pass --allow-other-tensorflow: the golden batch then decides.",
            )
    return [found.in_words for found in differences]


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
