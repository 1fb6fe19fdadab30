"""The Java side of Beam's engines: fetched with Maven, checked, made into a job server.

    {folder}/
        jars/{name}-{version}.jar    the runner and all that it needs, the engine too
        {engine}-job-server.jar      names jars/* as its class path, for `java -jar`

Beam's own job server is one jar of 200 MB with the same classes. Where a package mirror
has the runner but not that jar, these do as well; Flink's class path starts a job
manager and a task manager, too.

Source:
    https://maven.apache.org/plugins/maven-dependency-plugin/copy-dependencies-mojo.html
    https://docs.oracle.com/en/java/javase/17/docs/specs/jar/jar.html (manifest lines)
"""

import hashlib
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

_RUNNER_VERSION = "2.62.0"
# Without one of its writers SLF4J, which everything logs through, writes nothing.
_LOG_WRITER = ("org.slf4j", "slf4j-simple", "1.7.30")
_SPARK_VERSION = "3.5.0"
_MAX_LINE_BYTES = 72
_MAVEN_TIMEOUT_S = 900


class JarError(RuntimeError):
    """The jars cannot be had, or are not the ones that were locked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JarSet:
    """The jars of one engine.

    Attributes:
        engine: "flink" or "spark".
        main_class: The job server's.
        artifacts: Group, artifact and version; what these depend on comes along.
        excluded: Group and artifact of what must not come along.
    """

    engine: str
    main_class: str
    artifacts: tuple[tuple[str, str, str], ...]
    excluded: tuple[tuple[str, str], ...] = ()

    @property
    def job_server(self) -> str:
        """File name of the job server's jar."""
        return f"{self.engine}-job-server.jar"

    @property
    def lock(self) -> Path:
        """File name to SHA-256 of every jar, as YAML."""
        return Path(__file__).with_name(f"{self.engine}.yaml")


FLINK = JarSet(
    engine="flink",
    main_class="org.apache.beam.runners.flink.FlinkJobServerDriver",
    artifacts=(
        ("org.apache.beam", "beam-runners-flink-1.19", _RUNNER_VERSION),
        _LOG_WRITER,
    ),
)
SPARK = JarSet(
    engine="spark",
    main_class="org.apache.beam.runners.spark.SparkJobServerDriver",
    artifacts=(
        ("org.apache.beam", "beam-runners-spark-3", _RUNNER_VERSION),
        ("org.apache.beam", "beam-runners-java-job-service", _RUNNER_VERSION),
        # The runner takes Spark for given.
        ("org.apache.spark", "spark-core_2.12", _SPARK_VERSION),
        ("org.apache.spark", "spark-sql_2.12", _SPARK_VERSION),
        ("org.apache.spark", "spark-streaming_2.12", _SPARK_VERSION),
        _LOG_WRITER,
    ),
    # Spark's writer of logs, of another SLF4J than the runner's.
    excluded=(("org.apache.logging.log4j", "log4j-slf4j2-impl"),),
)


def read_lock(jar_set: JarSet) -> dict[str, str]:
    """Returns the SHA-256 (hex) of every jar, by its file name."""
    locked: dict[str, str] = yaml.safe_load(jar_set.lock.read_text(encoding="utf-8"))
    return locked


def ensure_jars(jar_set: JarSet, folder: Path) -> Path:
    """Returns the job server's jar in a folder; fetches what is not there yet.

    Raises:
        JarError: Maven is missing or fails, or a jar is not the locked one.
    """
    locked = read_lock(jar_set)
    jars = folder / "jars"
    if find_problem(jars, locked) is not None:
        fresh = folder / "jars.fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        fetch(jar_set, fresh)
        problem = find_problem(fresh, locked)
        if problem is not None:
            raise JarError(
                f"{problem} What Maven gives is not what {jar_set.lock.name} locks: "
                "remove ~/.m2/repository/org/apache/beam and try again; if it stays, "
                "the package mirror changed a released file."
            )
        shutil.rmtree(jars, ignore_errors=True)
        fresh.rename(jars)
    job_server = folder / jar_set.job_server
    write_job_server(job_server, jar_set.main_class, sorted(locked))
    return job_server


def find_problem(jars: Path, locked: Mapping[str, str]) -> str | None:
    """Says what keeps a folder from being the locked jars; None: nothing.

    Args:
        jars: The folder; may be missing.
        locked: File name to SHA-256 (hex).
    """
    found = {path.name: path for path in jars.glob("*.jar")}
    missing = sorted(locked.keys() - found.keys())
    if missing:
        return f"{jars} lacks {missing[0]} and {len(missing) - 1} more."
    more = sorted(found.keys() - locked.keys())
    if more:
        return f"{jars} holds {more[0]}, which is not locked."
    for name, digest in sorted(locked.items()):
        actual = _digest(found[name])
        if actual != digest:
            return f"{found[name]} has the SHA-256 {actual}; expected {digest}."
    return None


def write_job_server(path: Path, main_class: str, names: list[str]) -> None:
    """Writes a jar that starts a job server with jars/* as its class path."""
    class_path = " ".join(f"jars/{name}" for name in names)
    manifest = b"".join(
        _manifest_line(line)
        for line in (
            "Manifest-Version: 1.0",
            f"Main-Class: {main_class}",
            f"Class-Path: {class_path}",
            "",
        )
    )
    beside = path.with_name(f".{path.name}")
    with zipfile.ZipFile(beside, "w") as archive:
        archive.writestr(zipfile.ZipInfo("META-INF/MANIFEST.MF"), manifest)
    beside.rename(path)


def _manifest_line(line: str) -> bytes:
    """Returns a line of a manifest, broken where the format asks for it."""
    content = line.encode()
    step = _MAX_LINE_BYTES - 1
    starts = range(_MAX_LINE_BYTES, len(content), step)
    rest = (b" " + content[start : start + step] for start in starts)
    return b"\r\n".join([content[:_MAX_LINE_BYTES], *rest, b""])


def fetch(jar_set: JarSet, target: Path) -> None:
    """Has Maven copy the jars into a folder; they are not checked.

    Raises:
        JarError: Maven is missing or fails.
    """
    maven = shutil.which("mvn")
    if maven is None:
        raise JarError(
            "there is no mvn on PATH, which fetches Beam's job server. Install Maven, "
            f"or set beam.{jar_set.engine}.job_server_jar to a job server of your own."
        )
    with tempfile.TemporaryDirectory() as project:
        (Path(project) / "pom.xml").write_text(_pom(jar_set), encoding="utf-8")
        done = subprocess.run(  # noqa: S603 - a program found on PATH, fixed arguments
            [
                maven,
                "--batch-mode",
                "--quiet",
                "dependency:copy-dependencies",
                "-DincludeScope=runtime",
                f"-DoutputDirectory={target.absolute()}",
            ],
            cwd=project,
            capture_output=True,
            text=True,
            timeout=_MAVEN_TIMEOUT_S,
            check=False,
        )
    if done.returncode:
        raise JarError(f"mvn cannot fetch the jars: {done.stdout.strip()[-2000:]}")


def _pom(jar_set: JarSet) -> str:
    exclusions = "".join(
        f"<exclusion><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
        "</exclusion>"
        for group, artifact in jar_set.excluded
    )
    dependencies = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
        f"<version>{version}</version><exclusions>{exclusions}</exclusions>"
        "</dependency>"
        for group, artifact, version in jar_set.artifacts
    )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0">'
        "<modelVersion>4.0.0</modelVersion><groupId>slipway</groupId>"
        "<artifactId>job-server</artifactId><version>1</version>"
        f"<dependencies>{dependencies}</dependencies></project>"
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
