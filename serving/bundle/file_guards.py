"""Checks that need no TensorFlow: identity, files, versions, schema, feature order.

Each guard takes a BundleView and returns, or raises BundleRefusedError with its own
name. They are listed in verify.GUARDS, cheapest first.
"""

from collections import Counter
from collections.abc import Sequence

from serving.bundle import layout, schema_file
from serving.bundle.errors import BundleRefusedError
from serving.bundle.library_versions import check_versions
from serving.bundle.view import BundleView
from serving.session_model import EXAMPLES_SIGNATURE, NAMED_SIGNATURE

_SHOWN = 3


def identity(bundle: BundleView) -> None:
    """The bundle says who it is, and its golden batch is there."""
    contract = bundle.contract
    for required in layout.REQUIRED:
        if not (bundle.path / required).is_file():
            raise BundleRefusedError(
                "identity", f"{required} is missing; a bundle is not whole without it."
            )
    for name, value in (
        ("model.name", contract.model.name),
        ("model.model_digest", contract.model.model_digest),
        ("run.run_id", contract.run.run_id),
        ("label.name", contract.label.name),
    ):
        if not value:
            raise BundleRefusedError("identity", f"the contract's {name} is empty.")
    folder = bundle.path.resolve().name
    if folder.isdecimal() and int(folder) != contract.model.version:
        raise BundleRefusedError(
            "identity",
            f"the folder is called {folder} and holds version "
            f"{contract.model.version}; TF Serving would serve it under the wrong "
            "number. Copy it to a folder of its own number.",
        )
    if contract.model.version < 1:
        raise BundleRefusedError(
            "identity",
            f"model.version is {contract.model.version}; expected 1 or more.",
        )


def files(bundle: BundleView) -> None:
    """Every file is there, unchanged, and none is too many."""
    found = layout.list_files(bundle.path)
    declared = {file.path: file for file in bundle.contract.files}
    if len(declared) < len(bundle.contract.files):
        raise BundleRefusedError("files", "the contract names a file twice.")
    for relative in declared:
        layout.check_path(relative)
    extra = sorted(found.keys() - declared.keys() - {layout.CONTRACT})
    if extra:
        raise BundleRefusedError(
            "files",
            f"{_few(extra)} is not in the contract: somebody added it after the push.",
        )
    missing = sorted(declared.keys() - found.keys())
    if missing:
        raise BundleRefusedError("files", f"{_few(missing)} is gone since the push.")
    for relative, file in declared.items():
        size = found[relative].stat().st_size
        if size != file.size_bytes:
            raise BundleRefusedError(
                "files",
                f"{relative!r} has {size:,} bytes and had {file.size_bytes:,} at the "
                "push.",
            )
        if layout.sha256_of(found[relative]) != file.sha256:
            raise BundleRefusedError(
                "files",
                f"{relative!r} was changed after the push: its SHA-256 is another. "
                "Copy the bundle again from where it was pushed.",
            )


def no_code(bundle: BundleView) -> None:
    """Nothing in the bundle could run by being loaded."""
    for relative, path in layout.list_files(bundle.path).items():
        layout.check_kind(relative, path)


def library_versions(bundle: BundleView) -> None:
    """The running TensorFlow is the model's; other differences are warnings."""
    bundle.warnings += check_versions(
        bundle.contract.library_versions,
        bundle.running_versions,
        allow_other_tensorflow=bundle.allow_other_tensorflow,
    )


def schema(bundle: BundleView) -> None:
    """The schema is the one the contract was made for, and it has every feature."""
    contract = bundle.contract
    fingerprint = schema_file.schema_fingerprint(bundle.schema)
    if fingerprint != contract.schema_fingerprint:
        raise BundleRefusedError(
            "schema",
            f"{layout.SCHEMA} has the fingerprint {fingerprint[:12]}…, the model was "
            f"trained under {contract.schema_fingerprint[:12]}….",
        )
    expected = schema_file.raw_features(bundle.schema, contract.feature_names)
    for feature, known in zip(contract.raw_features, expected, strict=True):
        if feature != known:
            raise BundleRefusedError(
                "schema",
                f"the contract has feature {feature.name!r} as {feature.example_type} "
                f"({feature.dtype}), the schema as {known.example_type} "
                f"({known.dtype}).",
            )


def feature_order(bundle: BundleView) -> None:
    """Contract and golden batch name the same features in the same order."""
    contract, golden = bundle.contract, bundle.golden
    transformed = tuple(feature.name for feature in contract.transformed_features)
    _check_names("raw_features", contract.feature_names)
    _check_names("transformed_features", transformed)
    _check_order("raw_features", contract.feature_names, golden.raw_features)
    _check_order("transformed_features", transformed, golden.transformed_features)
    for name in (NAMED_SIGNATURE, EXAMPLES_SIGNATURE):
        if name in contract.signatures:
            outputs = [tensor.name for tensor in contract.signatures[name].outputs]
            _check_order(f"outputs of {name!r}", outputs, sorted(golden.outputs))


def _check_names(field: str, names: Sequence[str]) -> None:
    if not names:
        raise BundleRefusedError("feature_order", f"the contract's {field} is empty.")
    for place, name in enumerate(names):
        if not name:
            raise BundleRefusedError(
                "feature_order", f"the contract's {field}.{place} has no name."
            )
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise BundleRefusedError(
            "feature_order", f"the contract's {field} names {name!r} {count} times."
        )


def _check_order(field: str, expected: Sequence[str], found: Sequence[str]) -> None:
    for place, (left, right) in enumerate(zip(expected, found, strict=False)):
        if left != right:
            raise BundleRefusedError(
                "feature_order",
                f"{field}.{place} is {left!r} in the contract and {right!r} in "
                f"{layout.GOLDEN_BATCH}.",
            )
    if len(expected) != len(found):
        raise BundleRefusedError(
            "feature_order",
            f"the contract has {len(expected)} {field}, {layout.GOLDEN_BATCH} "
            f"{len(found)}.",
        )


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
