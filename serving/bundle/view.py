"""A bundle being checked: its parts, each read once and only when a check asks."""

import functools
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.bundle import golden_batch, library_versions, schema_file
from serving.bundle.contract import (
    Contract,
    RawFeature,
    SealedContract,
    read_contract,
)
from serving.bundle.errors import BundleRefusedError
from serving.bundle.golden_batch import GoldenBatch
from serving.session_model import (
    EXAMPLES_SIGNATURE,
    NAMED_SIGNATURE,
    TRANSFORM_SIGNATURE,
    ModelRefusedError,
    SessionModel,
)

Answers = Mapping[str, Mapping[str, npt.NDArray[Any]]]


@dataclass(kw_only=True)
class BundleView:
    """One bundle while its guards look at it.

    Attributes:
        path: The version's folder.
        allow_other_tensorflow: Whether another TensorFlow major.minor may pass.
        running_versions: PyPI name to version of what runs here.
        warnings: What a guard let pass but wants to be known.
    """

    path: Path
    allow_other_tensorflow: bool = False
    running_versions: Mapping[str, str] = field(
        default_factory=library_versions.installed_versions
    )
    warnings: list[str] = field(default_factory=list)

    @functools.cached_property
    def sealed(self) -> SealedContract:
        """The contract and the bundle's digest."""
        return read_contract(self.path)

    @property
    def contract(self) -> Contract:
        """The contract alone."""
        return self.sealed.contract

    @property
    def raw_features(self) -> tuple[RawFeature, ...]:
        """Raw features in order."""
        return self.contract.raw_features

    @functools.cached_property
    def golden(self) -> GoldenBatch:
        """The golden batch."""
        return golden_batch.read_golden_batch(self.path)

    @functools.cached_property
    def schema(self) -> Any:
        """The schema, a schema_pb2.Schema."""
        return schema_file.read_schema(self.path)

    @functools.cached_property
    def model(self) -> SessionModel:
        """The model, loaded as TF Serving does."""
        try:
            return SessionModel(str(self.path))
        except ModelRefusedError as error:
            raise BundleRefusedError("signatures", f"{error}.") from error

    @functools.cached_property
    def inputs(self) -> Answers:
        """The golden rows as the inputs of every signature."""
        features = self.raw_features
        serialized = golden_batch.serialized_examples(self.golden, features)
        examples = {"examples": np.array(serialized, dtype=object)}
        return {
            NAMED_SIGNATURE: golden_batch.named_tensors(self.golden, features),
            EXAMPLES_SIGNATURE: examples,
            TRANSFORM_SIGNATURE: examples,
        }

    @functools.cached_property
    def answers(self) -> Answers:
        """What every signature makes of the golden rows."""
        return self.ask()

    def ask(self) -> Answers:
        """Asks every signature once more, all at the same time.

        The first call of a signature optimizes its graph, which takes most of a
        check's time and keeps one core busy.

        Raises:
            BundleRefusedError: One cannot answer.
        """
        signatures = tuple(self.inputs)
        model, inputs = self.model, self.inputs
        try:
            with ThreadPoolExecutor(len(signatures)) as pool:
                answers = pool.map(
                    lambda signature: model.call(signature, inputs[signature]),
                    signatures,
                )
                return dict(zip(signatures, answers, strict=True))
        except ModelRefusedError as error:
            raise BundleRefusedError("golden_batch", f"{error}.") from error

    def close(self) -> None:
        """Gives the model's memory back, if it was loaded."""
        if "model" in self.__dict__:
            self.model.close()
