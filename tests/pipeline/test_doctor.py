"""The doctor: facts in, findings and reasons out."""

import dataclasses
import io
import re
import time
from pathlib import Path

import pytest
from rich.console import Console

from pipeline import doctor_facts
from pipeline.doctor import (
    DATAFLOW_LIBRARIES,
    EXPECTED_VERSIONS,
    EXTRA_MODULES,
    Finding,
    Report,
    examine,
)
from pipeline.doctor_facts import Facts
from pipeline.doctor_view import render

ROOT = Path(__file__).resolve().parents[2]

SOUND = Facts(
    python=(3, 12, 1),
    system="Linux",
    machine="x86_64",
    processor="a processor",
    own_glibc="2.41",
    host_glibc="2.41",
    versions={**EXPECTED_VERSIONS, **dict.fromkeys(DATAFLOW_LIBRARIES, "1.0")},
    modules=frozenset(name for names in EXTRA_MODULES.values() for name in names),
    memory_available_gib=8.0,
    disk_free_gib=50.0,
    num_cpus=2,
    java=17,
    jars=("flink-job-server.jar",),
)


def examine_with(**changes: object) -> Report:
    return examine(dataclasses.replace(SOUND, **changes))


def finding(report: Report, name: str) -> Finding:
    (found,) = [f for group in report.groups for f in group.findings if f.name == name]
    return found


def test_this_machine_can_run_the_main_job_and_is_examined_quickly():
    started = time.perf_counter()
    report = examine()

    assert report.reasons == ()
    assert report.can_run_main_job
    assert time.perf_counter() - started < 1


def test_sound_facts_give_no_reason_and_four_groups():
    report = examine(SOUND)

    assert report.reasons == ()
    assert [group.title for group in report.groups] == [
        "machine",
        "libraries",
        "extras",
        "Beam engines",
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"python": (3, 10, 4)},
            "Python: 3.10.4; TFX 1.21 needs 3.12 or 3.13; run bash .setup/setup.sh.",
        ),
        (
            {"machine": "aarch64"},
            (
                "platform: Linux aarch64; TFX ships wheels for Linux on x86-64 only; "
                "use such a machine or WSL 2."
            ),
        ),
        (
            {"own_glibc": "2.36", "host_glibc": "2.36"},
            "glibc: 2.36; TFX's wheels need 2.39; run bash .setup/setup.sh.",
        ),
        (
            {"own_glibc": None, "host_glibc": None},
            "glibc: none; TFX's wheels need 2.39; run bash .setup/setup.sh.",
        ),
        (
            {"memory_available_gib": 1.25},
            (
                "memory: 1.2 GiB available; a run needs 2.5 GiB; end other programs or "
                "raise the limit."
            ),
        ),
        (
            {"disk_free_gib": 0.5},
            "disk: 0.5 GiB free; a run needs 2.0 GiB; free some.",
        ),
        (
            {"versions": {"kfp": "2.16.1"}},
            (
                "libraries: tfx, tensorflow, keras, apache-beam, "
                "tensorflow-data-validation … and 5 more not installed; "
                "run bash .setup/setup.sh."
            ),
        ),
        (
            {"modules": SOUND.modules - {"tfx", "pytest"}},
            "extras: pipeline not usable; run bash .setup/setup.sh.",
        ),
    ],
    ids=["python", "arm", "glibc", "no glibc", "memory", "disk", "bare", "broken"],
)
def test_what_stops_the_main_job_is_named_with_its_remedy(changes, reason):
    report = examine_with(**changes)

    assert report.reasons == (reason,)
    assert not report.can_run_main_job


@pytest.mark.parametrize(
    "changes",
    [
        {"python": (3, 13, 0)},
        {"own_glibc": "2.39", "host_glibc": "2.36"},
        {"memory_available_gib": None},
        {"memory_available_gib": 2.5},
        {"versions": {**EXPECTED_VERSIONS, "keras": "3.15.2"}},
        {"java": None, "jars": ()},
        {"modules": SOUND.modules - {"kfp", "pytest"}},
    ],
    ids=["3.13", "private", "unknown", "just enough", "patch", "no java", "no extras"],
)
def test_what_the_main_job_can_do_without_is_no_reason(changes):
    assert examine_with(**changes).can_run_main_job


