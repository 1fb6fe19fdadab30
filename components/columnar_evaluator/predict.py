"""Runs a SavedModel's signature on batches of serialized tf.Examples."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelPlan:
    """Where a model lies and how its answers are read.

    Attributes:
        name: "candidate" or "baseline"; "" for a single model, as in TFMA.
        path: Folder of the SavedModel.
        signature_name: Signature that takes serialized tf.Examples.
        prediction_key: The signature's output with the probability of label 1.
        label_key: Column of the label, 0 or 1.
    """

    name: str
    path: str
    signature_name: str
    prediction_key: str
    label_key: str

    def __str__(self) -> str:
        return f"model {self.name or 'candidate'!r} ({self.path})"


class LoadedModel:
    """A SavedModel in memory."""

    def __init__(self, plan: ModelPlan) -> None:
        """Loads the model.

        Raises:
            ValueError: The signature is missing or takes more than one input.
        """
        import tensorflow as tf

        self._plan = plan
        self._loaded = tf.saved_model.load(plan.path)  # owns the variables
        signatures = self._loaded.signatures
        if plan.signature_name not in signatures:
            raise ValueError(
                f"{plan} has no signature {plan.signature_name!r}; "
                f"it has {', '.join(sorted(signatures))}."
            )
        self._signature = signatures[plan.signature_name]
        _, inputs = self._signature.structured_input_signature
        if len(inputs) != 1:
            raise ValueError(
                f"signature {plan.signature_name!r} of {plan} takes "
                f"{', '.join(sorted(inputs))}; expected serialized tf.Examples only."
            )
        self._input = next(iter(inputs))

    def predict(self, serialized_examples: Any) -> npt.NDArray[np.floating]:
        """Returns the probability of label 1 for each row.

        Args:
            serialized_examples: string tensor or object array [rows]. tf.Examples.

        Returns:
            float [rows]. In [0, 1], in the model's own precision.

        Raises:
            ValueError: The output is missing, has another shape, or a value is no
                probability.
        """
        import tensorflow as tf

        outputs = self._signature(
            **{self._input: tf.convert_to_tensor(serialized_examples, tf.string)}
        )
        if self._plan.prediction_key not in outputs:
            raise ValueError(
                f"signature {self._plan.signature_name!r} of {self._plan} has no "
                f"output {self._plan.prediction_key!r}; "
                f"it has {', '.join(sorted(outputs))}."
            )
        return self._check(
            outputs[self._plan.prediction_key].numpy(), len(serialized_examples)
        )

    def _check(
        self, output: npt.NDArray[np.floating], rows: int
    ) -> npt.NDArray[np.floating]:
        where = f"output {self._plan.prediction_key!r} of {self._plan}"
        if output.shape not in ((rows,), (rows, 1)):
            raise ValueError(
                f"{where} has shape {list(output.shape)} for {rows} rows; "
                f"expected [{rows}] or [{rows}, 1]."
            )
        predictions = output.reshape(rows)
        wrong = ~((predictions >= 0) & (predictions <= 1))  # True for NaN
        if wrong.any():
            raise ValueError(
                f"{where} is no probability in {int(wrong.sum()):,} of {rows:,} rows "
                f"of a batch, for example {predictions[wrong][0]}; metrics of such a "
                "model mean nothing."
            )
        return predictions
