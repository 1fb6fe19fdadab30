"""The whole DAG on real rows: first run, unchanged, new span, refusals, interruption.

The tests build on each other in the order they stand in, as a person's days do; each
starts from what the one before left in the project's folder.
"""

import json
import os
import shutil
import signal
import subprocess
import time
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
from data.spans import write_span
from pipeline.run_record import WorkDir
from serving.session_model import SessionModel
from tests.e2e.project import ENVIRONMENT, ROOT, ROWS_PER_SPAN, USE_CASE, Project

pytestmark = pytest.mark.e2e


def test_first_run_pushes_a_model_and_says_so(project):
    done = project.run_command(("data.split", {"by": "time", "eval_spans": 1}))

    assert done.returncode == 0, done.stdout + done.stderr
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
        assert said in done.stdout


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


def test_unchanged_run_answers_everything_from_the_cache(project):
    done = project.run(("data.split", {"by": "time", "eval_spans": 1}))

    assert done.returncode == 0
    assert "UNCHANGED" in done.stdout
    assert "version 1 is this model already" in done.stdout
    assert project.versions() == ["1"]
    fresh = {name for name, state in project.states().items() if state != "cached"}
    assert fresh <= {"baseline_resolver", "pusher"}


def test_unreachable_threshold_pushes_nothing_and_exits_4(project):
    done = project.run(
        ("data.split", {"by": "time", "eval_spans": 1}),
        ("evaluation.thresholds", [{"metric": "auc", "min": 0.999}]),
    )

    assert done.returncode == 4
    assert "NOT BLESSED" in done.stdout
    assert "auc on all rows is 0." in done.stdout
    assert "below 0.9990" in done.stdout
    assert project.versions() == ["1"]


def test_new_span_is_judged_against_the_model_before(project):
    prepare_sample(project.spans, ROWS_PER_SPAN, [4])
    done = project.run(("data.split", {"by": "time", "eval_spans": 1}))

    assert done.returncode == 0, done.stdout
    assert project.versions() == ["1", "2"]
    gate = project.last_run().node("quality_gate").output("blessing").properties
    assert "baseline_model_id" in gate
    verdict = json.loads(
        (
            Path(project.last_run().node("quality_gate").output("blessing").uri)
            / "verdict.json"
        ).read_text()
    )
    assert verdict["baseline"][0]["slice"] == "all rows"
    assert any(check["baseline"] is not None for check in verdict["checks"])


def test_unchanged_run_with_a_baseline_is_cached_too(project):
    done = project.run(("data.split", {"by": "time", "eval_spans": 1}))

    assert "UNCHANGED" in done.stdout
    assert project.states()["evaluator"] == "cached"


def test_edited_function_and_lost_artifact_rerun_what_they_concern(
    project, tmp_path, monkeypatch
):
    module = tmp_path / "edited_case.py"
    module.write_text("from models.flights.trainer import run_fn as train\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    changes = (
        ("data.split", {"by": "time", "eval_spans": 1}),
        ("train.run_fn", "edited_case.run_fn"),
    )
    with module.open("a") as file:
        file.write("\n\ndef run_fn(fn_args):\n    train(fn_args)\n")
    project.run(*changes)
    assert project.states()["trainer"] == "done"
    project.run(*changes)
    assert project.states()["trainer"] == "cached"

    with module.open("a") as file:
        file.write("# edited\n")
    project.run(*changes)
    assert project.states()["transform"] == "cached"
    assert project.states()["trainer"] == "done"

    evaluation = project.last_run().node("evaluator").output("evaluation")
    shutil.rmtree(evaluation.uri)
    project.run(*changes)
    assert project.states()["trainer"] == "cached"
    assert project.states()["evaluator"] == "done"


def test_planted_anomaly_stops_the_run_before_any_training(project, tmp_path):
    planted = Project(tmp_path)
    shutil.copytree(project.spans, planted.spans)
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
    done = planted.run(("data.spans.last", 3))

    assert done.returncode == 3
    assert "carrier" in done.stdout
    assert "'ZZ'" in done.stdout
    assert planted.states()["anomaly_gate"] == "failed"
    assert planted.states()["transform"] == "not run"
    assert planted.versions() == []


