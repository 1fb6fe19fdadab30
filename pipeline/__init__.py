"""The wiring: configuration, the DAG in stages, the local runner, the command line."""
