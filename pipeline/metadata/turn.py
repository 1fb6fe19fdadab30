"""Turns at ML Metadata, for processes that use it at the same time.

On SQLite, MLMD reads and writes within one deferred transaction: two that both read and
then both want to write cannot wait for each other, and SQLite refuses one of them. On a
server, two that open an empty database at once leave half a schema behind, and writers
that meet abort each other and rest for seconds. So whoever opens the store to write
takes its lock first, for as long as it has it open: a file beside SQLite's, or a named
lock of the server, which holds for all machines. Both are freed by the death of the
process; the server's also by the silence of the machine.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.metadata.errors import MetadataUnavailableError
from pipeline.metadata.place import MetadataPlace, MetadataServer

# The store is never open for long; a holder that is silent for so long is no more.
_SILENCE_S = 120
_WAIT_S = 300
# One question; shorter than the driver's patience with a server that says nothing.
_ASK_S = 5


@contextmanager
def metadata_turn(place: MetadataPlace) -> Iterator[None]:
    """Waits until nobody else has the store open for writing.

    Args:
        place: A SQLite file, whose lock is the file `{path}.lock`; or a server.

    Raises:
        MetadataError: The server does not answer or refuses, or others held the lock
            for _WAIT_S seconds.
    """
    if isinstance(place, MetadataServer):
        with _server_turn(place):
            yield
        return
    handle = os.open(f"{place}.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def _server_turn(server: MetadataServer) -> Iterator[None]:
    # Imported here: most pipelines keep a file.
    from pipeline.metadata import driver

    # The server frees the lock with the connection.
    with driver.connected(server) as connection:
        _take(server, connection)
        yield


def _take(server: MetadataServer, connection: Any) -> None:
    """Takes the named lock.

    Source:
        https://mariadb.com/kb/en/get_lock/: 1 is taken, 0 is waited in vain; freed
        when the connection ends, also without a word.
    """
    name = f"slipway.{server.settings.database}"
    with connection.cursor() as cursor:
        cursor.execute(f"SET SESSION wait_timeout = {_SILENCE_S}")
        deadline = time.monotonic() + _WAIT_S
        while time.monotonic() < deadline:
            cursor.execute("SELECT GET_LOCK(%s, %s)", (name, _ASK_S))
            if cursor.fetchone() == (1,):
                return
        cursor.execute("SELECT IS_USED_LOCK(%s)", (name,))
        (holder,) = cursor.fetchone()
    raise MetadataUnavailableError(
        f"others have held the lock {name!r} of {server} for {_WAIT_S} s; connection "
        f"{holder} has it now. If that is no run, end it: KILL {holder}."
    )
