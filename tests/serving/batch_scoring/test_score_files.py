"""Scores are what the model's signature says, whatever the files are."""

import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from serving.batch_scoring import input_batch
from serving.batch_scoring.errors import ScoringUsageError
from serving.batch_scoring.score_files import ScoreRequest, score_files
from serving.bundle.contract import read_contract
from serving.session_model import NAMED_SIGNATURE, SessionModel
from tests.serving.batch_scoring.ride_files import (
    digests,
    make_rides,
    read_scores,
    score,
    write_csv,
    write_parquet,
    write_tfrecord,
)

RIDES = make_rides(300)


@pytest.fixture(scope="module")
def parquet_scores(built_tiny_bundle, tmp_path_factory):
    """300 rides in three row groups, with the note kept: folder and summary."""
    folder = tmp_path_factory.mktemp("scored")
    path = write_parquet(folder / "rides.parquet", RIDES, row_group_size=100)
    output = folder / "scores"
    return output, score(built_tiny_bundle, path, output, keep=("note",))


def test_outputs_equal_the_signature(built_tiny_bundle, parquet_scores):
    model = SessionModel(str(built_tiny_bundle))
    scores = read_scores(parquet_scores[0])
    assert scores.num_rows == len(RIDES)
    for ride, found in zip(RIDES, scores.to_pylist(), strict=True):
        answer = model.call(
            NAMED_SIGNATURE,
            {
                "miles": np.array([_number(ride["miles"])], np.float32),
                "month": np.array([_number(ride["month"])], np.float32),
                "carrier": np.array([(ride["carrier"] or "").encode()], object),
            },
        )
        assert found["probability"] == pytest.approx(answer["probability"][0], abs=1e-6)
        assert found["label"] == answer["label"][0].decode()
        assert ("on_time", "late")[found["prediction"]] == found["label"]
    model.close()


def _number(value):
    return math.nan if value is None else value


def test_columns_keys_and_identity(built_tiny_bundle, parquet_scores):
    scores = read_scores(parquet_scores[0])
    assert scores.schema.names == [
        "ride_id",
        "note",
        "prediction",
        "probability",
        "label",
        "model_version",
        "bundle_digest",
    ]
    assert scores["ride_id"].to_pylist() == [ride["ride_id"] for ride in RIDES]
    assert scores["note"].to_pylist() == [ride["note"] for ride in RIDES]
    assert set(scores["model_version"].to_pylist()) == {1}
    digest = read_contract(built_tiny_bundle).digest
    assert set(scores["bundle_digest"].to_pylist()) == {digest}


@pytest.mark.parametrize("kind", ["csv", "tfrecord", "tfrecord.gz"])
def test_every_format_gives_the_same(built_tiny_bundle, parquet_scores, tmp_path, kind):
    write = write_csv if kind == "csv" else write_tfrecord
    path = write(tmp_path / f"rides.{kind}", RIDES)
    score(built_tiny_bundle, path, tmp_path / "scores", keep=("note",))
    assert read_scores(tmp_path / "scores").equals(read_scores(parquet_scores[0]))


def test_output_as_csv(built_tiny_bundle, parquet_scores, tmp_path):
    path = write_parquet(tmp_path / "rides.parquet", RIDES[:20])
    score(built_tiny_bundle, path, tmp_path / "scores", output_format="csv")
    lines = (tmp_path / "scores" / "part-00000.csv").read_text().splitlines()
    assert lines[0] == (
        '"ride_id","prediction","probability","label","model_version","bundle_digest"'
    )
    expected = read_scores(parquet_scores[0]).slice(0, 20)
    assert [float(line.split(",")[2]) for line in lines[1:]] == pytest.approx(
        expected["probability"].to_pylist(), abs=1e-7
    )
    assert lines[1].startswith('"00000",')


def test_summary_by_hand(built_tiny_bundle, tmp_path):
    rides = [
        {"ride_id": "a", "miles": 10.0, "month": 1, "carrier": "UA", "note": ""},
        {"ride_id": "b", "miles": None, "month": 2, "carrier": "ZZ", "note": ""},
        {"ride_id": "c", "miles": 30.0, "month": 3, "carrier": None, "note": ""},
        {"ride_id": "d", "miles": 40.0, "month": None, "carrier": "DL", "note": ""},
    ]
    first = write_parquet(tmp_path / "1.parquet", rides[:3])
    second = write_csv(tmp_path / "2.csv", rides[3:])
    output = tmp_path / "scores"
    summary = score(built_tiny_bundle, [first, second], output)
    labels = read_scores(output)["label"].to_pylist()

    assert (summary["format"], summary["format_version"]) == (
        "slipway-score-summary",
        1,
    )
    assert summary["bundle"]["name"] == "rides"
    assert (summary["num_rows"], summary["num_scored"]) == (4, 4)
    assert (summary["num_quarantined"], summary["quarantined"]) == (0, {})
    assert summary["labels"] == {
        "on_time": labels.count("on_time"),
        "late": labels.count("late"),
    }
    features = {feature["name"]: feature for feature in summary["features"]}
    assert features["miles"] == {
        "name": "miles",
        "missing_fraction": 0.25,
        "training_missing_fraction": 0.05,
        "unknown_fraction": None,
        "num_unknown": None,
        "unknown_examples": None,
    }
    assert features["carrier"] == {
        "name": "carrier",
        "missing_fraction": 0.25,
        "training_missing_fraction": 0.04,
        "unknown_fraction": 0.333333,
        "num_unknown": 1,
        "unknown_examples": {"ZZ": 1},
    }
    assert [part["num_rows"] for part in summary["parts"]] == [3, 1]
    assert summary["num_resumed_parts"] == 0
    assert summary == json.loads((output / "summary.json").read_text())
    assert (output / "_SUCCESS").read_bytes() == b""


