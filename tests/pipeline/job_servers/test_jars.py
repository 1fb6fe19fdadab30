"""Only the locked jars are taken, and what is missing is said."""

import hashlib
import stat

import pytest

from pipeline.job_servers import jars
from pipeline.job_servers.jars import (
    FLINK,
    SPARK,
    JarError,
    ensure_jars,
    find_problem,
    read_lock,
)

LOCKED = {
    name: hashlib.sha256(name.encode()).hexdigest() for name in ("a-1.jar", "b-2.jar")
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "jars").mkdir()
    for name in LOCKED:
        (tmp_path / "jars" / name).write_bytes(name.encode())
    return tmp_path


@pytest.fixture
def maven(tmp_path, monkeypatch):
    """A mvn on PATH that runs the given lines of a shell script."""

    def install(*lines):
        program = tmp_path / "bin" / "mvn"
        program.parent.mkdir()
        program.write_text("\n".join(["#!/bin/sh", *lines, ""]))
        program.chmod(stat.S_IRWXU)
        monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")

    return install


@pytest.mark.parametrize(
    ("jar_set", "jar"),
    [(FLINK, "flink-runtime-1.19.0.jar"), (SPARK, "spark-core_2.12-3.5.0.jar")],
)
def test_locks_have_the_engine_what_was_asked_for_and_one_writer_of_logs(jar_set, jar):
    locked = read_lock(jar_set)
    asked = {f"{artifact}-{version}.jar" for _, artifact, version in jar_set.artifacts}
    assert {jar, *asked} <= locked.keys()
    assert all(len(digest) == 64 for digest in locked.values())
    assert not [name for name in locked if name.startswith("log4j-slf4j")]


def test_the_locked_jars_have_no_problem(folder):
    assert find_problem(folder / "jars", LOCKED) is None


def test_a_missing_jar_is_named(folder):
    (folder / "jars" / "a-1.jar").unlink()
    problem = find_problem(folder / "jars", LOCKED)
    assert problem == f"{folder / 'jars'} lacks a-1.jar and 0 more."


def test_a_jar_that_is_not_locked_is_named(folder):
    (folder / "jars" / "c-3.jar").write_bytes(b"c")
    problem = find_problem(folder / "jars", LOCKED)
    assert problem == f"{folder / 'jars'} holds c-3.jar, which is not locked."


def test_a_changed_jar_is_named_with_both_digests(folder):
    path = folder / "jars" / "b-2.jar"
    path.write_bytes(b"other")
    actual = hashlib.sha256(b"other").hexdigest()
    expected = LOCKED["b-2.jar"]
    assert find_problem(folder / "jars", LOCKED) == (
        f"{path} has the SHA-256 {actual}; expected {expected}."
    )


def test_jars_that_are_there_are_not_fetched_again(folder, maven, monkeypatch):
    maven("exit 1")
    monkeypatch.setattr(jars, "read_lock", lambda _: LOCKED)
    assert ensure_jars(FLINK, folder) == folder / "flink-job-server.jar"
    assert (folder / "flink-job-server.jar").is_file()


def test_without_maven_the_remedy_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(JarError) as refused:
        ensure_jars(FLINK, tmp_path)
    assert str(refused.value) == (
        "there is no mvn on PATH, which fetches Beam's job server. Install Maven, or "
        "set beam.flink.job_server_jar to a job server of your own."
    )


def test_what_maven_says_is_passed_on(tmp_path, maven):
    maven("echo no such artifact", "exit 1")
    with pytest.raises(JarError, match=r"^mvn cannot fetch the jars: no such artifact"):
        ensure_jars(FLINK, tmp_path)


def test_other_jars_than_the_locked_ones_are_not_taken(tmp_path, maven):
    maven(
        'for each in "$@"; do case $each in -DoutputDirectory=*) '
        'mkdir -p "${each#*=}"; echo x > "${each#*=}/x.jar";; esac; done'
    )
    with pytest.raises(JarError, match=r"is not what flink\.yaml locks"):
        ensure_jars(FLINK, tmp_path)
    assert not (tmp_path / "jars").exists()
    assert not (tmp_path / "flink-job-server.jar").exists()
