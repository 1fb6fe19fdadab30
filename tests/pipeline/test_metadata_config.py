"""The `metadata` section refuses what cannot work, by exact message."""

import pytest

from pipeline.metadata_config import MetadataConfig
from pipeline.settings_loader import ConfigError, build_settings

SERVER = {
    "engine": "mysql",
    "host": "db.example.org",
    "database": "slipway",
    "user": "runner",
    "password_env": "SLIPWAY_PASSWORD",
}


def build(**changes):
    return build_settings(MetadataConfig, SERVER | changes, "metadata")


def refusal(**changes) -> str:
    with pytest.raises(ConfigError) as caught:
        build(**changes)
    return str(caught.value)


def test_file_of_the_work_folder_is_the_default():
    assert not MetadataConfig().is_server
    assert not build_settings(MetadataConfig, None, "metadata").is_server


def test_server_has_mysqls_port_and_waits_a_minute():
    made = build()
    assert made.is_server
    assert (made.port, made.wait_s, made.tls.ca) == (3306, 60.0, None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"engine": "postgresql"},
            (
                "metadata.engine is 'postgresql', whose support in ML Metadata 1.21 "
                "breaks every text that holds a backslash, as JSON does; use mysql, "
                "which is MySQL or MariaDB."
            ),
        ),
        (
            {"engine": "mysqll"},
            (
                "metadata.engine is 'mysqll'; it can be sqlite, mysql. Did you mean "
                "'mysql'?"
            ),
        ),
        (
            {"engine": "sqlite"},
            (
                "metadata.host is 'db.example.org', but engine is 'sqlite'; a server "
                "needs engine: mysql."
            ),
        ),
        ({"host": None}, "metadata.host is missing; engine 'mysql' needs it."),
        ({"user": ""}, "metadata.user is missing; engine 'mysql' needs it."),
        ({"database": None}, "metadata.database is missing; engine 'mysql' needs it."),
        (
            {"host": "localhost"},
            (
                "metadata.host is 'localhost', which MLMD takes for a socket of its "
                "own; write 127.0.0.1."
            ),
        ),
        ({"port": 65536}, "metadata.port is 65536; expected 1 to 65535."),
        (
            {"database": "a; DROP DATABASE b"},
            (
                "metadata.database is 'a; DROP DATABASE b'; expected a letter, then "
                "letters, digits and _, 56 at most."
            ),
        ),
        (
            {"password_env": None},
            (
                "metadata.password_env is None and password_file is None; give one of "
                "them."
            ),
        ),
        (
            {"password_file": "secret"},
            (
                "metadata.password_env is 'SLIPWAY_PASSWORD' and password_file is "
                "'secret'; give one of them."
            ),
        ),
        ({"wait_s": -1}, "metadata.wait_s is -1.0; expected at least 0."),
        (
            {"tls": {"ca": "ca.pem", "cert": "cert.pem"}},
            "metadata.tls.cert is 'cert.pem' and key is None; give both or neither.",
        ),
        (
            {"tls": {"cert": "cert.pem", "key": "key.pem"}},
            (
                "metadata.tls.cert is 'cert.pem' without ca; name the authority of the "
                "server's certificate too."
            ),
        ),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(value),
)
def test_refused_is(changes, message):
    assert refusal(**changes) == message


def test_password_has_no_place_in_the_file_and_is_not_repeated():
    text = refusal(password="hunter2")  # noqa: S106 - what must not be shown
    assert text.startswith("unknown setting metadata.password; known settings are ")
    assert "hunter2" not in text
