"""The `metadata` section of the configuration: where ML Metadata is kept.

A password is never in the file: it names a variable of the environment, or a file.
"""

import re
from dataclasses import dataclass, field

from pipeline.setting_checks import require, require_at_least, require_choice

SQLITE, MYSQL = "sqlite", "mysql"
_POSTGRESQL = ("postgresql", "postgres")
_MAX_PORT = 65535
# MLMD writes it into `USE {database}` as it is, and a lock is named after it.
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,55}")


@dataclass(frozen=True, kw_only=True, slots=True)
class MetadataTls:
    """How the connection to the database server is encrypted.

    Attributes:
        ca: PEM file of the authorities that may have signed the server's certificate.
            It must name the host. None: not encrypted.
        cert: PEM file of the client's own certificate, where the server asks for one.
        key: PEM file of its key.
    """

    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    def __post_init__(self) -> None:
        require(
            (self.cert is None) == (self.key is None),
            f"cert is {self.cert!r} and key is {self.key!r}; give both or neither.",
        )
        require(
            self.ca is not None or self.cert is None,
            f"cert is {self.cert!r} without ca; name the authority of the server's "
            "certificate too.",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class MetadataConfig:
    """Where ML Metadata is kept: in the work folder, or on a database server.

    Attributes:
        engine: "sqlite": `{work_dir}/metadata.sqlite`. "mysql": a MySQL or MariaDB
            server; what follows is for it alone.
        host: Its name or address; not "localhost", which MLMD takes for a socket.
        port: Its TCP port.
        database: Name of a database that exists.
        user: Who logs in.
        password_env: Variable of the environment that holds the password.
        password_file: File whose first line is the password.
        wait_s: Seconds that a run which is going on waits for a server that does not
            answer; a run that begins does not wait.
        tls: How the connection is encrypted.
    """

    engine: str = SQLITE
    host: str | None = None
    port: int = 3306
    database: str | None = None
    user: str | None = None
    password_env: str | None = None
    password_file: str | None = None
    wait_s: float = 60.0
    tls: MetadataTls = field(default_factory=MetadataTls)

    def __post_init__(self) -> None:
        require(
            self.engine not in _POSTGRESQL,
            f"engine is {self.engine!r}, whose support in ML Metadata 1.21 breaks "
            "every text that holds a backslash, as JSON does; use mysql, which is "
            "MySQL or MariaDB.",
        )
        require_choice("engine", self.engine, (SQLITE, MYSQL))
        require_at_least("wait_s", self.wait_s, 0)
        if self.engine == SQLITE:
            self._require_no_server()
        else:
            self._require_server()

    @property
    def is_server(self) -> bool:
        """Whether it is kept on a database server."""
        return self.engine != SQLITE

    def _require_no_server(self) -> None:
        for name in ("host", "database", "user", "password_env", "password_file"):
            value = getattr(self, name)
            require(
                value is None,
                f"{name} is {value!r}, but engine is {SQLITE!r}; a server needs "
                f"engine: {MYSQL}.",
            )

    def _require_server(self) -> None:
        for name in ("host", "database", "user"):
            require(
                bool(getattr(self, name)),
                f"{name} is missing; engine {self.engine!r} needs it.",
            )
        require(
            self.host != "localhost",
            "host is 'localhost', which MLMD takes for a socket of its own; write "
            "127.0.0.1.",
        )
        require(
            1 <= self.port <= _MAX_PORT,
            f"port is {self.port!r}; expected 1 to {_MAX_PORT}.",
        )
        require(
            _PLAIN_NAME.fullmatch(str(self.database)) is not None,
            f"database is {self.database!r}; expected a letter, then letters, digits "
            "and _, 56 at most.",
        )
        require(
            (self.password_env is None) != (self.password_file is None),
            f"password_env is {self.password_env!r} and password_file is "
            f"{self.password_file!r}; give one of them.",
        )
