"""What a model answers: the values, and which version of it gave them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_BYTES_SUFFIX = "_bytes"


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """The outputs of a signature; the same over REST and over gRPC.

    Attributes:
        outputs: Name to array of the dtype that the signature says, the rows first;
            text as object, an element a `bytes`.
        model_version: That answered; None: the server does not say (TF Serving's REST).
        bundle_digest: The version's identity, 64 hexadecimal digits; None: it has none,
            or the server does not say (TF Serving).
        request_id: That the server's log has.
    """

    outputs: Mapping[str, npt.NDArray[Any]]
    model_version: int | None
    bundle_digest: str | None
    request_id: str

    def rows(self) -> list[dict[str, Any]]:
        """Returns one dict a row of plain Python values, as the row format has them.

        Text is str, but for outputs named `*_bytes`, whose values are bytes; a value
        with more than one element is a list.

        Raises:
            ValueError: An output has no rows, another number of them than the others,
                or text that is no UTF-8.
        """
        sizes = {
            name: len(values) if values.ndim else None
            for name, values in self.outputs.items()
        }
        if len(set(sizes.values())) > 1 or None in sizes.values():
            raise ValueError(f"outputs have no common number of rows: {sizes}.")
        columns = [
            _plain(values, is_text=not name.endswith(_BYTES_SUFFIX))
            for name, values in self.outputs.items()
        ]
        return [
            dict(zip(self.outputs, row, strict=True))
            for row in zip(*columns, strict=True)
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Classification:
    """The answer of a classification signature.

    Attributes:
        results: For each example its classes, as pairs of label and score.
        model_version, bundle_digest, request_id: As in Prediction.
    """

    results: tuple[tuple[tuple[str, float], ...], ...]
    model_version: int | None
    bundle_digest: str | None
    request_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Regression:
    """The answer of a regression signature.

    Attributes:
        values: float32 [examples].
        model_version, bundle_digest, request_id: As in Prediction.
    """

    values: npt.NDArray[np.float32]
    model_version: int | None
    bundle_digest: str | None
    request_id: str


def _plain(values: npt.NDArray[Any], *, is_text: bool) -> Any:
    if values.dtype != object or not is_text:
        return values.tolist()
    decoded = np.empty(values.shape, object)
    decoded.ravel()[:] = [value.decode() for value in values.ravel()]
    return decoded.tolist()
