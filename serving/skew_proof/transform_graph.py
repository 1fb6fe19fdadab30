"""Transform's own graph, as the run wrote it, run on logged rows.

    {transform_graph}/
      transform_fn/          a SavedModel with a tf.function `transform_fn`
      metadata/              schema of its input

A model folder that was changed on disk answers a replay as it answered the requests:
nothing differs. The graph in the run's artifacts is another file that nobody serves.

Source: tensorflow_transform, tf_metadata and saved/saved_transform_io_v2.py, for the
tree and for the function's name and its inputs.
"""

from pathlib import Path
from typing import Any

from serving.session_model import ModelRefusedError
from serving.skew_proof.logged_rows import TRANSFORMED, LoggedRows
from serving.skew_proof.replays import Arrays

TRANSFORM_FN = "transform_fn"


class TransformGraphReplay:
    """Replays rows through a TransformGraph artifact, which has no outputs."""

    parts: tuple[str, ...] = (TRANSFORMED,)
    name = "Transform's graph"

    def __init__(self, transform_graph: Path) -> None:
        """Loads the graph.

        Args:
            transform_graph: The artifact's folder.

        Raises:
            ModelRefusedError: It cannot be loaded, or holds no `transform_fn`.
        """
        import tensorflow as tf

        folder = transform_graph / TRANSFORM_FN
        try:
            # The function is of the object graph, which the v1 loader does not see.
            self._loaded = tf.saved_model.load(str(folder))
            function = self._loaded.transform_fn
            self._specs = dict(function.structured_input_signature[0][0])
        except (
            OSError,
            ValueError,
            AttributeError,
            LookupError,
            TypeError,
            tf.errors.OpError,
        ) as error:
            raise ModelRefusedError(
                f"{folder} is no graph of Transform's: {type(error).__name__}: "
                f"{error}. Leave the run's artifacts out with --no-artifacts."
            ) from error
        self._function = function

    def run(self, part: str, rows: LoggedRows) -> Arrays:
        """See Replay; a feature of no request, such as the label, is missing."""
        import tensorflow as tf

        if part != TRANSFORMED:
            raise ValueError(
                f"Transform's graph has no {part}; expected {TRANSFORMED}."
            )
        asked = {feature.name for feature in rows.features}
        parsing = {
            name: tf.io.VarLenFeature(spec.dtype)
            for name, spec in self._specs.items()
            if name in asked
        }
        try:
            inputs = dict(tf.io.parse_example(rows.examples(), parsing))
            for name, spec in self._specs.items():
                if name not in inputs:
                    inputs[name] = _all_missing(spec, rows.num_rows)
            answers = self._function(inputs)
        except (tf.errors.OpError, ValueError, TypeError) as error:
            raise ModelRefusedError(
                f"Transform's graph fails on logged rows: {error}"
            ) from error
        return {name: values.numpy() for name, values in answers.items()}

    def close(self) -> None:
        """Lets the graph go."""
        del self._loaded, self._function


def _all_missing(spec: Any, num_rows: int) -> Any:
    import tensorflow as tf

    return tf.SparseTensor(
        indices=tf.zeros([0, 2], tf.int64),
        values=tf.zeros([0], spec.dtype),
        dense_shape=[num_rows, 1],
    )