def test_private_runtime_is_told_apart():
    report = examine_with(own_glibc="2.41", host_glibc="2.36")

    assert finding(report, "glibc") == Finding(
        "glibc", "2.41", "ok", "private runtime; the system's own is 2.36"
    )


def test_other_version_than_the_lock_is_a_warning():
    report = examine_with(versions={**EXPECTED_VERSIONS, "keras": "3.16.0"})

    assert finding(report, "keras") == Finding(
        "keras", "3.16.0", "warn", "tested with 3.15.1; run bash .setup/setup.sh"
    )


def test_engines_are_judged_by_java_jar_and_libraries():
    report = examine(SOUND)

    assert finding(report, "local").status == "ok"
    assert finding(report, "flink") == Finding(
        "flink", "usable", "ok", "Java 17, var/flink/flink-job-server.jar"
    )
    assert finding(report, "spark") == Finding(
        "spark",
        "lacks the job server",
        "missing",
        (
            "put beam-runners-spark-3-job-server-2.77.0.jar at "
            "var/spark/spark-job-server.jar"
        ),
    )
    assert finding(report, "dataflow").status == "warn"
    assert finding(report, "dask") == Finding(
        "dask", "not offered", "missing", "drops data silently with Beam 2.77"
    )
    assert finding(report, "prism").value == "not offered"


def test_old_java_does_not_run_flink():
    assert finding(examine_with(java=8), "flink").value == "lacks Java >= 11"


def test_no_engine_works_without_beam():
    (_, _, _, engines) = examine_with(versions={}).groups

    assert [engine.name for engine in engines.findings] == ["local"]
    assert engines.findings[0].status == "missing"


def test_dataflow_names_the_library_it_lacks():
    report = examine_with(versions=EXPECTED_VERSIONS)

    assert finding(report, "dataflow").value == (
        "no google-cloud-dataflow-client and no google-cloud-storage"
    )


@pytest.mark.parametrize("lock", ["py312.txt", "py313.txt"])
def test_expected_versions_are_those_of_the_lock(lock):
    text = (ROOT / ".setup" / lock).read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))

    assert {name: locked[name] for name in EXPECTED_VERSIONS} == EXPECTED_VERSIONS


def rendered(report: Report) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(render(report))
    return console.file.getvalue()


def test_rendered_report_ends_with_the_verdict():
    text = rendered(examine(SOUND))

    assert "✓  glibc" in text
    assert "✗  dask" in text
    assert text.endswith("This machine can run the pipeline.\n")


def test_rendered_report_lists_every_reason_and_keeps_brackets():
    text = rendered(examine_with(versions={"apache-beam": "2.77.0"}, disk_free_gib=0.5))

    assert "needs apache-beam[gcp]" in text
    assert "This machine cannot run the pipeline:\n- disk: 0.5 GiB free;" in text
    assert "\n- libraries: tfx" in text


def write_limits(folder: Path, limit: str) -> None:
    (folder / "memory.max").write_text(limit, "utf-8")
    (folder / "memory.current").write_text(str(2**30), "utf-8")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {2**29}\n", "utf-8")


def available_memory_gib() -> float:
    available = doctor_facts.gather_facts([], []).memory_available_gib
    assert available is not None
    return available


def test_container_limit_counts_less_the_memory_in_use(tmp_path, monkeypatch):
    write_limits(tmp_path, f"{2**30}\n")
    monkeypatch.setattr(doctor_facts, "_CGROUP", tmp_path)

    assert available_memory_gib() == 0.5


def test_container_without_a_limit_has_the_machine_s_memory(tmp_path, monkeypatch):
    write_limits(tmp_path, "max\n")
    monkeypatch.setattr(doctor_facts, "_CGROUP", tmp_path)

    assert available_memory_gib() > 0.5


@pytest.mark.parametrize(
    ("release", "version"),
    [('JAVA_VERSION="17.0.15"\n', 17), ('JAVA_VERSION="1.8.0_402"\n', 8)],
    ids=["17", "8"],
)
def test_java_version_is_read_from_its_release_file(
    tmp_path, monkeypatch, release, version
):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/java").touch(mode=0o755)
    (tmp_path / "release").write_text(release, encoding="utf-8")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    assert doctor_facts.gather_facts([], []).java == version


def test_java_that_is_not_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    assert doctor_facts.gather_facts([], []).java is None
