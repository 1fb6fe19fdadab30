"""Gathers what `slipway doctor` judges: facts about this machine, no judgement.

Light: versions come from package metadata, modules are looked up, never imported.
"""

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_GIB = 1024**3
_CGROUP = Path("/sys/fs/cgroup")
_VAR = Path(__file__).resolve().parents[1] / "var"

# Limit, usage and statistics of a container's memory: control groups v2, then v1.
_MEMORY_FILES = (
    ("memory.max", "memory.current", "memory.stat"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is there.

    Attributes:
        python: Major, minor and micro version.
        system: "Linux" and so on.
        machine: "x86_64" and so on.
        processor: Its name; "" if unknown.
        own_glibc: Version of the GNU libc this Python runs on; None: another libc.
        host_glibc: Version the system's own programs run on.
        versions: Distribution to version, of those asked for that are installed.
        modules: Those asked for that can be imported.
        memory_available_gib: Memory a new process can take, container limits
            counted; None if unknown.
        disk_free_gib: Free space where the project is.
        num_cpus: Processors this process may use.
        java: Major version of the Java found; None: there is none.
        jars: File names of the job servers in var/flink and var/spark.
    """

    python: tuple[int, int, int]
    system: str
    machine: str
    processor: str
    own_glibc: str | None
    host_glibc: str | None
    versions: Mapping[str, str]
    modules: frozenset[str]
    memory_available_gib: float | None
    disk_free_gib: float
    num_cpus: int
    java: int | None
    jars: tuple[str, ...]


def gather_facts(distributions: Sequence[str], modules: Sequence[str]) -> Facts:
    """Looks at this machine; takes about a tenth of a second.

    Args:
        distributions: Names of packages whose versions are wanted.
        modules: Names of top-level modules to look for.
    """
    return Facts(
        python=sys.version_info[:3],
        system=platform.system(),
        machine=platform.machine(),
        processor=_processor_name(),
        own_glibc=_own_glibc(),
        host_glibc=_host_glibc(),
        versions=_installed_versions(distributions),
        modules=frozenset(name for name in modules if importlib.util.find_spec(name)),
        memory_available_gib=_memory_available_gib(),
        disk_free_gib=shutil.disk_usage(Path(__file__).parent).free / _GIB,
        num_cpus=_num_cpus(),
        java=_java_version(),
        jars=tuple(sorted(path.name for path in _VAR.glob("*/*-job-server.jar"))),
    )


def _installed_versions(distributions: Sequence[str]) -> dict[str, str]:
    versions = {}
    for name in distributions:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _num_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor_name() -> str:
    path = Path("/proc/cpuinfo")
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1] if found else ""


def _own_glibc() -> str | None:
    """Returns the version of the libc that this process has loaded."""
    try:
        return _glibc_version(os.confstr("CS_GNU_LIBC_VERSION") or "")
    except (AttributeError, ValueError, OSError):
        return None


def _host_glibc() -> str | None:
    """Asks a program of the system, which the system's own loader starts."""
    return _glibc_version(_output_of("getconf", "GNU_LIBC_VERSION"))


def _glibc_version(text: str) -> str | None:
    found = re.fullmatch(r"glibc (\d+\.\d+).*", text.strip())
    return found[1] if found else None


def _memory_available_gib() -> float | None:
    meminfo = Path("/proc/meminfo")
    text = meminfo.read_text(encoding="utf-8") if meminfo.exists() else ""
    found = re.search(r"MemAvailable:\s*(\d+) kB", text)
    amounts = [int(found[1]) * 1024] if found else []
    amounts += _container_bytes()
    return min(amounts) / _GIB if amounts else None


def _container_bytes() -> list[int]:
    """Returns what the container's limit leaves, page cache not counted as used."""
    for limit, usage, statistics in _MEMORY_FILES:
        try:
            texts = [
                (_CGROUP / n).read_text("utf-8") for n in (limit, usage, statistics)
            ]
        except OSError:
            continue
        cached = re.search(r"^(?:total_)?inactive_file (\d+)$", texts[2], re.MULTILINE)
        if texts[0].strip().isdigit():
            used = int(texts[1]) - (int(cached[1]) if cached else 0)
            return [int(texts[0]) - used]
    return []


def _java_version() -> int | None:
    """Returns Java's major version: JAVA_HOME's, or else that of `java` on PATH."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    if java is None:
        return None
    release = Path(java).resolve().parents[1] / "release"
    # Reading the version is 100 times faster than starting Java to tell it.
    text = (
        release.read_text("utf-8") if release.exists() else _output_of(java, "-version")
    )
    found = re.search(r'(?:JAVA_VERSION=|version )"(?:1\.)?(\d+)', text)
    return int(found[1]) if found else None


def _output_of(*command: str) -> str:
    """Returns what a program prints, or "" if it cannot be run within 5 s."""
    try:
        done = subprocess.run(  # noqa: S603 (fixed commands)
            command, capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr
