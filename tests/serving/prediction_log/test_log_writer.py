"""What is offered is written, once; what is not, is counted; nothing ever raises."""

import json
import threading
from datetime import UTC, datetime

import numpy as np
import pyarrow.parquet as pq
import pytest

from serving.prediction_log.log_config import LogConfig
from serving.prediction_log.log_writer import PredictionLogWriter
from serving.prediction_log.logged_request import ClientFacts, LoggedModel
from tests.serving.prediction_log.rides_log import (
    CONTRACT,
    RIDES,
    ride,
    rides,
    rows_of,
    shared,
    texts,
    written,
)


def test_a_request_is_one_row_a_row(tmp_path):
    rows = rides([12.5, np.nan], [7, np.nan], [b"UA", b""])
    facts = ClientFacts(
        event_time="2013-01-01T01:30:00+01:00", key="a%2Cb,c", variant="canary"
    )
    request = ride("r1", rows, facts=facts, answered_us=1_700_000_000_123_456)
    first, second = rows_of(written(tmp_path, [request]))
    assert first == {
        "request_id": "r1",
        "row": 0,
        "time": datetime(2023, 11, 14, 22, 13, 20, 123456, UTC),
        "event_time": datetime(2013, 1, 1, 0, 30, tzinfo=UTC),
        "model": "rides",
        "version": 1,
        "bundle_digest": "d1",
        "signature": "serving_default",
        "key": "a,b",
        "variant": "canary",
        "latency_us": 2000,
        "inputs": {"miles": 12.5, "month": 7, "carrier": "UA"},
        "outputs": {"label": "late", "probability": 0.0},
    }
    assert second["row"] == 1
    assert second["key"] == "c"
    assert second["inputs"] == {"miles": None, "month": None, "carrier": None}


def test_the_files_say_who_wrote_them_and_how(tmp_path):
    written(tmp_path, [ride()], masked=("month",), share=1.0)
    (path,) = tmp_path.rglob("*.parquet")
    metadata = pq.ParquetFile(path).metadata.metadata
    writer_id = path.name.split("-")[1]
    assert metadata[b"slipway.format_version"] == b"1"
    assert metadata[b"slipway.writer"].decode() == writer_id
    assert metadata[b"slipway.model"] == b"rides"
    assert json.loads(metadata[b"slipway.masked"]) == ["month"]
    assert metadata[b"slipway.sampled_share"] == b"1.0"
    today = datetime.now(UTC)
    assert path.parent.parent.name.startswith(f"date={today:%Y}-")


def test_of_a_shared_run_only_the_named_rows_are_logged(tmp_path):
    batch = shared(["a", "c"], [0, 3], [2, 1], rides([1, 2, 3, 4]))
    found = [
        (row["request_id"], row["row"], row["inputs"]["miles"])
        for row in rows_of(written(tmp_path, [batch]))
    ]
    assert found == [("a", 0, 1.0), ("a", 1, 2.0), ("c", 0, 4.0)]


def test_runs_of_several_shapes_keep_their_order(tmp_path):
    requests = [ride(f"r{n}", rides([n] * (1 + n % 3))) for n in range(20)]
    found = [
        (row["request_id"], row["row"], row["inputs"]["miles"])
        for row in rows_of(written(tmp_path, requests))
    ]
    assert found == [
        (f"r{n}", row, float(n)) for n in range(20) for row in range(1 + n % 3)
    ]


def test_a_full_buffer_drops_and_counts(tmp_path):
    writer = PredictionLogWriter(LogConfig(log_dir=tmp_path, buffer_rows=3))
    taken = [writer.offer(ride(f"r{n}")) for n in range(5)]
    writer.close()
    assert taken == [True, True, True, False, False]
    counts = written(tmp_path, []).dropped()[writer.writer_id]
    assert (counts["written"], counts["buffer_full"], counts["dropped"]) == (3, 2, 2)


def test_rows_that_are_being_made_columns_of_are_in_the_buffer(tmp_path, monkeypatch):
    writer = PredictionLogWriter(LogConfig(log_dir=tmp_path, rotate_rows=2))
    seen = []
    monkeypatch.setattr(
        writer._files._assembly, "add", lambda _: seen.append(writer.buffered_rows)
    )
    writer.offer(ride("a", rides([1.0, 2.0])))
    writer.close()
    assert seen[0] == 2
    assert writer.buffered_rows == 0


def test_after_the_end_nothing_is_taken(tmp_path):
    writer = PredictionLogWriter(LogConfig(log_dir=tmp_path))
    writer.close()
    assert not writer.offer(ride())
    assert writer.counters.dropped == 1


def test_every_file_holds_at_most_so_many_rows_and_a_request(tmp_path):
    batches = [ride(f"r{n}", rides([n, n])) for n in range(50)]
    log = written(tmp_path, batches, rotate_rows=10)
    sizes = [
        pq.ParquetFile(path).metadata.num_rows for path in log.folder.rglob("*.parquet")
    ]
    assert sum(sizes) == 100
    assert max(sizes) >= 10


