"""contract.json: what a model is, where it comes from, and every file it is made of.

    {"format": "slipway-bundle", "format_version": 1,
     "model": {"name", "version", "pushed_at", "model_digest"},
     "run": {"pipeline", "run_id", "code": {"commit", "is_modified"}},
     "data": {"spans": [{"span", "digest", "num_rows"}], "num_train_rows", …},
     "key": "flight_id", "label": {"name", "classes"},
     "raw_features": [{"name", "dtype", "example_type", "missing"}, …],
     "transformed_features": [{"name", "dtype"}, …],
     "signatures": {"serving_default": {"inputs": […], "outputs": […]}, …},
     "schema_fingerprint": "…", "library_versions": {"tensorflow": "2.21.0", …},
     "evaluation": {"verdict", "metrics", "checks", …},
     "files": [{"path", "size_bytes", "sha256"}, …],
     "contract_digest": "…"}

`files` names every file of the bundle but this one. `contract_digest`, the bundle's
identity, is the SHA-256 over this file's own bytes with the 64 digits of the digest
written as zeros: with it no byte of the bundle can change unseen.

Later readers must read every format_version written before; one newer than
FORMAT_VERSION is refused.
"""

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from serving.bundle import layout
from serving.bundle.errors import BundleRefusedError
from serving.bundle.strict_json import FormatError, decode, parse_json

FORMAT = "slipway-bundle"
FORMAT_VERSION = 1

_STRICT = {"extra": "forbid"}
_NO_DIGEST = "0" * 64
_DIGEST = re.compile(rb'\n "contract_digest": "([0-9a-f]{64})"\n\}\n\Z')
_IDENTITY = "identity"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelIdentity:
    """Which model this is.

    Attributes:
        name: Its folder under the model base path.
        version: TF Serving's version number, >= 1.
        pushed_at: ISO 8601, UTC.
        model_digest: SHA-256 over what TF Serving reads; see layout.model_digest.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    name: str
    version: int
    pushed_at: str
    model_digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeRevision:
    """The sources that made the model.

    Attributes:
        commit: Git's commit id; None where the project is no git checkout.
        is_modified: Whether tracked files differed from that commit.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    commit: str | None
    is_modified: bool | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOrigin:
    """The run that trained the model."""

    __pydantic_config__: ClassVar[Any] = _STRICT
    pipeline: str
    run_id: str
    code: CodeRevision


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """One span of data the run read.

    Attributes:
        span: Its number, >= 1.
        digest: SHA-256 over its files, as its manifest has it.
        num_rows: Rows in its files.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    span: int
    digest: str
    num_rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DataOrigin:
    """The rows the model was trained and judged on.

    Attributes:
        spans: In order of their numbers.
        num_train_rows, num_eval_rows: Rows of the two splits.
        num_unlabelled_rows: Rows left out for want of a label.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    spans: tuple[Span, ...]
    num_train_rows: int
    num_eval_rows: int
    num_unlabelled_rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelContract:
    """What is predicted.

    Attributes:
        name: The label's column in training data; no request holds it.
        classes: Values of output `label`, from low to high probability.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    name: str
    classes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class RawFeature:
    """One feature as a request holds it.

    Attributes:
        name: Its column, and the named tensor of `serving_default`.
        dtype: Of that tensor.
        example_type: Its kind in a tf.Example of `serving_examples`.
        missing: How `serving_default` is told that it is missing: "NaN", or "" for
            text. In a tf.Example a missing feature is absent; in JSON it is null.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    name: str
    dtype: Literal["float32", "string"]
    example_type: Literal["INT", "FLOAT", "BYTES"]
    missing: Literal["NaN", ""]


@dataclass(frozen=True, kw_only=True, slots=True)
class TransformedFeature:
    """One feature as the network sees it; dtype is TensorFlow's name."""

    __pydantic_config__: ClassVar[Any] = _STRICT
    name: str
    dtype: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TensorContract:
    """One input or output of a signature.

    Attributes:
        name: Its key in the signature.
        dtype: TensorFlow's name, such as "float32", "string".
        shape: Sizes; -1 where any size is accepted. None: unknown rank.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    name: str
    dtype: str
    shape: tuple[int, ...] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SignatureContract:
    """What a signature takes and gives, by name in alphabetical order."""

    __pydantic_config__: ClassVar[Any] = _STRICT
    inputs: tuple[TensorContract, ...]
    outputs: tuple[TensorContract, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """One metric on all evaluation rows.

    Attributes:
        name: Such as "auc".
        value: None where it could not be computed.
        low, high: Confidence interval; None where there is no method.
        method: How the interval was computed; None likewise.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    method: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ThresholdCheck:
    """One bound the model was held against.

    Attributes:
        sentence: Metric, slice, value and limit in words.
        is_met: Whether the bound holds.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    sentence: str
    is_met: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """How the model was judged.

    Attributes:
        verdict: The quality gate's sentence.
        confidence: Level of the intervals, in (0, 1).
        metrics: On all evaluation rows.
        checks: Every bound.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    verdict: str
    confidence: float
    metrics: tuple[Metric, ...]
    checks: tuple[ThresholdCheck, ...]


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
    for name in ("format", "format_version", "contract_digest"):
        del document[name]
    try:
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
