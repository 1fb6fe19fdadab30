import zipfile

import pytest

from pipeline.beam_engine.job_server_jar import JobServerVersions, read_versions
from pipeline.job_servers.jars import FLINK, write_job_server


def test_one_jar_with_everything(write_jar):
    jar = write_jar(beam="2.77.0", flink="2.2.1")
    assert read_versions(jar) == JobServerVersions(beam="2.77.0", flink="2.2.1")


def test_a_jar_that_names_others_as_its_class_path(tmp_path, write_jar):
    (tmp_path / "jars").mkdir()
    names = {
        "beam-sdks-java-core-2.62.0.jar": {"beam": "2.62.0"},
        "flink-runtime-1.19.0.jar": {"flink": "1.19.0"},
    }
    for name, versions in names.items():
        write_jar(f"jars/{name}", **versions)
    # So many that the manifest's line is broken many times.
    others = [f"library-with-a-long-name-{number}-1.0.jar" for number in range(50)]
    jar = tmp_path / "flink-job-server.jar"
    write_job_server(jar, FLINK.main_class, sorted([*names, *others]))
    assert read_versions(jar) == JobServerVersions(beam="2.62.0", flink="1.19.0")


def test_lines_of_the_manifest_are_no_longer_than_java_reads(tmp_path):
    jar = tmp_path / "jobs.jar"
    write_job_server(
        jar, FLINK.main_class, [f"a-{'x' * number}.jar" for number in range(100)]
    )
    with zipfile.ZipFile(jar) as archive:
        lines = archive.read("META-INF/MANIFEST.MF").split(b"\r\n")
    assert max(len(line) for line in lines) == 72
    assert lines[-2:] == [b"", b""]


def test_a_jar_without_versions_has_none(write_jar):
    assert read_versions(write_jar()) == JobServerVersions()


def test_a_file_that_is_no_jar_is_an_error(tmp_path):
    path = tmp_path / "x.jar"
    path.write_bytes(b"no")
    with pytest.raises(zipfile.BadZipFile):
        read_versions(path)
