"""Twelve spans of real rows, and results made by hand."""

import pytest

from benchmarks.process_tree import TreeUsage
from benchmarks.speed_result import Case, Node, Result
from data.flights.source import prepare_sample

ROWS_PER_SPAN = 200


@pytest.fixture(scope="session")
def year(tmp_path_factory):
    folder = tmp_path_factory.mktemp("year")
    prepare_sample(folder, ROWS_PER_SPAN)
    return folder


@pytest.fixture(scope="session")
def make_usage():
    def make(wall_s=1.0, peak_bytes=10**9, returncode=0):
        return TreeUsage(
            returncode=returncode,
            wall_s=wall_s,
            cpu_s=1.5 * wall_s,
            peak_bytes=peak_bytes,
            num_samples=10,
            interval_s=0.1,
            num_processes=2,
        )

    return make


@pytest.fixture(scope="session")
def make_result(make_usage):
    def make(case, wall_s=1.0, peak_bytes=10**9, nodes=(), source="0" * 16):
        return Result(
            case=Case(**case),
            source=source,
            at="2026-11-21T12:00:00+00:00",
            usage=make_usage(wall_s, peak_bytes),
            nodes=[Node(node_id=n, state=s, wall_s=w) for n, s, w in nodes],
            state="pushed",
            auc=0.7183,
        )

    return make
