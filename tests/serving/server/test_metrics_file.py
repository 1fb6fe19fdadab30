"""Counts of several workers, added up from their files."""

import re

import pytest

from serving.server.metrics import ServerMetrics
from serving.server.metrics_file import MetricsFile


def count(page, name="request_count"):
    (found,) = re.findall(rf"^:tensorflow:serving:{name}{{.*}} (\S+)$", page, re.M)
    return float(found)


class Worker:
    """What one worker counts, and its file."""

    def __init__(self, folder, number):
        self.metrics = ServerMetrics()
        self.file = MetricsFile(folder / f"{number}.json", self.metrics)

    def answer(self, times, took_s=0.001):
        for _ in range(times):
            self.metrics.on_request("m", "Predict", "REST", "OK", took_s)

    def page(self):
        return self.file.page().decode()


@pytest.fixture
def workers(tmp_path):
    return Worker(tmp_path, 0), Worker(tmp_path, 1)


def test_page_shows_what_all_workers_counted(workers):
    first, second = workers
    first.answer(3, took_s=0.000_015)
    first.file.write()
    second.answer(2, took_s=0.000_005)
    page = second.page()
    assert count(page) == 5
    # Bounds are 10, 18, … µs: two of 5 µs, then three of 15 µs.
    buckets = re.findall(r"request_latency_bucket{.*} (\S+)$", page, re.M)
    assert buckets == ["2"] + ["5"] * 33
    assert count(page, "request_latency_count") == 5
    assert count(page, "request_latency_sum") == pytest.approx(3 * 15 + 2 * 5)


def test_page_is_that_of_one_server_that_counted_everything(tmp_path, workers):
    alone = Worker(tmp_path / "nowhere", 0)
    for number, worker in enumerate((*workers, alone, alone)):
        model, status = f'm"{number % 2}', ("OK", "INTERNAL")[number % 2]
        worker.metrics.on_request(model, "Predict", "GRPC", status, 0.25)
        worker.metrics.on_run("m", "Predict", 0.5)
        worker.metrics.on_batch("m", 3, 0.125)
        worker.metrics.on_warmup("/m/1", "OK", 1.0)
        worker.metrics.on_examples("m", 7)
        if worker is not alone:
            worker.file.write()
    for worker in workers:
        assert worker.page() == alone.metrics.exposition()


def test_pages_show_live_counts_and_write_them_again_without_doubling(workers):
    first, second = workers
    for expected in (4, 8, 12):
        first.answer(4)
        assert count(first.page()) == expected
        assert count(second.page()) == expected


def test_counts_of_a_worker_that_was_killed_after_its_page_are_kept(tmp_path, workers):
    first, second = workers
    first.answer(5)
    assert count(first.page()) == 5
    del first
    assert count(second.page()) == 5
    successor = Worker(tmp_path, 0)
    assert count(successor.page()) == 5
    successor.answer(1)
    assert [count(worker.page()) for worker in (successor, second)] == [6, 6]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.json", "1.json"]


def test_file_that_cannot_be_written_is_said_once(tmp_path, caplog):
    worker = Worker(tmp_path / "gone", 0)
    worker.answer(2)
    assert count(worker.page()) == count(worker.page()) == 2
    (record,) = caplog.records
    assert "0.json cannot be written: No such file or directory" in record.message
