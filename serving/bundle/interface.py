"""Parts of a contract: what a request holds, what the graph makes of it, what comes."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

_STRICT = {"extra": "forbid"}


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
