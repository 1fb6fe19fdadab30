"""What a run makes sure of about ML Metadata before any work."""

from pipeline.metadata.errors import MetadataRefusedError
from pipeline.run_record import WorkDir


def check_metadata(work_dir: WorkDir) -> None:
    """Refuses a server that cannot be used, and a work folder that has another store.

    Folders of artifacts are named after the ids of a store: a second store would give
    the same ids again, and nodes would write into folders of old results.

    Raises:
        MetadataError: What is wrong, and what to do.
    """
    server = work_dir.server
    if server is None:
        return
    # Imported here: most pipelines keep a file.
    from pipeline.metadata.server_check import prepare_server

    prepare_server(server)
    if work_dir.metadata_path.is_file():
        raise MetadataRefusedError(
            f"{work_dir.path} holds results that {work_dir.metadata_path.name} there "
            f"knows and {server} does not. Take them along with `slipway metadata "
            "copy`, or name another work_dir."
        )