def test_span_that_changed_since_it_was_written_stops_the_run(project, tmp_path):
    damaged = Project(tmp_path)
    shutil.copytree(project.spans, damaged.spans)
    path = next((damaged.spans / "span-2").glob("*.parquet"))
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)

    done = damaged.run(("data.spans.last", 3))

    assert done.returncode == 3
    assert "does not match its manifest" in done.stdout
    assert damaged.states()["statistics_gen"] == "not run"


def test_interrupted_run_goes_on_from_what_is_complete(project, tmp_path):
    stopped = Project(tmp_path)
    shutil.copytree(project.spans, stopped.spans)
    process = _start_and_wait_for_transform(stopped)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)

    assert process.returncode == 130, output
    assert "INTERRUPTED" in output
    assert stopped.states()["transform"] == "interrupted"
    _wait_for(lambda: not _processes_of_session(process.pid), timeout_s=20)

    # The same folder again; this time a node is killed, as for want of memory.
    process = _start_and_wait_for_transform(stopped)
    assert stopped.states()["example_gen"] == "cached"
    (node,) = _group_leaders(process.pid) - {process.pid}
    os.kill(node, signal.SIGKILL)
    output, _ = process.communicate(timeout=60)

    assert process.returncode == 1, output
    assert "transform: its process was ended by SIGKILL" in output

    # And now the command itself, which cannot clean up after itself.
    process = _start_and_wait_for_transform(stopped)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    _wait_for(lambda: not _processes_of_session(process.pid), timeout_s=30)
    assert stopped.last_run().is_abandoned()

    done = stopped.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert stopped.states()["anomaly_gate"] == "cached"
    assert stopped.states()["transform"] == "done"
    assert stopped.versions() == ["1"]


def test_same_data_settings_and_seed_give_identical_metrics(project, tmp_path):
    again = Project(tmp_path)
    shutil.copytree(project.spans, again.spans)
    assert again.run(("data.split", {"by": "time", "eval_spans": 1})).returncode == 0

    assert _metrics(again) == _metrics(project)


def test_model_that_the_cpp_loader_cannot_run_is_not_pushed(
    project, tmp_path, monkeypatch
):
    broken = Project(tmp_path)
    shutil.copytree(project.spans, broken.spans)
    monkeypatch.syspath_prepend(USE_CASE)
    done = broken.run(("train.run_fn", "broken_export.run_fn"))

    assert done.returncode == 4, done.stdout + done.stderr
    assert "the model cannot be served" in done.stdout
    assert "Could not find variable" in done.stdout
    assert broken.versions() == []


def _metrics(project):
    uri = project.last_run().node("quality_gate").output("blessing").uri
    return json.loads((Path(uri) / "verdict.json").read_text())["model"]


def _wait_for(condition, timeout_s=240):
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except (IndexError, AttributeError, KeyError, FileNotFoundError):
            pass
        time.sleep(0.2)
    pytest.fail(f"nothing happened within {timeout_s} s")


def _start_and_wait_for_transform(project):
    known = len(WorkDir(project.folder / "work").list_runs())
    process = subprocess.Popen(
        project.command(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=ENVIRONMENT,
        start_new_session=True,
    )
    _wait_for(lambda: len(WorkDir(project.folder / "work").list_runs()) > known)
    _wait_for(lambda: project.states()["anomaly_gate"] in ("done", "cached"))
    time.sleep(2)
    assert process.poll() is None, process.stdout.read()
    return process


def _status_fields():
    """Process id to (state, process group, session) of everything that runs."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found[int(path.parent.name)] = (fields[0], int(fields[2]), int(fields[3]))
    return found


def _processes_of_session(session):
    return {
        pid
        for pid, (state, _, found) in _status_fields().items()
        if found == session and state != "Z"
    }


def _group_leaders(session):
    return {
        pid
        for pid, (state, group, found) in _status_fields().items()
        if found == session and group == pid and state != "Z"
    }
