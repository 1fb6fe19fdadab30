"""Counts and their file."""

import json
import math

import pytest

from serving.router.arm_counts import ArmCounts
from serving.router.counts_file import CountsFile, read_counts
from serving.router.errors import RouterError
from serving.router.latency_histogram import LatencyHistogram, bucket_of, upper_bound_us


def saved(folder, router_id="r1", rollout="a", requests=3):
    """A file in which the stable arm of a rollout has so many requests."""
    file = CountsFile(folder, router_id, "m")
    counts = file.of(rollout).setdefault("stable", ArmCounts())
    for _ in range(requests):
        counts.requests += 1
        counts.latency.add(1000.0)
    counts.add_error("timeout")
    file.write(file.encoded())
    return file


def test_counts_go_on_after_a_restart(tmp_path):
    saved(tmp_path)
    saved(tmp_path)
    found = read_counts(tmp_path, "a")["stable"]
    assert (found.requests, found.errors) == (6, {"timeout": 2})
    assert found.latency.counts == {bucket_of(1000.0): 6}


def test_counts_of_several_routers_are_added_up(tmp_path):
    saved(tmp_path, "r1", requests=3)
    saved(tmp_path, "r2", requests=4)
    assert read_counts(tmp_path, "a")["stable"].requests == 7
    assert read_counts(tmp_path, "b") == {}


def test_nothing_is_written_where_nothing_changed(tmp_path):
    file = saved(tmp_path)
    assert file.encoded() is None
    file.of("a")["stable"].requests += 1
    assert file.encoded() is not None


def test_a_write_that_failed_is_made_up_for(tmp_path):
    file = saved(tmp_path)
    file.of("a")["stable"].requests += 1
    file.encoded()
    file.forget_write()
    file.write(file.encoded())
    assert read_counts(tmp_path, "a")["stable"].requests == 4


def test_old_rollouts_are_forgotten_and_the_one_in_use_never(tmp_path):
    file = CountsFile(tmp_path, "r1", "m")
    for number in range(12):
        file.of("kept")
        file.of(f"rollout-{number}")
    kept = json.loads(file.encoded())["rollouts"]
    assert list(kept) == [*(f"rollout-{n}" for n in range(5, 11)), "kept", "rollout-11"]


def test_a_second_router_of_the_same_id_is_refused(tmp_path):
    first, second = (CountsFile(tmp_path, "r1", "m") for _ in range(2))
    with (
        first.locked(),
        pytest.raises(RouterError, match="another --router-id"),
        second.locked(),
    ):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "state").write_text("a file")
    file = CountsFile(tmp_path / "state", "r1", "m")
    with pytest.raises(RouterError, match="counts cannot be kept in"), file.locked():
        pass


@pytest.mark.parametrize("router_id", ["", "a/b", "..", "x" * 65])
def test_an_id_that_is_no_file_name_is_refused(tmp_path, router_id):
    with pytest.raises(RouterError, match="router id is"):
        CountsFile(tmp_path, router_id, "m")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("requests", -1, "requests is -1"),
        ("requests", 1.5, "requests is 1.5"),
        ("errors", {"odd": 1}, "errors is"),
        ("latency", {"counts": {"999": 1}, "sum_us": 0}, "bucket '999'"),
        ("latency", {}, "latency histogram"),
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong(tmp_path, field, value, message):
    saved(tmp_path)
    path = tmp_path / "counts" / "r1.json"
    document = json.loads(path.read_text())
    document["rollouts"]["a"]["stable"][field] = value
    path.write_text(json.dumps(document))
    with pytest.raises(RouterError, match=message):
        read_counts(tmp_path, "a")
    with pytest.raises(RouterError, match="Move it away"):
        CountsFile(tmp_path, "r1", "m")


def test_a_newer_format_is_refused(tmp_path):
    saved(tmp_path)
    path = tmp_path / "counts" / "r1.json"
    path.write_text(
        path.read_text().replace('"format_version": 1', '"format_version": 2')
    )
    with pytest.raises(RouterError, match="format_version is 2"):
        read_counts(tmp_path, "a")


def test_a_quantile_is_known_within_a_bucket():
    histogram = LatencyHistogram()
    for took_us in range(1, 10_001):
        histogram.add(float(took_us))
    for share in (0.5, 0.9, 0.99):
        assert share * 10_000 <= histogram.quantile_us(share) <= share * 10_000 * 1.0906
    assert math.isnan(LatencyHistogram().quantile_us(0.5))


def test_buckets_join_without_gaps():
    # 10 us * 2^(1/8) = 10.905 us is where the first bucket ends.
    assert upper_bound_us(0) == pytest.approx(10.905, abs=1e-3)
    assert [bucket_of(took) for took in (0.0, 9.9, 10.0, 10.8, 11.0)] == [0, 0, 0, 0, 1]
    assert bucket_of(20.0) == 8
    assert bucket_of(1e12) == 191
