"""A bundle that was made elsewhere, or does not say what it is."""

import dataclasses
from pathlib import Path

from serving.bundle import layout
from serving.bundle.contract import read_contract
from serving.chaos.failure_mode import reseal


def change_library_version(bundle: Path) -> str:
    """Says that the next TensorFlow made the model."""
    versions = read_contract(bundle).contract.library_versions
    major, minor, *_ = versions["tensorflow"].split(".")
    other = f"{major}.{int(minor) + 1}.0"
    reseal(bundle, {"library_versions": {**versions, "tensorflow": other}})
    return f"the contract says TensorFlow {other}"


def remove_contract(bundle: Path) -> str:
    """Copies everything but the contract."""
    (bundle / layout.CONTRACT).unlink()
    return f"{layout.CONTRACT} is gone"


def remove_golden_batch(bundle: Path) -> str:
    """Leaves the golden batch out of the rebuild."""
    (bundle / layout.GOLDEN_BATCH).unlink()
    reseal(bundle)
    return f"{layout.GOLDEN_BATCH} is gone"


def empty_name(bundle: Path) -> str:
    """Leaves the model without a name."""
    model = read_contract(bundle).contract.model
    reseal(bundle, {"model": dataclasses.replace(model, name="")})
    return "the model's name is empty"
