"""Examines this machine: what is there, what is missing, can the main job run.

Says nothing itself: doctor_view.py renders the report, doctor_facts.py looks.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from data.errors import list_in_words
from pipeline.doctor_facts import Facts, gather_facts

Status = Literal["ok", "warn", "missing"]

PYTHONS = ((3, 12), (3, 13))
MIN_GLIBC = "2.39"
"""TFDV's and ML Metadata's wheels are manylinux_2_39."""

MIN_MEMORY_GIB = 2.5
"""TFX on the flights data was measured to peak at 2.1 GB; the rest is reserve."""
MIN_DISK_GIB = 2.0
MIN_JAVA = 11

# The lock's versions (.setup/py312.txt); tests hold the two together.
EXPECTED_VERSIONS = {
    "tfx": "1.21.0",
    "tensorflow": "2.21.0",
    "keras": "3.15.1",
    "apache-beam": "2.77.0",
    "tensorflow-data-validation": "1.21.0",
    "tensorflow-transform": "1.21.0",
    "tensorflow-model-analysis": "0.52.0",
    "ml-metadata": "1.21.0",
    "pyarrow": "18.1.0",
    "protobuf": "6.33.6",
    "kfp": "2.16.1",
}
OPTIONAL_LIBRARIES = ("kfp",)
REQUIRED_EXTRAS = ("client", "pipeline")

# Extra of setup.py to the modules that show it is installed; "" is the base.
EXTRA_MODULES = {
    "": ("numpy", "yaml", "rich", "typer"),
    "server": ("tensorflow",),
    "pipeline": (
        "tfx",
        "apache_beam",
        "tensorflow_transform",
        "ml_metadata",
        "pyarrow",
    ),
    "kubeflow": ("kfp",),
    "dev": ("pytest", "hypothesis", "mypy", "ruff", "importlinter"),
}
DATAFLOW_LIBRARIES = ("google-cloud-dataflow-client", "google-cloud-storage")

_SETUP = "run bash .setup/setup.sh"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What it is.
        value: What was found.
        status: "ok", "warn" (works, but) or "missing" (does not).
        note: What was expected, or what to do; may be empty.
    """

    name: str
    value: str
    status: Status
    note: str = ""


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """Findings under one heading."""

    title: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was found.

    Attributes:
        groups: Findings in the order to show them.
        reasons: Why the main job cannot run, each with its remedy; empty if it can.
    """

    groups: tuple[FindingGroup, ...]
    reasons: tuple[str, ...]

    @property
    def can_run_main_job(self) -> bool:
        """True if `slipway run` can run a whole pipeline on this machine."""
        return not self.reasons


def examine(facts: Facts | None = None) -> Report:
    """Judges this machine, or the facts given; takes well under a second."""
    if facts is None:
        modules = [module for group in EXTRA_MODULES.values() for module in group]
        facts = gather_facts([*EXPECTED_VERSIONS, *DATAFLOW_LIBRARIES], modules)
    machine = (
        _judge_python(facts),
        _judge_platform(facts),
        _judge_glibc(facts),
        _judge_memory(facts),
        _judge_disk(facts),
        Finding("processors", str(facts.num_cpus), "ok", facts.processor),
    )
    libraries = tuple(_judge_libraries(facts))
    extras = tuple(_judge_extras(facts))
    groups = (
        FindingGroup("machine", machine),
        FindingGroup("libraries", libraries),
        FindingGroup("extras", extras),
        FindingGroup("Beam engines", tuple(_judge_engines(facts))),
    )
    return Report(groups, tuple(_reasons(machine, libraries, extras)))


def _reasons(
    machine: Iterable[Finding], libraries: Iterable[Finding], extras: Iterable[Finding]
) -> Iterator[str]:
    for finding in machine:
        if finding.status == "missing":
            yield f"{finding.name}: {finding.value}; {finding.note}."
    absent = [
        finding.name
        for finding in libraries
        if finding.status == "missing" and finding.name not in OPTIONAL_LIBRARIES
    ]
    broken = [
        finding.name
        for finding in extras
        if finding.status == "missing" and finding.name in REQUIRED_EXTRAS
    ]
    if absent:
        yield f"libraries: {list_in_words(absent)} not installed; {_SETUP}."
    elif broken:
        yield f"extras: {list_in_words(broken)} not usable; {_SETUP}."


def _judge_python(facts: Facts) -> Finding:
    is_known = facts.python[:2] in PYTHONS
    return Finding(
        "Python",
        ".".join(map(str, facts.python)),
        "ok" if is_known else "missing",
        "" if is_known else f"TFX 1.21 needs 3.12 or 3.13; {_SETUP}",
    )


def _judge_platform(facts: Facts) -> Finding:
    value = f"{facts.system} {facts.machine}"
    if (facts.system, facts.machine) == ("Linux", "x86_64"):
        return Finding("platform", value, "ok")
    note = "TFX ships wheels for Linux on x86-64 only; use such a machine or WSL 2"
    return Finding("platform", value, "missing", note)


def _judge_glibc(facts: Facts) -> Finding:
    own, host = facts.own_glibc, facts.host_glibc
    if own is None or _numbers(own) < _numbers(MIN_GLIBC):
        note = f"TFX's wheels need {MIN_GLIBC}; {_SETUP}"
        return Finding("glibc", own or "none", "missing", note)
    is_private = host is not None and own != host
    note = f"private runtime; the system's own is {host}" if is_private else ""
    return Finding("glibc", own, "ok", note)


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _judge_memory(facts: Facts) -> Finding:
    available = facts.memory_available_gib
    if available is None:
        return Finding("memory", "unknown", "warn", f"a run needs {MIN_MEMORY_GIB} GiB")
    value = f"{available:.1f} GiB available"
    if available >= MIN_MEMORY_GIB:
        return Finding("memory", value, "ok")
    note = f"a run needs {MIN_MEMORY_GIB} GiB; end other programs or raise the limit"
    return Finding("memory", value, "missing", note)


def _judge_disk(facts: Facts) -> Finding:
    value = f"{facts.disk_free_gib:.1f} GiB free"
    if facts.disk_free_gib >= MIN_DISK_GIB:
        return Finding("disk", value, "ok")
    return Finding(
        "disk", value, "missing", f"a run needs {MIN_DISK_GIB} GiB; free some"
    )


def _judge_libraries(facts: Facts) -> Iterator[Finding]:
    for name, expected in EXPECTED_VERSIONS.items():
        installed = facts.versions.get(name)
        if installed is None:
            yield Finding(name, "not installed", "missing", _SETUP)
        elif installed != expected:
            note = f"tested with {expected}; {_SETUP}"
            yield Finding(name, installed, "warn", note)
        else:
            yield Finding(name, installed, "ok")


def _judge_extras(facts: Facts) -> Iterator[Finding]:
    for extra, modules in EXTRA_MODULES.items():
        missing = [module for module in modules if module not in facts.modules]
        name = extra or "client"
        if missing:
            value = f"not usable: {', '.join(missing)} missing"
            yield Finding(name, value, "missing", _SETUP)
        else:
            yield Finding(name, "usable", "ok")


def _judge_engines(facts: Facts) -> Iterator[Finding]:
    beam = facts.versions.get("apache-beam")
    if beam is None:
        yield Finding("local", "no apache-beam", "missing", _SETUP)
        return
    yield Finding("local", "usable", "ok", "in this process, one machine")
    yield _judge_jar_engine("flink", "make flink-jars", facts)
    beams_own = f"beam-runners-spark-3-job-server-{beam}.jar"
    remedy = f"put {beams_own} at var/spark/spark-job-server.jar"
    yield _judge_jar_engine("spark", remedy, facts)
    missing = [name for name in DATAFLOW_LIBRARIES if name not in facts.versions]
    if missing:
        value = f"no {' and no '.join(missing)}"
        yield Finding("dataflow", value, "missing", "needs apache-beam[gcp]")
    else:
        note = "libraries are there; project and credentials were not looked at"
        yield Finding("dataflow", "untested", "warn", note)
    note = "drops data silently with Beam 2.77"
    yield Finding("dask", "not offered", "missing", note)
    note = "downloads a Go program while it runs"
    yield Finding("prism", "not offered", "missing", note)


def _judge_jar_engine(name: str, remedy: str, facts: Facts) -> Finding:
    has_java = facts.java is not None and facts.java >= MIN_JAVA
    jar = f"{name}-job-server.jar"
    has_jar = jar in facts.jars
    if has_java and has_jar:
        return Finding(name, "usable", "ok", f"Java {facts.java}, var/{name}/{jar}")
    lacks = [] if has_java else [f"Java >= {MIN_JAVA}"]
    lacks += [] if has_jar else ["the job server"]
    note = "" if has_jar else remedy
    return Finding(name, f"lacks {' and '.join(lacks)}", "missing", note)
