"""Where the tests find Beam's job servers, and why they may not."""

import shutil
from pathlib import Path

import pytest

from pipeline.job_servers.jars import FLINK, JarSet, find_problem, read_lock

VAR = Path(__file__).resolve().parents[1] / "var"


def require_job_server(jar_set: JarSet = FLINK) -> Path:
    """Returns a job server's jar, or skips the test with what is missing."""
    if shutil.which("java") is None:
        pytest.skip("there is no java on PATH; the job server needs Java 11 or 17")
    folder = VAR / jar_set.engine
    problem = find_problem(folder / "jars", read_lock(jar_set))
    if problem is not None or not (folder / jar_set.job_server).exists():
        pytest.skip(f"jars are missing ({problem}); make {jar_set.engine}-jars")
    return folder / jar_set.job_server
