"""What the long run says of its figures; the run itself is `make soak`."""

import pytest

from benchmarks.process_usage import ProcessUsage
from benchmarks.soak import newest_bundle
from benchmarks.soak_report import HEADINGS, Slice, line, swap_latency, verdict


def found(rss_mib, *, failed=0, num_files=20, swap="", p99_ms=40.0):
    return Slice(
        total_requests=1_000,
        rest_per_s=5_000.0,
        grpc_per_s=500.0,
        failed=failed,
        p50_ms=20.0,
        p99_ms=p99_ms,
        swap=swap,
        usage=ProcessUsage(rss_mib=rss_mib, num_files=num_files, num_threads=26),
    )


@pytest.mark.parametrize(
    ("slices", "is_well", "words"),
    [
        ([found(100), found(200), found(209)], True, "209 MiB, is +4.5% against"),
        ([found(100), found(200), found(211)], False, "MEMORY GREW"),
        ([found(100), found(200), found(150)], True, "Memory flat"),
        ([found(100, failed=1), found(200), found(200)], False, "1 requests failed"),
        ([found(9), found(200), found(200, num_files=25)], False, "DESCRIPTORS GREW"),
    ],
)
def test_verdict_compares_the_last_slice_with_the_warm_one(slices, is_well, words):
    judged, text = verdict(slices, warmup_slices=2)
    assert judged is is_well
    assert words in text


def test_swaps_are_told_apart_from_the_rest():
    slices = [found(1), found(1, swap="1 -> 2 1.0 s", p99_ms=90.0), found(1)]
    assert swap_latency(slices) == (
        "Worst slice with a swap: p50 20.0 ms, p99 90.0 ms; "
        "without: p50 20.0 ms, p99 40.0 ms; 1 swaps."
    )


def test_a_slice_has_a_cell_for_each_heading():
    assert line(3, found(512.4)).split() == [
        "3", "1,000", "5,000", "500", "0", "20.0", "40.0", "-", "512", "20", "26",
    ]  # fmt: skip
    assert len(HEADINGS) == 11


def test_missing_model_is_said_with_its_remedy(tmp_path):
    (tmp_path / "ledger.jsonl").touch()
    (tmp_path / "latest").mkdir()
    with pytest.raises(SystemExit, match=r"no version of a model\. Run `make demo`"):
        newest_bundle(tmp_path)
    (tmp_path / "9").mkdir()
    (tmp_path / "10").mkdir()
    assert newest_bundle(tmp_path).name == "10"
