"""ML Metadata of a pipeline: where it is, how it is opened, copied and upgraded."""
