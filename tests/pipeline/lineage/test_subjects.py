"""A file of predictions names the bundles that made it."""

import csv
import gzip
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.lineage.prediction_digests import count_digests
from pipeline.lineage.subjects import find_subjects
from pipeline.settings_loader import ConfigError
from serving.bundle.contract import read_contract
from tests.pipeline.lineage.workshop import build_workshop


@pytest.fixture
def workshop(project):
    return build_workshop(project.folder)


def write_parquet(path, digests):
    columns = {
        "bundle_digest": pa.array(digests, pa.string()).dictionary_encode(),
        "probability": [0.5] * len(digests),
    }
    pq.write_table(pa.table(columns), path, row_group_size=2)


def write_csv(path, digests):
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["note", "bundle_digest"])
        writer.writerows(
            [f"a, {number}", digest] for number, digest in enumerate(digests)
        )


WRITERS = {
    "scores.parquet": write_parquet,
    "scores.csv": write_csv,
    "scores.csv.gz": write_csv,
}


@pytest.mark.parametrize("name", WRITERS)
def test_digests_of_a_file_are_counted(tmp_path, name):
    WRITERS[name](tmp_path / name, ["ab", "ab", "cd", "ab"])
    assert count_digests(tmp_path / name) == {"ab": 3, "cd": 1}


def test_folder_of_files_is_counted_together(tmp_path):
    write_parquet(tmp_path / "a.parquet", ["ab"])
    write_csv(tmp_path / "b.csv", ["ab", "cd"])
    (tmp_path / "_SUCCESS").touch()
    assert count_digests(tmp_path) == {"ab": 2, "cd": 1}


def test_predictions_lead_to_every_bundle_that_made_them(workshop, tmp_path):
    one, two = (read_contract(workshop.model_dir / name) for name in ("1", "2"))
    path = tmp_path / "scores.parquet"
    write_parquet(path, [two.digest, one.digest, two.digest])
    found = find_subjects(str(path), workshop.model_dir)
    assert {
        subject.sealed.contract.model.version: (subject.place, subject.num_predictions)
        for subject in found
    } == {1: ("visible", 1), 2: ("served", 2)}


def test_unknown_digest_is_refused_with_those_that_are_known(workshop, tmp_path):
    path = tmp_path / "scores.parquet"
    write_parquet(path, ["ab" * 32])
    with pytest.raises(
        ConfigError,
        match=r"made by bundle abababababab…, which is not in .*; there are 1: ",
    ):
        find_subjects(str(path), workshop.model_dir)


def test_digest_of_a_deleted_bundle_is_known_by_the_ledger(workshop, tmp_path):
    digest = read_contract(workshop.model_dir / "1").digest
    shutil.rmtree(workshop.model_dir / "1")
    path = tmp_path / "scores.csv"
    write_csv(path, [digest])
    with pytest.raises(ConfigError, match=r"it was version 1, push by ada@host at 20"):
        find_subjects(str(path), workshop.model_dir)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "x,y\n1,2\n", "no column 'bundle_digest', .* it has x, y"),
        ("a.csv", "", "no column 'bundle_digest'|cannot be read"),
        ("a.csv", "bundle_digest\n", "holds no prediction"),
        ("a.csv", 'bundle_digest,x\n"",1\n', "1 predictions without a bundle_digest"),
        ("a.parquet", "no parquet", "cannot be read"),
        ("a.txt", "x", "is no prediction file; expected Parquet or CSV"),
    ],
)
def test_file_that_names_no_model_is_refused(
    workshop, tmp_path, name, content, message
):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ConfigError, match=message):
        find_subjects(str(path), workshop.model_dir)


def test_parquet_without_the_column_is_refused(workshop, tmp_path):
    pq.write_table(pa.table({"x": [1]}), tmp_path / "a.parquet")
    with pytest.raises(ConfigError, match="no column 'bundle_digest'"):
        find_subjects(str(tmp_path / "a.parquet"), workshop.model_dir)


def test_folder_without_anything_to_trace_is_refused(workshop, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="neither a contract nor prediction files"):
        find_subjects(str(tmp_path / "empty"), workshop.model_dir)
