"""Features that are not where their names say, or have no names."""

import dataclasses
from itertools import combinations
from pathlib import Path

from serving.bundle import layout
from serving.bundle.contract import read_contract
from serving.bundle.golden_batch import read_golden_batch
from serving.chaos.failure_mode import NotApplicableError, reseal
from serving.chaos.saved_model_edit import edited_meta_graph
from serving.session_model import NAMED_SIGNATURE


def swap_in_signature(bundle: Path) -> str:
    """Feeds each of two features of one dtype to the other's tensor."""
    left, right = _pair_that_differs_most(bundle)
    with edited_meta_graph(bundle) as meta_graph:
        inputs = meta_graph.signature_def[NAMED_SIGNATURE].inputs
        tensors = inputs[right].name, inputs[left].name
        inputs[left].name, inputs[right].name = tensors
    reseal(bundle)
    return f"the tensors of {left!r} and {right!r} are swapped in {NAMED_SIGNATURE}"


def _pair_that_differs_most(bundle: Path) -> tuple[str, str]:
    """Returns two features of one dtype whose golden values differ in most rows."""
    features = read_contract(bundle).contract.raw_features
    rows = read_golden_batch(bundle).rows
    best, most = ("", ""), 0
    for left, right in combinations(range(len(features)), 2):
        if features[left].dtype == features[right].dtype:
            count = sum(row.raw[left] != row.raw[right] for row in rows)
            if count > most:
                best, most = (features[left].name, features[right].name), count
    if not most:
        raise NotApplicableError("no two features of one dtype have different values")
    return best


def swap_in_contract(bundle: Path) -> str:
    """Writes two names in another order, in the contract only."""
    features = list(read_contract(bundle).contract.raw_features)
    if len(features) < 2:  # noqa: PLR2004 - nothing to swap
        raise NotApplicableError("it has one feature only")
    features[0], features[1] = features[1], features[0]
    reseal(bundle, {"raw_features": tuple(features)})
    names = f"{features[1].name!r} and {features[0].name!r}"
    return f"{names} are swapped in {layout.CONTRACT}"


def number_the_inputs(bundle: Path) -> str:
    """Exports the inputs as args_0, args_1, …: the way a plain function does."""
    with edited_meta_graph(bundle) as meta_graph:
        inputs = meta_graph.signature_def[NAMED_SIGNATURE].inputs
        tensors = [(name, inputs[name]) for name in sorted(inputs)]
        for place, (name, tensor) in enumerate(tensors):
            inputs[f"args_{place}"].CopyFrom(tensor)
            del inputs[name]
    reseal(bundle)
    return f"{len(tensors)} inputs of {NAMED_SIGNATURE} are called args_0, args_1, …"


def empty_raw_names(bundle: Path) -> str:
    """Leaves the raw features without names in the contract."""
    features = read_contract(bundle).contract.raw_features
    nameless = tuple(dataclasses.replace(feature, name="") for feature in features)
    reseal(bundle, {"raw_features": nameless})
    return f"the names of {len(features)} raw features are empty"


def empty_transformed_names(bundle: Path) -> str:
    """Leaves the transformed features without names in the contract."""
    features = read_contract(bundle).contract.transformed_features
    nameless = tuple(dataclasses.replace(feature, name="") for feature in features)
    reseal(bundle, {"transformed_features": nameless})
    return f"the names of {len(features)} transformed features are empty"
