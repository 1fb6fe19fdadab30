"""Killed, repeated, overwritten: the output is whole, or the command makes it so."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from serving.batch_scoring import beam_job, output_folder, score_part
from serving.batch_scoring.errors import InputRefusedError, ScoringUsageError
from serving.batch_scoring.score_files import ScoreRequest, score_files
from tests.serving.batch_scoring import killed_scoring
from tests.serving.batch_scoring.ride_files import (
    digests,
    make_rides,
    read_quarantine,
    read_scores,
    score,
    write_csv,
)

ROOT = Path(__file__).resolve().parents[3]
# Renames in order: the plan; the unknown values; of each part its quarantine, counts
# and rows; the summary; _SUCCESS. Beside them, how many parts are complete by then.
KILLED_AT = {
    "before the first part's rows": (5, 0),
    "within the second part": (7, 1),
    "before the summary": (12, 3),
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Three files of 100 rides, each with one bad row."""
    folder = tmp_path_factory.mktemp("inputs")
    for place in range(3):
        rides = make_rides(100, first=100 * place)
        rides[50]["month"] = 1.5
        write_csv(folder / f"{place}.csv", rides)
    return folder


@pytest.fixture(scope="module")
def uninterrupted(built_tiny_bundle, inputs, tmp_path_factory):
    output = tmp_path_factory.mktemp("whole") / "scores"
    summary = score(built_tiny_bundle, inputs, output, on_bad_rows="quarantine")
    return output, summary


