"""What a server refuses is put into words; MLMD has none."""

import socket
import time

import pytest

from pipeline.metadata.connection import CREATE, open_store
from pipeline.metadata.driver import connect, connected, is_lost
from pipeline.metadata.errors import (
    MetadataRefusedError,
    MetadataUnavailableError,
)
from pipeline.metadata.server_check import check_server, prepare_server
from tests.pipeline.metadata.database import (
    PASSWORD,
    PASSWORD_ENV,
    USER,
    free_port,
)

pymysql = pytest.importorskip("pymysql")


def refusal(server) -> str:
    with pytest.raises(MetadataRefusedError) as caught:
        check_server(server)
    assert caught.value.exit_code == 2
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


def test_server_that_answers_is_usable(server):
    assert check_server(server) is None


def test_wrong_password_is_refused(server, monkeypatch):
    monkeypatch.setenv(PASSWORD_ENV, "another")
    text = refusal(server)
    assert text == (
        f"{server} refuses user '{USER}' with the password of {PASSWORD_ENV}. Correct "
        "metadata.user or the password; a user may also be bound to other hosts, or to "
        "TLS."
    )
    assert "another" not in text


def test_missing_database_is_named_with_the_statement_that_makes_it(mariadb):
    server = mariadb.server("nowhere")
    assert refusal(server) == (
        f"{server} has no database 'nowhere' for user '{USER}'. Have it made: CREATE "
        "DATABASE nowhere CHARACTER SET latin1 COLLATE latin1_bin; GRANT ALL ON "
        f"nowhere.* TO '{USER}'."
    )


def test_server_that_is_down_is_named_within_seconds(mariadb):
    port = free_port()
    server = mariadb.server("slipway", port=port)
    began = time.monotonic()
    with pytest.raises(MetadataUnavailableError) as caught:
        check_server(server)
    assert time.monotonic() - began < 5
    assert caught.value.exit_code == 1
    assert str(caught.value) == (
        f"mysql://{USER}@127.0.0.1:{port}/slipway does not answer: Can't connect to "
        "MySQL server on '127.0.0.1' ([Errno 111] Connection refused). Start the "
        "database server, or correct metadata.host and metadata.port."
    )


def test_server_that_says_nothing_is_given_up(mariadb):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = mariadb.server("slipway", port=silent.getsockname()[1])
        began = time.monotonic()
        with pytest.raises(MetadataUnavailableError, match="does not answer"):
            connect(server, answer_timeout_s=1)
        assert time.monotonic() - began < 5


def test_loss_is_told_from_other_errors(mariadb, server):
    prepare_server(server)
    store = open_store(server, CREATE)
    with connected(server) as connection:
        mariadb.end_connections()
        with pytest.raises(pymysql.MySQLError) as ours:
            connection.ping(reconnect=False)
    with pytest.raises(Exception, match="Lost connection") as theirs:
        store.get_artifact_types()
    assert is_lost(ours.value)
    assert is_lost(theirs.value)
    assert not is_lost(pymysql.err.ProgrammingError(1064, "You have an error"))
    assert not is_lost(RuntimeError("Type already exists"))