def test_a_file_is_closed_after_its_seconds(tmp_path, eventually):
    writer = PredictionLogWriter(LogConfig(log_dir=tmp_path, rotate_s=0.05))
    writer.offer(ride())
    eventually(lambda: list(tmp_path.rglob("*.parquet")))
    eventually(lambda: writer.buffered_rows == 0)
    writer.close()
    assert len(list(tmp_path.rglob("*.parquet"))) == 1


def test_rows_come_one_by_one_from_several_threads(tmp_path):
    writer = PredictionLogWriter(LogConfig(log_dir=tmp_path, rotate_rows=500))

    def offer(number):
        for place in range(500):
            writer.offer(ride(f"{number}-{place}"))

    threads = [threading.Thread(target=offer, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    ids = written(tmp_path, []).read(columns=["request_id"])["request_id"].to_pylist()
    assert len(ids) == len(set(ids)) == 2000


def test_an_unreadable_request_is_dropped_alone(tmp_path):
    bad = rides([1.0])
    bad[0]["carrier"] = texts(5)
    requests = [ride("a"), ride("b", bad), ride("c")]
    log = written(tmp_path, requests)
    assert [row["request_id"] for row in rows_of(log)] == ["a", "c"]
    (counts,) = log.dropped().values()
    assert counts["unreadable"] == 1


def test_rows_may_be_read_later(tmp_path):
    def fail():
        raise ValueError("no JSON")

    good = ride("a", lambda: rides([3.0]), num_rows=1)
    bad = ride("b", fail, num_rows=1)
    log = written(tmp_path, [good, bad])
    assert [row["inputs"]["miles"] for row in rows_of(log)] == [3.0]
    (counts,) = log.dropped().values()
    assert counts["unreadable"] == 1


def test_fewer_rows_than_said_are_no_rows(tmp_path):
    log = written(tmp_path, [ride("a", rides([1.0]), num_rows=2), ride("b")])
    assert [row["request_id"] for row in rows_of(log)] == ["b"]
    (counts,) = log.dropped().values()
    assert counts["unreadable"] == 2


def test_a_share_is_the_same_for_every_writer(tmp_path):
    requests = [ride(f"r{n}") for n in range(1000)]
    samples = [
        {
            row["request_id"]
            for row in rows_of(written(tmp_path / name, requests, share=share))
        }
        for name, share in (("a", 0.3), ("b", 0.3), ("c", 0.6))
    ]
    assert samples[0] == samples[1] < samples[2]
    assert 250 < len(samples[0]) < 350
    (counts,) = written(tmp_path / "a", []).dropped().values()
    assert counts["left_out"] == 1000 - len(samples[0])


def test_masked_names_are_nowhere(tmp_path):
    rows = rides([12.5], carrier=[b"SECRETCARRIER"])
    rows[1]["label"] = texts(b"SECRETLABEL")
    log = written(tmp_path, [ride("a", rows)], masked=("carrier", "label"))
    (path,) = tmp_path.rglob("*.parquet")
    assert b"SECRET" not in path.read_bytes()
    (row,) = rows_of(log)
    assert row["inputs"] == {"miles": 12.5, "month": 7}
    assert row["outputs"] == {"probability": 0.0}


def test_everything_masked_leaves_the_facts(tmp_path):
    masked = ("miles", "month", "carrier", "label", "probability")
    (row,) = rows_of(written(tmp_path, [ride("a")], masked=masked))
    assert row["request_id"] == "a"
    assert "inputs" not in row
    assert "outputs" not in row


def test_text_that_is_no_utf8_is_written_with_its_bytes_spelled_out(tmp_path):
    rows = rides([1, 2, 3, 4], carrier=[b"\xff\x00", "é".encode(), b"\\xff\x00", b"UA"])
    log = written(tmp_path, [ride("a", rows)])
    carriers = [row["inputs"]["carrier"] for row in rows_of(log)]
    assert carriers == ["\\xff\x00", "é", "\\xff\x00", "UA"]
    (counts,) = log.dropped().values()
    assert counts["replaced_texts"] == 1


def test_a_fraction_in_a_whole_feature_is_cut_as_the_graph_does(tmp_path):
    rows = rides([1, 2, 3], month=[2.9, -2.9, np.inf])
    months = [
        row["inputs"]["month"] for row in rows_of(written(tmp_path, [ride("a", rows)]))
    ]
    assert months == [2, -2, None]


def test_without_a_contract_the_arrays_give_the_types(tmp_path):
    model = LoggedModel(name="rides", version=3)
    inputs = {"x": np.array([[1, 2], [3, 4]], np.int16), "ok": np.array([True, False])}
    outputs = {
        "scores": np.array([[0.5], [np.nan]]),
        "classes": np.array([[b"a"], [b"b"]], object),
    }
    request = ride("a", (inputs, outputs), model=model, num_rows=2)
    first, second = rows_of(written(tmp_path, [request]))
    assert first["inputs"] == {"x": [1, 2], "ok": True}
    assert second["outputs"] == {"scores": [None], "classes": ["b"]}
    assert first["bundle_digest"] == ""


def test_versions_of_other_features_lie_in_files_of_their_own(tmp_path):
    other = LoggedModel(name="rides", version=2)
    inputs, outputs = rides([5.0])
    inputs = {**inputs, "wind": np.array([3.0], np.float32)}
    log = written(tmp_path, [ride("a"), ride("b", (inputs, outputs), model=other)])
    assert len(list(log.folder.rglob("*.parquet"))) == 2
    found = {row["request_id"]: row["inputs"] for row in rows_of(log)}
    assert found["a"]["wind"] is None
    assert found["b"]["wind"] == 3.0


def test_tf_examples_are_read_into_features(tmp_path):
    from serving.server.rest.example_wire import (
        bytes_feature,
        example,
        float_feature,
        int64_feature,
    )

    serialized = [
        example(
            [
                ("miles", float_feature([1.5])),
                ("month", int64_feature([3])),
                ("carrier", bytes_feature([b"B6"])),
                ("other", bytes_feature([b"x"])),
            ]
        ),
        example([("month", int64_feature([2**60 + 1]))]),
    ]
    _, outputs = rides([0, 0])
    rows = ({"examples": texts(*serialized)}, outputs)
    request = ride("a", rows, num_rows=2, signature="serving_examples")
    first, second = rows_of(written(tmp_path, [request]))
    assert first["inputs"] == {"miles": 1.5, "month": 3, "carrier": "B6"}
    assert second["inputs"] == {"miles": None, "month": 2**60 + 1, "carrier": None}
    assert first["signature"] == "serving_examples"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2013-01-01", datetime(2013, 1, 1, tzinfo=UTC)),
        ("2013-01-01T10:00:00Z", datetime(2013, 1, 1, 10, tzinfo=UTC)),
        ("yesterday", None),
        ("0001-01-01T00:00:00+10:00", None),
    ],
)
def test_event_times(tmp_path, text, expected):
    request = ride("a", facts=ClientFacts(event_time=text))
    assert rows_of(written(tmp_path, [request]))[0]["event_time"] == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("a,b", ["a", "b"]),
        ("a", [None, None]),
        ("a,", ["a", None]),
        ("%C3%A9,b", ["é", "b"]),
    ],
)
def test_keys_are_one_a_row_or_none(tmp_path, key, expected):
    request = ride("a", rides([1, 2]), facts=ClientFacts(key=key))
    assert [row["key"] for row in rows_of(written(tmp_path, [request]))] == expected


