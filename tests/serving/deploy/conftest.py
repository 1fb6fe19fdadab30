"""Plans of deployments, made from a contract alone: no model is run."""

import dataclasses
import json
from pathlib import Path

import pytest

from serving.bundle.contract import SealedContract
from serving.bundle.measurements import BatchTime, ServingMeasurements
from serving.bundle.seal import seal
from serving.deploy.options import DeployOptions
from serving.deploy.plan import make_plan
from tests.serving.versions.paper_bundle import paper_contract

MEASURED = ServingMeasurements(
    server="slipway 0.1.0",
    load_s=14.2,
    warmup_s=0.2,
    memory_bytes=600 * 2**20,
    latency_p50_ms=0.6,
    latency_p99_ms=1.4,
    batches=(
        BatchTime(num_rows=1, call_ms=0.6),
        BatchTime(num_rows=8, call_ms=1.0),
        BatchTime(num_rows=64, call_ms=4.0),
        BatchTime(num_rows=512, call_ms=24.0),
        BatchTime(num_rows=1024, call_ms=30.0),
    ),
)


@pytest.fixture
def measured():
    return MEASURED


@pytest.fixture
def base_path(tmp_path):
    """A model's folder with versions 6 and 7, each a contract and no model."""
    folder = tmp_path / "models" / "rides"
    for version in (6, 7):
        write_version(folder, version)
    return folder


def write_version(folder, version, serving=MEASURED) -> SealedContract:
    bundle = folder / str(version)
    bundle.mkdir(parents=True)
    (bundle / "saved_model.pb").write_bytes(b"graph")
    contract = paper_contract(version, name="rides")
    return seal(bundle, dataclasses.replace(contract, serving=serving))


@pytest.fixture
def plan_of(base_path):
    """A function that makes the plan of version 7, the contract changed or not."""
    from serving.bundle.contract import read_contract

    def make(target="docker", *, change=None, **options):
        bundle = base_path / "7"
        sealed = read_contract(bundle)
        if change is not None:
            sealed = dataclasses.replace(sealed, contract=change(sealed.contract))
        return make_plan(bundle, sealed, DeployOptions(target=target, **options))

    return make


def leaves(document, prefix=""):
    """Returns every leaf by its path; an empty dict or list is a leaf."""
    items = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else None
    )
    if items is None or not document:
        return {prefix: document}
    found = {}
    for key, value in items:
        found |= leaves(value, f"{prefix}.{key}" if prefix else str(key))
    return found


def differences(before, after):
    """Returns the leaves that are new or changed, and None for those that are gone."""
    return {
        path: after.get(path)
        for path in {**before, **after}
        if before.get(path) != after.get(path)
    }


def expected_leaves(name, **places):
    """Reads expected/{name}.txt: a line a leaf, `path = JSON`.

    Args:
        name: Of the file.
        places: What stands for <name> in it.
    """
    text = (Path(__file__).parent / "expected" / f"{name}.txt").read_text()
    for place, value in places.items():
        text = text.replace(f"<{place}>", value)
    lines = [line.partition(" = ") for line in text.splitlines()]
    return {path: json.loads(value) for path, _, value in lines}