@pytest.fixture(scope="module")
def ended(built_tiny_bundle, inputs, tmp_path_factory):
    """The folder of killed_scoring.py, and how each scoring ended."""
    folder = tmp_path_factory.mktemp("ended")
    numbers = [str(number) for number, _ in KILLED_AT.values()]
    paths = [str(built_tiny_bundle), str(inputs), str(folder)]
    done = subprocess.run(
        [sys.executable, killed_scoring.__file__, *paths, *numbers],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder, [int(line) for line in done.stdout.splitlines()]


def test_a_terminated_scoring_says_how_to_go_on(ended):
    folder, exit_codes = ended
    output = folder / "terminated"
    assert exit_codes == [-signal.SIGKILL] * 3 + [128 + signal.SIGTERM]
    # TensorFlow's own lines come before, for here it is imported and not preloaded.
    words = (folder / "words").read_text().splitlines()
    assert words[-1] == (
        f"slipway: interrupted. {output} keeps every part that is complete; the same "
        "command goes on from there."
    )
    assert not (output / "_SUCCESS").exists()


@pytest.mark.parametrize("point", KILLED_AT)
def test_a_killed_scoring_is_taken_up(
    built_tiny_bundle, inputs, uninterrupted, ended, point
):
    number, num_complete = KILLED_AT[point]
    output = ended[0] / str(number)
    assert len(list(output.glob("part-*"))) == num_complete
    assert not (output / "_SUCCESS").exists()

    summary = score(built_tiny_bundle, inputs, output, on_bad_rows="quarantine")

    whole, expected = uninterrupted
    assert summary["num_resumed_parts"] == num_complete
    assert digests(output) == digests(whole)
    assert read_quarantine(output) == read_quarantine(whole)
    assert list(output.rglob("_tmp-*")) == []
    for name in ("num_rows", "num_scored", "quarantined", "labels", "features"):
        assert summary[name] == expected[name]


def test_nothing_is_done_twice(built_tiny_bundle, inputs, uninterrupted, monkeypatch):
    output, summary = uninterrupted
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    monkeypatch.setattr(beam_job, "score_parts", None)
    request = ScoreRequest(
        bundle=built_tiny_bundle,
        inputs=(str(inputs),),
        output=output,
        on_bad_rows="quarantine",
    )
    outcome = score_files(request)
    assert outcome.was_complete
    assert outcome.summary == summary
    after = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    assert before == after


@pytest.mark.parametrize("damage", ["removed", "changed"])
def test_a_damaged_part_is_scored_again(
    built_tiny_bundle, inputs, uninterrupted, tmp_path, damage
):
    output = tmp_path / "scores"
    options = {"on_bad_rows": "quarantine"}
    score(built_tiny_bundle, inputs, output, **options)
    path = output / "part-00001.parquet"
    content = bytearray(path.read_bytes())
    path.unlink()
    if damage == "changed":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    summary = score(built_tiny_bundle, inputs, output, **options)
    assert summary["num_resumed_parts"] == 2
    assert digests(output) == digests(uninterrupted[0])
    assert read_scores(output).equals(read_scores(uninterrupted[0]))


def test_another_plan_is_refused_unless_it_may_overwrite(tiny_bundle, tmp_path):
    path = write_csv(tmp_path / "rides.csv", make_rides(10))
    output = tmp_path / "scores"
    score(tiny_bundle, path, output)
    (output / "mine.txt").write_text("kept")
    with pytest.raises(ScoringUsageError) as caught:
        score(tiny_bundle, path, output, keep=("note",))
    assert caught.value.exit_code == 2
    assert str(caught.value) == (
        f"--output {output}: it holds another scoring: options keep was [] and is "
        "['note']. Name another folder, or add --overwrite to remove it."
    )
    score(tiny_bundle, path, output, keep=("note",), overwrite=True)
    assert "note" in read_scores(output).schema.names
    assert (output / "mine.txt").read_text() == "kept"

    write_csv(path, make_rides(11))
    with pytest.raises(ScoringUsageError, match=r"inputs .*rides.csv: size_bytes was"):
        score(tiny_bundle, path, output, keep=("note",))


def test_overwrite_scores_a_complete_output_again(
    built_tiny_bundle, inputs, uninterrupted, tmp_path
):
    output = tmp_path / "scores"
    options = {"on_bad_rows": "quarantine", "overwrite": True}
    score(built_tiny_bundle, inputs, output, **options)
    summary = score(built_tiny_bundle, inputs, output, **options)
    assert summary["num_resumed_parts"] == 0
    # What it left undone it takes up, overwrite or not.
    (output / "_SUCCESS").unlink()
    summary = score(built_tiny_bundle, inputs, output, **options)
    assert summary["num_resumed_parts"] == 3
    assert digests(output) == digests(uninterrupted[0])


def test_a_folder_of_others_is_never_touched(tiny_bundle, tmp_path):
    path = write_csv(tmp_path / "rides.csv", make_rides(10))
    output = tmp_path / "thesis"
    output.mkdir()
    (output / "part-1.tex").write_text("years of work")
    with pytest.raises(ScoringUsageError, match=r"'part-1\.tex' and is no output"):
        score(tiny_bundle, path, output, overwrite=True)
    assert [entry.name for entry in output.iterdir()] == ["part-1.tex"]


@pytest.mark.parametrize("output", ["in/scores", "in", "."])
def test_output_and_inputs_lie_apart(tiny_bundle, tmp_path, output):
    (tmp_path / "in").mkdir()
    write_csv(tmp_path / "in" / "rides.csv", make_rides(10))
    with pytest.raises(ScoringUsageError, match="it lies within the input"):
        score(tiny_bundle, tmp_path / "in", tmp_path / output)


def test_one_scoring_at_a_time(tiny_bundle, tmp_path):
    path = write_csv(tmp_path / "rides.csv", make_rides(10))
    output = tmp_path / "scores"
    output.mkdir()
    with (output / "_lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ScoringUsageError, match="another scoring writes it now"):
            score(tiny_bundle, path, output)
    assert score(tiny_bundle, path, output)["num_scored"] == 10


def test_an_input_that_changes_meanwhile_is_refused(tiny_bundle, tmp_path, monkeypatch):
    path = write_csv(tmp_path / "rides.csv", make_rides(10))
    open_plan = output_folder.open_plan

    def change_then_open(*arguments, **options):
        write_csv(path, make_rides(11))
        open_plan(*arguments, **options)

    monkeypatch.setattr(output_folder, "open_plan", change_then_open)
    with pytest.raises(InputRefusedError, match=r"rides.csv was changed while it was"):
        score(tiny_bundle, path, tmp_path / "scores")
    assert not (tmp_path / "scores" / "_SUCCESS").exists()


def test_a_row_too_few_is_noticed(tiny_bundle, tmp_path, monkeypatch):
    path = write_csv(tmp_path / "rides.csv", make_rides(10))
    read = score_part.csv_files.read_batches

    def lose_the_last(*arguments, **options):
        for batch in read(*arguments, **options):
            columns = {name: values[:-1] for name, values in batch.columns.items()}
            yield type(batch)(rows=batch.rows[:-1], columns=columns)

    monkeypatch.setattr(score_part.csv_files, "read_batches", lose_the_last)
    with pytest.raises(
        InputRefusedError, match="9 rows were read from row 1 on; the p"
    ):
        score(tiny_bundle, path, tmp_path / "scores")


def test_the_plan_names_all_it_depends_on(uninterrupted, inputs):
    output, summary = uninterrupted
    plan = json.loads((output / "_plan.json").read_text())
    assert (plan["format"], plan["format_version"]) == ("slipway-score-plan", 1)
    assert plan["bundle"] == summary["bundle"]
    assert [entry["path"] for entry in plan["inputs"]] == [
        str(inputs / f"{place}.csv") for place in range(3)
    ]
    assert plan["parts"][1] == {
        "input": 1,
        "start": len("ride_id,miles,month,carrier,note\r\n"),
        "end": (inputs / "1.csv").stat().st_size,
        "first_row": 1,
        "num_rows": 100,
    }
