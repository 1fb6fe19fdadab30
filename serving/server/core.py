"""What the transports know of the models behind them.

REST and gRPC turn a request into a ModelSpec, a signature's name and arrays, and hand
them to a Backend; what they get back are arrays and the version that made them. Which
versions there are, how they are loaded and how calls are batched is the Backend's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Arrays = Mapping[str, npt.NDArray[Any]]
"""Tensor name to array; text as object (bytes)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSpec:
    """Which model a request is for.

    Attributes:
        name: The model's name.
        version: Its version; None: the one its policy serves.
        label: A version's label, instead of a version; None: none.
    """

    name: str
    version: int | None = None
    label: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TensorInfo:
    """One input or output of a signature.

    Attributes:
        name: Its key in the signature.
        dtype: numpy's dtype; object for text.
        tf_dtype: TensorFlow's DataType enum value.
        shape: Sizes, -1 where any is accepted; None: unknown rank.
        tensor_name: Its name in the graph.
    """

    name: str
    dtype: np.dtype[Any]
    tf_dtype: int
    shape: tuple[int, ...] | None
    tensor_name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """One signature of a loaded version.

    Attributes:
        name: Its name.
        method_name: TF Serving's, such as "tensorflow/serving/predict".
        inputs, outputs: By name, in alphabetical order.
    """

    name: str
    method_name: str
    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]


class Servable(Protocol):
    """One loaded version; it stays usable until its last request is answered.

    Attributes:
        name: The model's name.
        version: Its version.
        bundle_digest: The contract's; None where the directory has no contract.
        signatures: By name.
        signature_defs: By name, the protobuf messages (for metadata).
    """

    name: str
    version: int
    bundle_digest: str | None
    signatures: Mapping[str, Signature]
    signature_defs: Mapping[str, Any]

    def shared_rows(self, signature: str) -> int:
        """Returns how many rows of several requests may be handed over as one.

        Args:
            signature: Any name.

        Returns:
            0: none; every request is run by itself, or put together by `run`.
        """
        ...

    async def run(
        self,
        signature: str,
        inputs: Arrays,
        outputs: Sequence[str] = (),
        num_requests: int = 1,
    ) -> Arrays:
        """Answers one request; batched with others where that is sound.

        Args:
            signature: A name in `signatures`.
            inputs: Exactly the signature's inputs.
            outputs: Which outputs to fetch; empty: all.
            num_requests: How many requests the rows are of; see shared_rows.

        Raises:
            ServingError: INVALID_ARGUMENT for what the graph or the contract refuses,
                RESOURCE_EXHAUSTED where the queue is full.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionStatus:
    """The state of one version, as GetModelStatus gives it.

    Attributes:
        version: Its number.
        state: "START", "LOADING", "AVAILABLE", "UNLOADING" or "END".
        error_code: 0, or a Code.
        error_message: "" or why it did not load.
    """

    version: int
    state: str
    error_code: int = 0
    error_message: str = ""


class Backend(Protocol):
    """The models of one server."""

    def servable(self, spec: ModelSpec) -> Servable:
        """Returns an available version.

        Raises:
            ServingError: NOT_FOUND with TF Serving's words: "Servable not found for
                request: Latest(name)" or "Specific(name, 3)"; INVALID_ARGUMENT for an
                unknown label; as TF Serving's server_core and util have it.
        """
        ...

    def status(self, spec: ModelSpec) -> list[VersionStatus]:
        """Returns the states of a model's versions, the newest first.

        Raises:
            ServingError: NOT_FOUND.
        """
        ...

    def reload_config(self, config: Any) -> None:
        """Takes over a ModelServerConfig message (HandleReloadConfigRequest).

        Raises:
            ServingError: The configuration cannot be used; the old one stays.
        """
        ...