def _transform_of(seen):
    def transform(examples):
        seen.extend(examples)
        rows = len(examples)
        return {
            "carrier_xf": np.arange(rows),
            "miles_xf": np.ones(rows, np.float32),
            "miles_x_month_xf": np.ones(rows, np.float32),
        }

    return transform


def test_transformed_features_of_a_share_of_the_requests(tmp_path):
    seen = []
    model = LoggedModel(
        name="rides", version=1, contract=CONTRACT, transform=_transform_of(seen)
    )
    requests = [ride(f"r{n}", rides([n, n]), model=model) for n in range(400)]
    found = rows_of(written(tmp_path, requests, transformed_share=0.25))
    made = {row["request_id"] for row in found if row["transformed"] is not None}
    assert 60 < len(made) < 140
    assert len(seen) == 2 * len(made)
    for row in found:
        assert (row["transformed"] is not None) == (row["request_id"] in made)


def test_a_masked_feature_reaches_no_transformed_one(tmp_path):
    seen = []
    model = LoggedModel(
        name="rides", version=1, contract=CONTRACT, transform=_transform_of(seen)
    )
    log = written(
        tmp_path,
        [ride("a", rides([77.0], carrier=[b"SECRET"]), model=model)],
        transformed_share=1.0,
        masked=("carrier",),
    )
    (row,) = rows_of(log)
    assert row["transformed"] == {"miles_x_month_xf": 1.0, "miles_xf": 1.0}
    assert b"miles" in seen[0]
    assert b"SECRET" not in seen[0]


def test_a_failing_transform_costs_nothing_but_itself(tmp_path):
    def fail(_):
        raise RuntimeError("no graph")

    model = LoggedModel(name="rides", version=1, contract=CONTRACT, transform=fail)
    (row,) = rows_of(written(tmp_path, [ride("a", model=model)], transformed_share=1.0))
    assert row["transformed"] is None
    assert row["inputs"]["miles"] == 12.5


def test_who_listens_hears_of_every_row(tmp_path):
    heard = []
    writer = PredictionLogWriter(
        LogConfig(log_dir=tmp_path, buffer_rows=2), lambda *facts: heard.append(facts)
    )
    for n in range(3):
        writer.offer(ride(f"r{n}", model=RIDES))
    writer.close()
    assert ("rides", "buffer_full", 1) in heard
    assert ("rides", "written", 2) in heard
