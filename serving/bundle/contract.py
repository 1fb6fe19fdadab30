"""contract.json: what a model is, where it comes from, and every file it is made of.

    {"format": "slipway-bundle", "format_version": 2,
     "model": {"name", "version", "pushed_at", "model_digest"},
     "run": {"pipeline", "run_id", "code": {"commit", "is_modified"}},
     "data": {"spans": [{"span", "digest", "num_rows"}], "num_train_rows", …},
     "key": "flight_id", "label": {"name", "classes"},
     "raw_features": [{"name", "dtype", "example_type", "missing"}, …],
     "transformed_features": [{"name", "dtype"}, …],
     "signatures": {"serving_default": {"inputs": […], "outputs": […]}, …},
     "schema_fingerprint": "…", "library_versions": {"tensorflow": "2.21.0", …},
     "evaluation": {"verdict", "metrics", "checks", …},
     "serving": {"server", "load_s", "memory_bytes", "batches", …},
     "files": [{"path", "size_bytes", "sha256"}, …],
     "contract_digest": "…"}

`files` names every file of the bundle but this one. `contract_digest`, the bundle's
identity, is the SHA-256 over this file's own bytes with the 64 digits of the digest
written as zeros: with it no byte of the bundle can change unseen.

Later readers must read every format_version written before; one newer than
FORMAT_VERSION is refused. Version 2 added `serving`, null where nobody measured.
"""

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from serving.bundle import layout
from serving.bundle.errors import BundleRefusedError
from serving.bundle.evaluation import Evaluation, Metric, ThresholdCheck
from serving.bundle.interface import (
    LabelContract,
    RawFeature,
    SignatureContract,
    TensorContract,
    TransformedFeature,
)
from serving.bundle.measurements import BatchTime, ServingMeasurements
from serving.bundle.origin import (
    CodeRevision,
    DataOrigin,
    ModelIdentity,
    RunOrigin,
    Span,
)
from serving.bundle.strict_json import FormatError, decode, parse_json

# The parts come with the whole, so that a reader needs one import.
__all__ = [
    "FORMAT",
    "FORMAT_VERSION",
    "BatchTime",
    "BundleFile",
    "CodeRevision",
    "Contract",
    "DataOrigin",
    "Evaluation",
    "LabelContract",
    "Metric",
    "ModelIdentity",
    "RawFeature",
    "RunOrigin",
    "SealedContract",
    "ServingMeasurements",
    "SignatureContract",
    "Span",
    "TensorContract",
    "ThresholdCheck",
    "TransformedFeature",
    "decode_contract",
    "encode_contract",
    "read_contract",
]

FORMAT = "slipway-bundle"
FORMAT_VERSION = 2

_STRICT = {"extra": "forbid"}
_NO_DIGEST = "0" * 64
_DIGEST = re.compile(rb'\n "contract_digest": "([0-9a-f]{64})"\n\}\n\Z')
_IDENTITY = "identity"
# Field to the format_version that brought it.
_SINCE = {"serving": 2}


