"""A bundle that asks for more than the tiny one does."""

import dataclasses
import shutil

import pytest

from serving.bundle import layout
from serving.bundle.contract import read_contract
from serving.bundle.schema_file import parse_schema, schema_fingerprint
from serving.bundle.seal import seal

_STRICT = """\
default_environment: "TRAINING"
default_environment: "SERVING"
feature { name: "ride_id" type: BYTES presence { min_fraction: 1.0 min_count: 1 } }
feature {
  name: "miles" type: FLOAT presence { min_fraction: 1.0 min_count: 1 }
  float_domain { min: 0.5 max: 5000.0 }
}
feature { name: "month" type: INT int_domain { min: 1 max: 12 } }
feature { name: "carrier" type: BYTES }
feature {
  name: "is_late" type: INT int_domain { min: 0 max: 1 } not_in_environment: "SERVING"
}
"""


@pytest.fixture(scope="session")
def strict_bundle(built_tiny_bundle, tmp_path_factory):
    """The tiny model; miles must be there, and numbers lie in ranges."""
    path = tmp_path_factory.mktemp("strict") / "rides" / "1"
    shutil.copytree(built_tiny_bundle, path)
    (path / layout.SCHEMA).write_text(_STRICT)
    contract = read_contract(path).contract
    fingerprint = schema_fingerprint(parse_schema(_STRICT.encode()))
    seal(path, dataclasses.replace(contract, schema_fingerprint=fingerprint))
    return path
