"""A connection of our own to the database server, beside MLMD's.

MLMD has no words for what a server refuses ("mysql_real_connect failed: errno: , error:
"), no lock between calls, and no certificate that it accepts. Light: the command line
asks a server here without importing ML Metadata.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pymysql
from pymysql.constants import CR, ER

from pipeline.metadata.errors import (
    MetadataError,
    MetadataRefusedError,
    MetadataUnavailableError,
)
from pipeline.metadata.place import MetadataServer

CONNECT_TIMEOUT_S = 5
# Of a server that took the connection and says nothing; changes of tables take longer.
ANSWER_TIMEOUT_S = 10
# How MLMD names its bytes, UTF-8 in fact: what it wrote is found only by the same name.
_CHARSET = "latin1"
_UNAVAILABLE = {
    CR.CR_CONN_HOST_ERROR,
    CR.CR_SERVER_GONE_ERROR,
    CR.CR_SERVER_LOST,
    ER.CON_COUNT_ERROR,
    ER.TOO_MANY_USER_CONNECTIONS,
    ER.SERVER_SHUTDOWN,
}


def connect(
    server: MetadataServer, answer_timeout_s: int | None = ANSWER_TIMEOUT_S
) -> Any:
    """Returns a pymysql connection; texts come back as the bytes that MLMD wrote.

    Args:
        server: Which server.
        answer_timeout_s: Longest wait for any answer; None: however long it takes.

    Raises:
        MetadataUnavailableError: No answer in time, or the server has no room.
        MetadataRefusedError: Another password, user, database or certificate is wanted.
    """
    settings, tls = server.settings, server.settings.tls
    encryption: dict[str, Any] = {"ssl_disabled": True}
    if tls.ca is not None:
        encryption = {
            "ssl_ca": tls.ca,
            "ssl_cert": tls.cert,
            "ssl_key": tls.key,
            "ssl_verify_cert": True,
            "ssl_verify_identity": True,
        }
    try:
        return pymysql.connect(
            host=settings.host,
            port=settings.port,
            user=settings.user,
            password=server.read_password(),
            database=settings.database,
            charset=_CHARSET,
            use_unicode=False,
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=answer_timeout_s,
            autocommit=True,
            **encryption,
        )
    except pymysql.MySQLError as error:
        raise explain(server, error) from error
    except OSError as error:
        raise MetadataRefusedError(
            f"metadata.tls of {server} cannot be used: {error.strerror or error}."
        ) from error


@contextmanager
def connected(
    server: MetadataServer, answer_timeout_s: int | None = ANSWER_TIMEOUT_S
) -> Iterator[Any]:
    """Gives a connection and closes it; what the server says is put into words.

    Raises:
        MetadataError: As `connect`, also for statements inside.
    """
    connection = connect(server, answer_timeout_s)
    try:
        with in_words(server):
            yield connection
    finally:
        # The server may have closed it before.
        with suppress(pymysql.MySQLError):
            connection.close()


@contextmanager
def in_words(server: MetadataServer) -> Iterator[None]:
    """Turns what pymysql raises inside into a MetadataError."""
    try:
        yield
    except pymysql.MySQLError as error:
        raise explain(server, error) from error


def explain(server: MetadataServer, error: Exception) -> MetadataError:
    """Returns what a pymysql error means, and what to do."""
    number, text = (*error.args, "", "")[:2]
    settings = server.settings
    if "CERTIFICATE_VERIFY_FAILED" in str(text):
        return MetadataRefusedError(
            f"the certificate of {server} is not one that metadata.tls.ca "
            f"({settings.tls.ca}) has signed for {settings.host!r}: {text}."
        )
    if number in _UNAVAILABLE:
        return MetadataUnavailableError(
            f"{server} does not answer: {text}. Start the database server, or correct "
            "metadata.host and metadata.port."
        )
    if number == ER.ACCESS_DENIED_ERROR:
        return MetadataRefusedError(
            f"{server} refuses user {settings.user!r} with the password of "
            f"{settings.password_env or settings.password_file}. Correct metadata.user "
            "or the password; a user may also be bound to other hosts, or to TLS."
        )
    if number in (ER.BAD_DB_ERROR, ER.DBACCESS_DENIED_ERROR):
        return MetadataRefusedError(
            f"{server} has no database {settings.database!r} for user "
            f"{settings.user!r}. Have it made: CREATE DATABASE {settings.database} "
            "CHARACTER SET latin1 COLLATE latin1_bin; GRANT ALL ON "
            f"{settings.database}.* TO {settings.user!r}."
        )
    return MetadataRefusedError(f"{server} refuses: {text} (error {number}).")


def is_lost(error: BaseException) -> bool:
    """Tells whether an error of pymysql or of MLMD says that the connection is gone."""
    if isinstance(error, pymysql.MySQLError):
        return bool(error.args) and error.args[0] in _UNAVAILABLE
    text = str(error)
    return any(words in text for words in _LOST_WORDS)


# libmariadb's texts, which MLMD hands on without their numbers.
_LOST_WORDS = (
    "Lost connection to",
    "server has gone away",
    "Can't connect to",
    "Connection was killed",
    "mysql_real_connect failed",
    "Server shutdown in progress",
)
