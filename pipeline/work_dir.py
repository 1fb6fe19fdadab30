"""The work folder that a configuration names, with where its ML Metadata is."""

from pathlib import Path

from pipeline.config import PipelineConfig
from pipeline.metadata.place import MetadataServer
from pipeline.run_record import WorkDir


def work_dir_for(config: PipelineConfig) -> WorkDir:
    """Returns the folders of a pipeline; makes none of them."""
    server = None
    if config.metadata.is_server:
        server = MetadataServer(settings=config.metadata, pipeline=config.name)
    return WorkDir(Path(config.work_dir), server)
