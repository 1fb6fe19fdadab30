"""Imports TensorFlow for serving: without Keras, and without lines nobody asked for.

TensorFlow's own import runs Keras, and with it scipy, pandas and scikit-learn, only to
register optimizers for training; it takes 40 % of the time (11.2 s against 6.8 s on two
slow cores). A SavedModel in a session needs none of it. TensorFlow passes over a Keras
that cannot be imported, so Keras is made so for the length of the import; afterwards
`import keras` and `tf.keras` work as ever.

The lines come from C++ before Python has a say: which optimizations were compiled in,
that there is no GPU. They say nothing about the model, and hide what does.
"""

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from serving.collector_pause import collector_paused
from serving.left_out import LeftOut, asked_first

_STDERR = 2
_LATER = LeftOut("while TensorFlow is loaded")


def preload_tensorflow() -> None:
    """Imports TensorFlow if it is not yet, and lets only errors through from then on.

    What an import that fails wrote is shown.

    Raises:
        ModuleNotFoundError: TensorFlow is not installed.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _captured_stderr(), asked_first(_KerasLater()), collector_paused():
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")
        # The first session looks for GPUs, and says once more that there is none.
        with tf.Graph().as_default():
            tf.compat.v1.Session().close()


class _KerasLater(MetaPathFinder):
    """Finds Keras where it is, and a loader that does not run it."""

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Returns a specification for Keras, None for everything else."""
        if name != "keras":
            return None
        found = PathFinder.find_spec(name, path, target)
        if found is None:
            return None
        # TensorFlow asks where Keras lies before it imports it.
        later = ModuleSpec(name, _LATER, origin=found.origin, is_package=True)
        later.submodule_search_locations = found.submodule_search_locations
        later.has_location = True
        return later


@contextmanager
def _captured_stderr() -> Iterator[None]:
    """Keeps what C++ and Python write to file descriptor 2; shows it on an error."""
    sys.stderr.flush()
    kept = os.dup(_STDERR)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), _STDERR)
        try:
            yield
        except BaseException:
            os.dup2(kept, _STDERR)
            file.seek(0)
            sys.stderr.write(file.read().decode("utf-8", "replace"))
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, _STDERR)
            os.close(kept)