@dataclass(frozen=True, kw_only=True, slots=True)
class BundleFile:
    """One file of the bundle.

    Attributes:
        path: Relative to the bundle, "/" between its parts.
        size_bytes: Its length.
        sha256: SHA-256 of its bytes, 64 lower-case hexadecimal digits.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Contract:
    """The whole of contract.json; see the module's docstring.

    Attributes:
        key: Column that names a row in data and predictions; no feature.
        raw_features: In the order of a row in golden_batch.json.
        transformed_features: Likewise.
        signatures: Signature name to its tensors.
        schema_fingerprint: See schema_file.schema_fingerprint.
        library_versions: PyPI name, or "python", to the version that trained.
        serving: What the ServingValidator's server measured; None: nobody measured.
        files: Every file but contract.json, by path.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    model: ModelIdentity
    run: RunOrigin
    data: DataOrigin
    key: str
    label: LabelContract
    raw_features: tuple[RawFeature, ...]
    transformed_features: tuple[TransformedFeature, ...]
    signatures: Mapping[str, SignatureContract]
    schema_fingerprint: str
    library_versions: Mapping[str, str]
    evaluation: Evaluation
    serving: ServingMeasurements | None = None
    files: tuple[BundleFile, ...] = ()

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Raw features in order."""
        return tuple(feature.name for feature in self.raw_features)


@dataclass(frozen=True, kw_only=True, slots=True)
class SealedContract:
    """A contract as it was read.

    Attributes:
        contract: What it says.
        digest: The bundle's identity, checked against the file's bytes.
    """

    contract: Contract
    digest: str


def encode_contract(contract: Contract) -> bytes:
    """Returns the bytes of contract.json, the digest filled in."""
    document = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        **dataclasses.asdict(contract),
        "contract_digest": _NO_DIGEST,
    }
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    unsigned = text.encode("utf-8")
    digest = hashlib.sha256(unsigned).hexdigest()
    start, end = _digest_place(unsigned)
    return unsigned[:start] + digest.encode() + unsigned[end:]


def decode_contract(text: bytes) -> SealedContract:
    """Reads contract.json.

    Raises:
        BundleRefusedError: Guard "identity": it is damaged or no contract. Guard
            "format": a newer version wrote it, or a field is wrong.
    """
    try:
        document = parse_json(text)
    except FormatError as error:
        raise BundleRefusedError(_IDENTITY, f"{layout.CONTRACT}: {error}") from error
    _check_format(document)
    digest = _checked_digest(text)
    version = document["format_version"]
    for name in ("format", "format_version", "contract_digest"):
        del document[name]
    try:
        _check_since(document, version)
        return SealedContract(contract=decode(Contract, document), digest=digest)
    except FormatError as error:
        raise BundleRefusedError("format", f"{layout.CONTRACT}: {error}") from error


def read_contract(bundle: Path) -> SealedContract:
    """Reads the contract of a bundle; nothing else of it is checked.

    Raises:
        BundleRefusedError: There is none, or as decode_contract does.
    """
    path = bundle / layout.CONTRACT
    if path.is_symlink() or not path.is_file():
        raise BundleRefusedError(
            _IDENTITY,
            f"{bundle} has no {layout.CONTRACT}: nobody can say what model this is. "
            "Push it with slipway run.",
        )
    return decode_contract(layout.read_document(bundle, layout.CONTRACT))


def _check_format(document: Mapping[str, Any]) -> None:
    found = document.get("format")
    if found != FORMAT:
        raise BundleRefusedError(
            _IDENTITY,
            f"{layout.CONTRACT} is of format {found!r}; expected {FORMAT!r}.",
        )
    version = document.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise BundleRefusedError(
            "format",
            f"{layout.CONTRACT}: format_version is {version!r}; expected 1 to "
            f"{FORMAT_VERSION}.",
        )
    if version > FORMAT_VERSION:
        raise BundleRefusedError(
            "format",
            f"{layout.CONTRACT} has format_version {version}; this slipway reads up "
            f"to {FORMAT_VERSION}. Upgrade slipway.",
        )


def _check_since(document: Mapping[str, Any], version: int) -> None:
    """A version's documents hold all of its fields and none of a later one's."""
    for name, since in _SINCE.items():
        if version < since and name in document:
            raise FormatError(
                f"field {name!r} is not known before format_version {since}; this is "
                f"{version}."
            )
        if version >= since and name not in document:
            raise FormatError(f"field {name!r} is missing.")


def _checked_digest(text: bytes) -> str:
    start, end = _digest_place(text)
    claimed = text[start:end].decode()
    unsigned = text[:start] + _NO_DIGEST.encode() + text[end:]
    found = hashlib.sha256(unsigned).hexdigest()
    if found != claimed:
        raise BundleRefusedError(
            _IDENTITY,
            f"{layout.CONTRACT} was changed after it was written: its digest is "
            f"{found[:12]}…, it says {claimed[:12]}….",
        )
    return claimed


def _digest_place(text: bytes) -> tuple[int, int]:
    match = _DIGEST.search(text)
    if match is None:
        raise BundleRefusedError(
            _IDENTITY,
            f"{layout.CONTRACT} does not end with its contract_digest; "
            "it was changed after it was written.",
        )
    return match.span(1)
