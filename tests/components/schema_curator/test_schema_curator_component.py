"""The component as TFX runs it: its executor over artifacts on disk."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from tfx.types.standard_artifacts import Schema
from tfx.utils import io_utils

from components.schema_curator.component import SchemaCurator
from components.schema_curator.schema_file import SchemaFileError, load_schema

CURATED = """# A comment that must survive.
feature { name: "hour" type: INT }
feature { name: "label" type: INT not_in_environment: "TRAINING" }
"""
PROPOSED = 'feature { name: "hour" type: BYTES }'


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def artifacts(tmp_path: Path) -> dict[str, Schema]:
    proposed, schema = Schema(), Schema()
    proposed.uri, schema.uri = str(tmp_path / "proposed"), str(tmp_path / "schema")
    (tmp_path / "proposed").mkdir()
    (tmp_path / "proposed" / "schema.pbtxt").write_text(PROPOSED)
    return {"proposed_schema": proposed, "schema": schema}


@pytest.fixture
def curated_file(tmp_path: Path) -> Path:
    path = tmp_path / "curated.pbtxt"
    path.write_text(CURATED)
    return path


def run(artifacts: dict[str, Schema], schema_file: Path, schema_digest: str) -> None:
    SchemaCurator.EXECUTOR_SPEC.executor_class().Do(
        {"proposed_schema": [artifacts["proposed_schema"]]},
        {"schema": [artifacts["schema"]]},
        {"schema_file": str(schema_file), "schema_digest": schema_digest},
    )


def test_the_curated_file_is_published_alone_and_byte_for_byte(artifacts, curated_file):
    run(artifacts, curated_file, digest(CURATED))
    folder = Path(artifacts["schema"].uri)
    assert [path.name for path in folder.iterdir()] == ["schema.pbtxt"]
    assert (folder / "schema.pbtxt").read_text() == CURATED
    # TFX's own components find the schema so.
    assert io_utils.get_only_uri_in_dir(str(folder)) == str(folder / "schema.pbtxt")


def test_the_difference_is_noted_on_the_artifact(artifacts, curated_file):
    run(artifacts, curated_file, digest(CURATED))
    schema = artifacts["schema"]
    assert schema.get_int_custom_property("num_differences") == 1
    (noted,) = json.loads(schema.get_string_custom_property("difference"))
    assert noted["kind"] == "type"
    assert noted["sentence"].startswith("hour: text (BYTES) in the data, ")


def test_a_file_edited_since_the_run_was_compiled_is_refused(artifacts, curated_file):
    compiled = digest("what it was")
    message = (
        f"{curated_file} has SHA-256 {digest(CURATED)}, but the run was compiled for "
        f"{compiled}: the schema was edited since. Start the run again."
    )
    with pytest.raises(SchemaFileError, match=re.escape(message)):
        run(artifacts, curated_file, compiled)
    assert not Path(artifacts["schema"].uri).exists()


def test_a_file_that_is_gone_is_refused(artifacts, tmp_path):
    with pytest.raises(SchemaFileError, match=r"nowhere\.pbtxt does not exist, but "):
        run(artifacts, tmp_path / "nowhere.pbtxt", digest(""))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "feature { nam: 1 }",
            "is not a TensorFlow Metadata schema in text format: 1:",
        ),
        ("", "declares no feature; a schema without one would let any data through."),
    ],
    ids=["mistyped", "empty"],
)
def test_a_file_that_is_no_schema_is_refused(artifacts, tmp_path, text, message):
    path = tmp_path / "bad.pbtxt"
    path.write_text(text)
    with pytest.raises(SchemaFileError, match=re.escape(f"{path} {message}")):
        run(artifacts, path, digest(text))


def test_load_schema_refuses_a_folder_with_more_than_one_file(artifacts):
    folder = Path(artifacts["proposed_schema"].uri)
    (folder / "second").touch()
    message = (
        f"{folder} should hold schema.pbtxt and nothing else; it holds "
        "['schema.pbtxt', 'second']."
    )
    with pytest.raises(SchemaFileError, match=re.escape(message)):
        load_schema(str(folder))


def test_load_schema_refuses_a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(SchemaFileError, match=r"it holds \[\]"):
        load_schema(str(tmp_path / "nowhere"))
