"""The whole DAG on real rows: first run, unchanged, new span, refusals, rollback.

The tests build on each other in the order they stand in, as a person's days do; each
starts from what the one before left in the project's folder.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from components.columnar_examples.batch_source import read_batches
from components.columnar_examples.split_files import list_split_files
from data.flights.source import prepare_sample
from data.spans import SpanCorruptError, write_span
from serving.session_model import SessionModel
from serving.versions.ledger import read_ledger
from tests.e2e.project import (
    ENVIRONMENT,
    ROOT,
    ROWS_PER_SPAN,
    SLIPWAY,
    SPLIT,
    USE_CASE,
    Project,
)

pytestmark = pytest.mark.e2e
THREE_SPANS = ("data.spans.last", 3)


def test_first_run_pushes_a_model_and_says_so(project, first_run):
    assert first_run.returncode == 0, first_run.stdout
    assert project.versions() == ["1"]
    assert set(project.states().values()) == {"done"}
    counts = project.last_run().node("example_gen").output("examples").properties
    labels = pa.concat_tables(
        pq.read_table(path, columns=["is_late"])
        for path in sorted(project.spans.glob("*/*.parquet"))
    )["is_late"]
    assert counts["rows"] == 3 * ROWS_PER_SPAN
    assert counts["unlabelled"] == labels.null_count
    assert counts["train_rows"] + counts["eval_rows"] == len(labels) - labels.null_count
    for said in ("PUSHED", f"{project.models}/1", "auc", "Hanley-McNeil", "serve "):
        assert said in first_run.stdout
    assert project.why("trainer") == (
        "trainer ran because no earlier result of it is kept."
    )


def test_evaluated_rows_are_later_than_every_row_trained_on(project):
    uri = project.last_run().node("example_gen").output("examples").uri
    counts = json.loads((Path(uri) / "row_counts.json").read_text())
    assert counts["train_last_s"] < counts["eval_first_s"]


def test_transformed_rows_are_what_the_pushed_model_computes(project):
    """Parity of Beam's output and the SavedModel's transform_features, row by row.

    Indices are equal; floats differ by rounding, since one graph multiplies and adds in
    one step where the other takes two.
    """
    run = project.last_run()
    raw = list_split_files(run.node("example_gen").output("examples").uri, "eval")
    uri = run.node("transform").output("transformed_examples").uri
    (batch,) = pa.Table.from_batches(
        batch for path in list_split_files(uri, "eval") for batch in read_batches(path)
    ).to_batches(max_chunksize=10**6)
    by_beam = {
        name: np.asarray(batch.column(name).flatten()) for name in batch.schema.names
    }
    label = by_beam.pop("is_late_xf")

    model = SessionModel(str(project.models / "1"))
    examples = [
        row
        for path in raw
        for row in tf.data.TFRecordDataset(
            path, compression_type="GZIP"
        ).as_numpy_iterator()
    ]
    by_model = model.call(
        "transform_features", {"examples": np.array(examples, dtype=object)}
    )

    assert set(by_model) == set(by_beam)
    assert len(examples) == len(label)
    for name, values in by_model.items():
        if values.dtype.kind == "f":
            np.testing.assert_allclose(values, by_beam[name], rtol=0, atol=1e-6)
        else:
            np.testing.assert_array_equal(values, by_beam[name])


LIGHT = """
import json, sys
from tests.e2e.project import Project
from pathlib import Path
done = Project(Path(sys.argv[1])).run(("data.split", {"by": "time", "eval_spans": 1}))
heavy = {"tensorflow", "tfx.orchestration", "apache_beam", "pandas"} & set(sys.modules)
print(json.dumps([done.returncode, done.stdout, sorted(heavy)]))
"""


def test_unchanged_run_answers_everything_from_the_cache_and_imports_nothing(project):
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, str(project.folder)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=ENVIRONMENT,
        check=True,
    )
    returncode, output, heavy = json.loads(done.stdout)

    assert returncode == 0
    assert "UNCHANGED" in output
    assert "version 1 is this model already" in output
    assert project.versions() == ["1"]
    states = project.states()
    assert states.pop("baseline_resolver") == "done"
    assert set(states.values()) == {"cached"}
    assert heavy == []
    assert not project.work_dir.log_path(project.last_run().run_id, "start").exists()
    assert project.why("trainer").startswith(
        "trainer did not run: inputs, parameters, sources and libraries are those of "
    )
    assert project.why("pusher") == (
        "pusher did not run: version 1 is this model already."
    )
    assert "no blessed model came before this one" in project.why("baseline_resolver")


def test_unreachable_threshold_pushes_nothing_and_exits_4(project):
    unreachable = ("evaluation.thresholds", [{"metric": "auc", "min": 0.999}])
    done = project.run(SPLIT, unreachable)

    assert done.returncode == 4
    assert "NOT BLESSED" in done.stdout
    assert "auc on all rows is 0." in done.stdout
    assert "below 0.9990" in done.stdout
    assert project.versions() == ["1"]
    assert project.states()["trainer"] == "cached"
    assert "changed from 0.5 to 0.999" in project.why("quality_gate")


def test_new_span_is_judged_against_the_model_before(project):
    prepare_sample(project.spans, ROWS_PER_SPAN, [4])
    done = project.run(SPLIT)

    assert done.returncode == 0, done.stdout
    assert project.versions() == ["1", "2"]
    blessing = project.last_run().node("quality_gate").output("blessing")
    assert "baseline_model_id" in blessing.properties
    verdict = json.loads((Path(blessing.uri) / "verdict.json").read_text())
    assert verdict["baseline"][0]["slice"] == "all rows"
    assert any(check["baseline"] is not None for check in verdict["checks"])
    run = project.last_run().node("example_gen")
    assert any("is new: 4" in text for text in (run.why, *run.details))


def test_unchanged_run_with_a_baseline_is_cached_too(project):
    done = project.run(SPLIT)

    assert "UNCHANGED" in done.stdout
    assert project.states()["evaluator"] == "cached"


def test_model_that_was_rolled_back_is_not_pushed_by_the_same_run_again(project):
    rolled = subprocess.run(
        [
            *SLIPWAY,
            *("rollback", "--model-base-path", str(project.models.parent)),
            *("--model", "flights", "--reason", "the span was wrong"),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=ENVIRONMENT,
        check=False,
    )
    assert rolled.returncode == 0, rolled.stderr
    assert project.versions() == ["1"]

    again = project.run(SPLIT)

    assert again.returncode == 0
    assert "version 2 is this model already, and it is held back" in again.stdout
    assert project.versions() == ["1"]
    entries = read_ledger(project.models).entries
    assert [(entry.action, entry.to_version) for entry in entries] == [
        ("push", 1),
        ("push", 2),
        ("rollback", 1),
    ]
    assert entries[-1].reason == "the span was wrong"


def test_planted_anomaly_stops_the_run_before_any_training(untouched, tmp_path):
    planted = Project(tmp_path)
    shutil.copytree(untouched.spans, planted.spans)
    table = pq.read_table(next((planted.spans / "span-3").glob("*.parquet")))
    is_united = pc.equal(table["carrier"], "UA")
    carrier = pc.if_else(is_united, "ZZ", table["carrier"])
    index = table.schema.get_field_index("carrier")
    shutil.rmtree(planted.spans / "span-3")
    write_span(
        planted.spans,
        3,
        table.set_column(index, "carrier", carrier),
        event_time="event_time",
        source="planted",
    )
    done = planted.run(THREE_SPANS)

    assert done.returncode == 3
    assert "carrier" in done.stdout
    assert "'ZZ'" in done.stdout
    assert planted.states()["anomaly_gate"] == "failed"
    assert planted.states()["transform"] == "not run"
    assert planted.versions() == []


def test_span_that_changed_since_it_was_written_stops_the_run(untouched, tmp_path):
    damaged = Project(tmp_path)
    shutil.copytree(untouched.spans, damaged.spans)
    path = next((damaged.spans / "span-2").glob("*.parquet"))
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)

    with pytest.raises(SpanCorruptError, match=r"does not match its manifest"):
        damaged.run(THREE_SPANS)
    assert damaged.last_run().exit_code == 3
    assert damaged.last_run().nodes == []


def test_model_that_the_cpp_loader_cannot_run_is_not_pushed(project, monkeypatch):
    monkeypatch.syspath_prepend(USE_CASE)
    versions = project.versions()
    done = project.run(
        SPLIT, ("train.run_fn", "broken_export.run_fn"), ("train.max_epochs", 1)
    )

    assert done.returncode == 4, done.stdout
    assert "the model cannot be served" in done.stdout
    assert "Could not find variable" in done.stdout
    assert project.versions() == versions
