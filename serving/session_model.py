"""A SavedModel in a v1 session: the way TF Serving loads and runs it.

`tf.saved_model.load` accepts models that TF Serving's C++ loader rejects at the first
request (a Keras 3 model saved as such does so, with "Could not find variable"), so
nothing here uses it.
"""

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

NAMED_SIGNATURE = "serving_default"
EXAMPLES_SIGNATURE = "serving_examples"
TRANSFORM_SIGNATURE = "transform_features"


class ModelRefusedError(RuntimeError):
    """The model cannot be served as it is; the text says which check failed and how.

    Attributes:
        exit_code: What the command line exits with.
    """

    exit_code: ClassVar[int] = 5


class SessionModel:
    """A SavedModel in a v1 session, called by signature name.

    Attributes:
        load_s: Seconds to load it, TensorFlow's import left out.
        signatures: Signature name to its SignatureDef.
    """

    def __init__(self, model_dir: str) -> None:
        """Loads the model.

        Raises:
            ModelRefusedError: The loader rejects it.
        """
        import tensorflow as tf

        self._session = _open_session()
        started = time.monotonic()
        try:
            with self._session.graph.as_default():
                meta_graph = tf.compat.v1.saved_model.load(
                    self._session, ["serve"], model_dir
                )
        except (
            OSError,
            ValueError,
            TypeError,
            LookupError,  # a node or variable that is not there
            RuntimeError,
            tf.errors.OpError,
        ) as error:
            self._session.close()
            raise ModelRefusedError(
                f"the loader rejects the model: {_reason(error)}"
            ) from error
        self.load_s = time.monotonic() - started
        self.signatures = {
            name: definition
            for name, definition in meta_graph.signature_def.items()
            if not name.startswith("__")
        }

    def input_dtypes(self, signature: str) -> dict[str, np.dtype]:
        """Returns input name to numpy dtype (object for text)."""
        import tensorflow as tf

        return {
            name: np.dtype(tf.dtypes.as_dtype(info.dtype).as_numpy_dtype)
            for name, info in self.signatures[signature].inputs.items()
        }

    def call(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Runs one signature.

        Args:
            signature: Its name.
            inputs: Input name to array [rows].

        Returns:
            Output name to array [rows] or [rows, n]; text as object (bytes).

        Raises:
            ModelRefusedError: The signature is missing or fails on these rows.
        """
        import tensorflow as tf

        if signature not in self.signatures:
            raise ModelRefusedError(
                f"signature {signature!r} is missing; the model has "
                f"{', '.join(sorted(self.signatures)) or 'none'}."
            )
        definition = self.signatures[signature]
        fetches = {name: info.name for name, info in definition.outputs.items()}
        try:
            feeds = {
                definition.inputs[name].name: value for name, value in inputs.items()
            }
            return dict(self._session.run(fetches, feeds))
        except (tf.errors.OpError, ValueError, TypeError) as error:
            raise ModelRefusedError(
                f"signature {signature!r} fails on a real row: {_reason(error)}"
            ) from error

    def close(self) -> None:
        """Gives the session's memory back."""
        self._session.close()


def _open_session() -> Any:
    """Opens a session on an empty graph that passes errors on as they come.

    TensorFlow's own looks for node names in the text of an error, in a time that grows
    with the square of its length. A text that quotes a model's functions, as that of a
    lost one does, has megabytes: it would search for hours.
    """
    import tensorflow as tf

    class Session(tf.compat.v1.Session):
        def _do_call(self, function: Callable[..., Any], *arguments: Any) -> Any:
            return function(*arguments)

    return Session(graph=tf.Graph())


# What TensorFlow puts around the reason.
_NOISE = re.compile(
    r"Graph execution error|Detected at node|<stack traces|\d+ root error|\[\[|\s*File "
)
_RESTORING = "Original error:"
_TAGS = re.compile(r"^(?:\(\d+\) |\{\{[^{}]*\}\} ?)+")


def _reason(error: BaseException) -> str:
    """Returns the line of TensorFlow's text that says what went wrong."""
    text = getattr(error, "message", None) or str(error)
    text = text.rpartition(_RESTORING)[2] or text
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if not _NOISE.match(line)]
    chosen = (telling or lines or [repr(error)])[0]
    return _TAGS.sub("", chosen)
