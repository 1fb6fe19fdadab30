"""A place says where a password is, and never what it is."""

import pickle

import pytest

from pipeline.metadata.connection import CREATE, READ, connection_config
from pipeline.metadata.errors import MetadataRefusedError
from pipeline.metadata.place import MetadataServer
from pipeline.metadata_config import MetadataConfig, MetadataTls

SETTINGS = {
    "engine": "mysql",
    "host": "db.example.org",
    "database": "slipway",
    "user": "runner",
}


def place(**changes):
    settings = MetadataConfig(**SETTINGS | changes)
    return MetadataServer(settings=settings, pipeline="flights")


@pytest.fixture
def by_name(monkeypatch):
    monkeypatch.setenv("SECRET", "hunter2")
    return place(password_env="SECRET")  # noqa: S106 - a name


def test_password_comes_from_the_environment(by_name):
    assert by_name.read_password() == "hunter2"


@pytest.mark.parametrize("text", ["hunter 2", "hunter 2\n", "hunter 2\r\nmore"])
def test_password_is_the_first_line_of_a_file(tmp_path, text):
    path = tmp_path / "secret"
    path.write_bytes(text.encode())
    assert place(password_file=str(path)).read_password() == "hunter 2"


def test_password_that_is_not_there_is_named(by_name, tmp_path, monkeypatch):
    monkeypatch.delenv("SECRET")
    with pytest.raises(MetadataRefusedError) as caught:
        by_name.read_password()
    assert str(caught.value) == (
        "metadata.password_env names SECRET, which the environment does not hold; "
        "expected the password."
    )
    path = tmp_path / "secret"
    with pytest.raises(MetadataRefusedError) as caught:
        place(password_file=str(path)).read_password()
    assert str(caught.value) == (
        f"metadata.password_file names {path}, which cannot be read: No such file or "
        "directory."
    )
    path.touch()
    with pytest.raises(MetadataRefusedError, match="does not hold; expected"):
        place(password_file=str(path)).read_password()


def test_place_shows_no_password(by_name):
    shown = f"{by_name} {by_name!r} {pickle.dumps(by_name)!r}"
    assert "mysql://runner@db.example.org:3306/slipway" in shown
    assert "hunter2" not in shown


def test_mlmd_is_told_all_of_a_server(by_name):
    config = connection_config(by_name, CREATE).mysql
    assert (config.host, config.port) == ("db.example.org", 3306)
    assert (config.database, config.user) == ("slipway", "runner")
    assert config.password == "hunter2"  # noqa: S105 - the test's own
    assert config.skip_db_creation, "a missing database is a mistake"
    assert not config.HasField("ssl_options")


@pytest.mark.usefixtures("by_name")
def test_mlmd_encrypts_but_cannot_look_at_certificates():
    tls = MetadataTls(ca="ca.pem", cert="cert.pem", key="key.pem")
    config = connection_config(place(password_env="SECRET", tls=tls), READ)  # noqa: S106
    options = config.mysql.ssl_options
    assert (options.ca, options.cert, options.key) == ("ca.pem", "cert.pem", "key.pem")
    assert not options.verify_server_cert


def test_mlmd_is_told_the_file(tmp_path):
    config = connection_config(tmp_path / "metadata.sqlite", READ).sqlite
    assert config.filename_uri == str(tmp_path / "metadata.sqlite")
    assert config.connection_mode == READ
