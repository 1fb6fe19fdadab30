"""Which versions a job server's jar holds.

Beam and Flink each carry a file with their version among their classes, in their own
jars as in one that has everything in it:

    org/apache/beam/sdk/sdk.properties     version=2.62.0
    .flink-runtime.version.properties      project.version=1.19.0
    spark-version-info.properties          version=3.5.0
"""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FILES = {
    "beam": ("org/apache/beam/sdk/sdk.properties", "version"),
    "flink": (".flink-runtime.version.properties", "project.version"),
    "spark": ("spark-version-info.properties", "version"),
}
# Where the class path of a job server may have them: the parts of their jars' names.
_CARRIERS = ("beam-sdks-java-core-", "flink-runtime-", "spark-core_")


@dataclass(frozen=True, kw_only=True, slots=True)
class JobServerVersions:
    """What a jar holds; None: not that.

    Attributes:
        beam: Version of Beam's Java part.
        flink: Version of Flink.
        spark: Version of Spark.
    """

    beam: str | None = None
    flink: str | None = None
    spark: str | None = None


def read_versions(jar: Path) -> JobServerVersions:
    """Returns the versions in a jar and in those that it names as its class path.

    Raises:
        OSError: It cannot be read.
        zipfile.BadZipFile: It is no jar.
    """
    found: dict[str, str] = {}
    for path in (jar, *_carriers(jar)):
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            for product, (file, key) in _FILES.items():
                if file in names:
                    text = archive.read(file).decode("utf-8", "replace")
                    found.setdefault(product, _property(text, key))
    return JobServerVersions(**found)


def _carriers(jar: Path) -> Iterator[Path]:
    """Yields the jars of its class path that say a version, if they are there."""
    with zipfile.ZipFile(jar) as archive:
        if "META-INF/MANIFEST.MF" not in archive.namelist():
            return
        manifest = archive.read("META-INF/MANIFEST.MF").decode("utf-8", "replace")
    # A line that starts with a blank goes on with the one before.
    for line in manifest.replace("\r\n ", "").splitlines():
        name, _, value = line.partition(": ")
        if name == "Class-Path":
            for entry in value.split():
                path = jar.parent / entry
                if path.name.startswith(_CARRIERS) and path.is_file():
                    yield path


def _property(text: str, key: str) -> str:
    """Returns a value of a Java properties file, "" without it."""
    for line in text.splitlines():
        name, separator, value = line.partition("=")
        if separator and name.strip() == key:
            return value.strip()
    return ""
