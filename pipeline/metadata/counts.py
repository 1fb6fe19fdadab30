"""What a store holds, in numbers; without ML Metadata's library."""

from pipeline.metadata.driver import connected
from pipeline.metadata.place import MetadataPlace, MetadataServer
from pipeline.metadata.tables import NODE_TABLES, count_rows, read_file


def count_nodes(place: MetadataPlace) -> dict[str, int]:
    """Returns how many artifacts, executions, contexts and events there are.

    On a server: of all pipelines together.

    Raises:
        MetadataError: There is no such store, or its server does not answer.
    """
    if isinstance(place, MetadataServer):
        with connected(place) as connection, connection.cursor() as cursor:
            return {_plural(table): count_rows(cursor, table) for table in NODE_TABLES}
    with read_file(place) as store:
        cursor = store.cursor()
        return {_plural(table): count_rows(cursor, table) for table in NODE_TABLES}


def _plural(table: str) -> str:
    return f"{table.lower()}s"
