"""A MariaDB server of the tests' own: a process without rights, in its own folder."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import pymysql

from pipeline.metadata.place import MetadataServer
from pipeline.metadata_config import MetadataConfig, MetadataTls

USER, PASSWORD, PASSWORD_ENV = "runner", "pa ss'\\word", "SLIPWAY_TEST_METADATA"
PROGRAMS = ("mariadbd", "mariadb-install-db")
EXACT = "CHARACTER SET latin1 COLLATE latin1_bin"
_START_S = 30
_MIN_FREE_BYTES = 512 * 1024**2


def missing_programs() -> list[str]:
    """Returns what this machine lacks of Debian's package mariadb-server."""
    return [name for name in PROGRAMS if _program(name) is None]


def unprivileged() -> dict:
    """Returns options of subprocess that take root's rights away."""
    if os.geteuid() != 0:
        return {}
    return {"user": "nobody", "group": "nogroup", "extra_groups": []}


def owned_folder(prefix: str) -> Path:
    """Makes a folder that the unprivileged process owns."""
    # In memory, where there is such a folder: tables are made by the hundred.
    in_memory = Path("/dev/shm")  # noqa: S108 - only as the parent
    is_usable = os.access(in_memory, os.W_OK)
    has_room = is_usable and shutil.disk_usage(in_memory).free > _MIN_FREE_BYTES
    parent = in_memory if has_room else None
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody", "nogroup")
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")


@dataclass
class MariaDb:
    """One server; begins stopped."""

    options: list[str] = field(default_factory=list)
    folder: Path = field(init=False)
    port: int = field(init=False)
    process: subprocess.Popen | None = None
    _databases: int = 0

    def __post_init__(self):
        self.folder = owned_folder("slipway-mariadb-")
        self.port = free_port()
        subprocess.run(
            [
                _program("mariadb-install-db"),
                "--no-defaults",
                f"--datadir={self.folder / 'data'}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
            check=True,
            capture_output=True,
            cwd=self.folder,
            **unprivileged(),
        )

    @property
    def _socket(self) -> str:
        return str(self.folder / "socket")

    def start(self) -> None:
        """Starts it and waits until it answers."""
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [
                    _program("mariadbd"),
                    "--no-defaults",
                    f"--datadir={self.folder / 'data'}",
                    f"--socket={self._socket}",
                    f"--port={self.port}",
                    "--bind-address=127.0.0.1",
                    "--innodb-flush-log-at-trx-commit=2",
                    "--innodb-flush-method=nosync",
                    "--innodb-doublewrite=0",
                    "--innodb-log-file-size=16M",
                    "--innodb-buffer-pool-size=32M",
                    *self.options,
                ],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **unprivileged(),
            )
        deadline = time.monotonic() + _START_S
        while True:
            try:
                self.sql("SELECT 1")
                return
            except pymysql.MySQLError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.02)

    def kill(self) -> None:
        """Ends it at once, as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder)

    def sql(self, *statements: str) -> list[tuple]:
        """Runs statements as root; returns the rows of the last."""
        connection = pymysql.connect(
            unix_socket=self._socket, user="root", autocommit=True
        )
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def end_connections(self) -> int:
        """Ends every connection of the pipelines; returns how many there were."""
        query = f"SELECT id FROM information_schema.processlist WHERE user = '{USER}'"  # noqa: S608 - our own user
        found = self.sql(query)
        for (number,) in found:
            self.sql(f"KILL {number}")
        return len(found)

    def new_database(self, kind: str = EXACT) -> str:
        self._databases += 1
        name = f"slipway_{self._databases}"
        password = PASSWORD.replace("\\", "\\\\").replace("'", "''")
        self.sql(
            f"CREATE DATABASE {name} {kind}",
            f"CREATE USER IF NOT EXISTS '{USER}'@'%' IDENTIFIED BY '{password}'",
            f"GRANT ALL ON {name}.* TO '{USER}'@'%'",
        )
        return name

    def settings(self, database: str, **changes) -> MetadataConfig:
        values = {
            "engine": "mysql",
            "host": "127.0.0.1",
            "port": self.port,
            "database": database,
            "user": USER,
            "password_env": PASSWORD_ENV,
            "wait_s": 20.0,
            "tls": MetadataTls(),
        }
        return MetadataConfig(**values | changes)

    def server(
        self, database: str | None = None, pipeline: str = "flights", **changes
    ) -> MetadataServer:
        """Returns the place of a pipeline, in a database of its own if not given."""
        settings = self.settings(database or self.new_database(), **changes)
        return MetadataServer(settings=settings, pipeline=pipeline)
