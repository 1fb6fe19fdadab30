"""The one place that turns a metadata place into MLMD's ConnectionConfig."""

from pathlib import Path
from typing import Any

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from pipeline.metadata.errors import MetadataError, MetadataRefusedError
from pipeline.metadata.place import MetadataPlace, MetadataServer

_MODES = metadata_store_pb2.SqliteMetadataSourceConfig
READ, WRITE, CREATE = _MODES.READONLY, _MODES.READWRITE, _MODES.READWRITE_OPENCREATE


def connection_config(
    place: MetadataPlace, mode: int
) -> metadata_store_pb2.ConnectionConfig:
    """Returns how MLMD is told to open a place.

    Args:
        place: The SQLite file or the server.
        mode: READ, WRITE (the file must be there) or CREATE; a server's database must
            be there in any case, and rights are its own affair.

    Raises:
        MetadataRefusedError: The server's password is not where it should be.
    """
    config = metadata_store_pb2.ConnectionConfig()
    if isinstance(place, MetadataServer):
        _fill_server(config.mysql, place)
    else:
        config.sqlite.filename_uri = str(place)
        config.sqlite.connection_mode = mode
    return config


def open_store(
    place: MetadataPlace, mode: int, *, may_upgrade: bool = False
) -> metadata_store.MetadataStore:
    """Opens a store.

    A server should have been asked by our own driver before: MLMD does not say why a
    server refuses.

    Raises:
        MetadataRefusedError: The store is of another version of ML Metadata.
        MetadataError: It is no store, or the server refuses MLMD alone.
    """
    config = connection_config(place, mode)
    try:
        return metadata_store.MetadataStore(config, may_upgrade)
    # MLMD raises bare RuntimeErrors and errors of its own.
    except Exception as error:
        raise _explained(place, error) from error


def _fill_server(config: Any, place: MetadataServer) -> None:
    settings = place.settings
    config.host = settings.host
    config.port = settings.port
    config.database = settings.database
    config.user = settings.user
    config.password = place.read_password()
    # A database that is missing is a mistake in the settings, not an order.
    config.skip_db_creation = True
    # No verify_server_cert: MLMD 1.21 then refuses every certificate. Our own driver
    # looks at it.
    for name in ("ca", "cert", "key"):
        path = getattr(settings.tls, name)
        if path is not None:
            setattr(config.ssl_options, name, path)


def _explained(place: MetadataPlace, error: Exception) -> MetadataError:
    text = str(error).split(" query:")[0].strip()
    if "is older than" in text:
        return MetadataRefusedError(
            f"{place} is of an older version of ML Metadata; run `slipway metadata "
            "upgrade`."
        )
    if "is greater than" in text:
        return MetadataRefusedError(
            f"{place} is of a newer version of ML Metadata than the one installed; "
            "install what the others use."
        )
    if isinstance(place, Path):
        return MetadataError(f"{place} cannot be read: {text}")
    return MetadataRefusedError(
        f"{place} answers, but not to ML Metadata: {text.rstrip(': ')}. Its library "
        "logs in by mysql_native_password only; give the user that plugin."
    )