def test_a_file_without_rows_makes_an_empty_part(built_tiny_bundle, tmp_path):
    write_csv(tmp_path / "1.csv", [])
    write_parquet(tmp_path / "2.parquet", [])
    write_parquet(tmp_path / "3.parquet", RIDES[:5])
    output = tmp_path / "scores"
    paths = [tmp_path / name for name in ("1.csv", "2.parquet", "3.parquet")]
    score(built_tiny_bundle, paths, output)
    rows = [pq.read_table(path).num_rows for path in sorted(output.glob("part-*"))]
    assert rows == [0, 0, 5]


def test_a_part_of_several_batches_keeps_its_rows(built_tiny_bundle, tmp_path):
    rides = make_rides(20_000)
    path = write_csv(tmp_path / "rides.csv", rides)
    assert len(rides) > 2 * input_batch.BATCH_ROWS
    score(built_tiny_bundle, path, tmp_path / "scores")
    found = read_scores(tmp_path / "scores")
    assert found["ride_id"].to_pylist() == [ride["ride_id"] for ride in rides]


def test_numbers_may_be_keys_and_dictionaries_are_texts(built_tiny_bundle, tmp_path):
    table = pa.table(
        {
            "number": pa.array([7, 8, 9]),
            "miles": pa.array([1.5, None, 3.0], pa.float64()),
            "month": pa.array([1.0, 2.0, None]),
            "carrier": pa.array(["UA", None, "B6"]).dictionary_encode(),
            "when": pa.array([0, 1, None], pa.timestamp("ms")),
        }
    )
    pq.write_table(table, tmp_path / "rides.pq")
    output = tmp_path / "scores"
    score(
        built_tiny_bundle, tmp_path / "rides.pq", output, key="number", keep=("when",)
    )
    found = read_scores(output)
    assert found["number"].to_pylist() == [7, 8, 9]
    assert found.schema.field("when").type == pa.timestamp("ms")


def test_beam_takes_another_engine(built_tiny_bundle, parquet_scores, tmp_path):
    path = write_parquet(tmp_path / "rides.parquet", RIDES, row_group_size=100)
    arguments = (
        "--runner=apache_beam.runners.direct.direct_runner.BundleBasedDirectRunner",
    )
    output = tmp_path / "scores"
    score(built_tiny_bundle, path, output, keep=("note",), beam_args=arguments)
    assert read_scores(output).equals(read_scores(parquet_scores[0]))


def test_everything_beam_ships_can_be_pickled(built_tiny_bundle, tmp_path, monkeypatch):
    """A worker of another process gets the job by pickle; it must stay small."""
    import pickle

    from serving.batch_scoring import beam_job

    seen = []
    monkeypatch.setattr(
        beam_job, "score_parts", lambda job, parts, _: seen.append((job, parts))
    )
    path = write_parquet(tmp_path / "rides.parquet", RIDES)
    request = ScoreRequest(
        bundle=built_tiny_bundle, inputs=(str(path),), output=tmp_path / "scores"
    )
    with pytest.raises(RuntimeError, match="the engine ended without part-00000"):
        score_files(request)
    text = pickle.dumps(seen[0])
    assert pickle.loads(text) == seen[0]  # noqa: S301 - our own
    assert len(text) < 10_000


def test_folders_globs_and_what_is_ignored(built_tiny_bundle, tmp_path):
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    write_parquet(folder / "b.parquet", RIDES[:2])
    write_csv(folder / "deep" / "a.csv", RIDES[2:5])
    (folder / "manifest.json").write_text("{}")
    (folder / "_SUCCESS").write_text("")
    summary = score(built_tiny_bundle, folder, tmp_path / "1")
    assert summary["num_rows"] == 5
    assert summary["ignored_files"] == [str(folder / "manifest.json")]
    summary = score(built_tiny_bundle, f"{folder}/**/*.csv", tmp_path / "2")
    assert summary["num_rows"] == 3


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (["no.csv"], "there is no such file, and nothing matches it as a glob"),
        (["x.txt"], "x.txt: its name does not say what it holds"),
        (["rides.csv", "rides.csv"], "rides.csv is named twice; its rows would be"),
        (["empty"], "there is no file of rows; expected"),
    ],
)
def test_paths_that_lead_nowhere(built_tiny_bundle, tmp_path, inputs, message):
    write_csv(tmp_path / "rides.csv", RIDES[:2])
    (tmp_path / "x.txt").write_text("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ScoringUsageError, match=message) as caught:
        score(built_tiny_bundle, [tmp_path / name for name in inputs], tmp_path / "out")
    assert caught.value.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_parts_are_cut_between_row_groups(parquet_scores, tmp_path):
    from serving.batch_scoring.parquet_files import slice_file

    path = write_parquet(tmp_path / "rides.parquet", RIDES, row_group_size=100)
    slices = slice_file(path, slice_rows=150)
    assert [
        (part.start, part.end, part.first_row, part.num_rows) for part in slices
    ] == [
        (0, 2, 1, 200),
        (2, 3, 201, 100),
    ]
    assert list(digests(parquet_scores[0])) == ["part-00000.parquet"]
