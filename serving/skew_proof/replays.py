"""What a proof holds served values against: the rows, run through a known model."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy.typing as npt

from serving.session_model import (
    NAMED_SIGNATURE,
    TRANSFORM_SIGNATURE,
    SessionModel,
)
from serving.skew_proof.logged_rows import OUTPUTS, TRANSFORMED, LoggedRows

Arrays = Mapping[str, npt.NDArray[Any]]


class Replay(Protocol):
    """Computes rows anew.

    Attributes:
        name: What it is, for a sentence: "the bundle", "Transform's graph".
        parts: What it computes: "transformed", "outputs" or both.
    """

    name: str
    parts: tuple[str, ...]

    def run(self, part: str, rows: LoggedRows) -> Arrays:
        """Returns column to values [rows] or [rows, n]; text as object (bytes).

        Args:
            part: One of `parts`.
            rows: At least one.

        Raises:
            ModelRefusedError: The model fails on these rows.
        """

    def close(self) -> None:
        """Gives the model's memory back."""


class BundleReplay:
    """Replays rows through a SavedModel with a bundle's signatures."""

    parts: tuple[str, ...] = (TRANSFORMED, OUTPUTS)

    def __init__(self, model_dir: str, name: str) -> None:
        """Loads the model, the way TF Serving does.

        Args:
            model_dir: A bundle, or the model that one was made of.
            name: See Replay.

        Raises:
            ModelRefusedError: The loader rejects it.
        """
        self.name = name
        self._model = SessionModel(model_dir)

    def run(self, part: str, rows: LoggedRows) -> Arrays:
        """See Replay; outputs come of `serving_default`, bit-equal to the others'."""
        if part == TRANSFORMED:
            return self.transform(rows.examples())
        return self._model.call(NAMED_SIGNATURE, rows.named_tensors())

    def transform(self, examples: npt.NDArray[Any]) -> Arrays:
        """Returns transformed features of serialized tf.Examples, object [rows]."""
        return self._model.call(TRANSFORM_SIGNATURE, {"examples": examples})

    def close(self) -> None:
        """Gives the model's memory back."""
        self._model.close()
