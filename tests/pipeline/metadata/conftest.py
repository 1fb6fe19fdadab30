"""One MariaDB server for all tests; a database for each."""

import pytest

from tests.pipeline.metadata.database import (
    PASSWORD,
    PASSWORD_ENV,
    MariaDb,
    missing_programs,
)


@pytest.fixture(scope="session")
def _mariadb():
    missing = missing_programs()
    if missing:
        pytest.skip(
            f"{' and '.join(missing)} not found; Debian has them in mariadb-server"
        )
    server = MariaDb()
    yield server
    server.remove()


@pytest.fixture
def mariadb(_mariadb, monkeypatch):
    """The server, running."""
    monkeypatch.setenv(PASSWORD_ENV, PASSWORD)
    if _mariadb.process is None:
        _mariadb.start()
    return _mariadb


@pytest.fixture
def server(mariadb):
    """A place in an empty database."""
    return mariadb.server()
