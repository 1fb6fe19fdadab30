"""What a server tells of a model: its versions' states, its signatures."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionStatus:
    """One version's state.

    Attributes:
        version: Its number.
        state: "START", "LOADING", "AVAILABLE", "UNLOADING" or "END"; "UNKNOWN".
        error_code: Name of gRPC's code; "OK": nothing is wrong.
        error_message: Why it does not serve; "": nothing is wrong.

    Source: tensorflow_serving/apis/get_model_status.proto.
    """

    version: int
    state: str
    error_code: str
    error_message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TensorInfo:
    """An input or output of a signature.

    Attributes:
        dtype: TensorFlow's name, such as "DT_FLOAT".
        shape: Sizes; -1: any. None: of any rank.
    """

    dtype: str
    shape: tuple[int, ...] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SignatureInfo:
    """One signature.

    Attributes:
        method_name: Such as "tensorflow/serving/predict"; may be "".
        inputs, outputs: By the names that requests and answers use.
    """

    method_name: str
    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelMetadata:
    """The signatures of one version.

    Attributes:
        version: Of the model.
        signatures: By name.
    """

    version: int
    signatures: Mapping[str, SignatureInfo]
