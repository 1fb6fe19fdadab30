"""Where a pipeline's ML Metadata is: a SQLite file, or its part of a database server.

Light: nodes' processes are handed a place, and open what it names themselves. It holds
no password, only where the password is.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.metadata.errors import MetadataRefusedError
from pipeline.metadata_config import MetadataConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class MetadataServer:
    """One pipeline's part of a database server, which other pipelines may share.

    Attributes:
        settings: The configuration's `metadata` section; its engine is a server's.
        pipeline: The pipeline's name.
    """

    settings: MetadataConfig
    pipeline: str

    def __str__(self) -> str:
        """Returns the place in words, for messages: no password in it."""
        found = self.settings
        return (
            f"{found.engine}://{found.user}@{found.host}:{found.port}/{found.database}"
        )

    def read_password(self) -> str:
        """Returns the password, from where the configuration says that it is.

        Raises:
            MetadataRefusedError: It is not there, or empty.
        """
        name, path = self.settings.password_env, self.settings.password_file
        if name is not None:
            password = os.environ.get(name, "")
            where = f"metadata.password_env names {name}, which the environment"
        else:
            password = _first_line(Path(str(path)))
            where = f"metadata.password_file names {path}, which"
        if not password:
            raise MetadataRefusedError(f"{where} does not hold; expected the password.")
        return password


type MetadataPlace = Path | MetadataServer
"""A Path is a SQLite file, all of which is the pipeline's."""


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except OSError as error:
        raise MetadataRefusedError(
            f"metadata.password_file names {path}, which cannot be read: "
            f"{error.strerror}."
        ) from error
    except UnicodeDecodeError as error:
        raise MetadataRefusedError(
            f"metadata.password_file names {path}, which is not UTF-8."
        ) from error
