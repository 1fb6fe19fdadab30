"""`python -m pipeline.job_servers flink|spark`: make flink-jars, make spark-jars."""

import argparse
import sys
from pathlib import Path

from pipeline.job_servers.jars import FLINK, SPARK, JarError, ensure_jars


def main(arguments: list[str] | None = None) -> int:
    """Fetches an engine's jars into var/{engine} and makes its job server."""
    jar_sets = {jar_set.engine: jar_set for jar_set in (FLINK, SPARK)}
    parser = argparse.ArgumentParser(prog="python -m pipeline.job_servers")
    parser.add_argument("engine", choices=sorted(jar_sets))
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args(arguments)
    folder: Path = asked.folder or Path("var") / asked.engine
    folder.mkdir(parents=True, exist_ok=True)
    try:
        job_server = ensure_jars(jar_sets[asked.engine], folder.absolute())
    except JarError as error:
        sys.stderr.write(f"{asked.engine}: {error}\n")
        return 1
    sys.stdout.write(f"{job_server}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
