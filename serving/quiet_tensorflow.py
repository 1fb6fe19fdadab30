"""Imports TensorFlow without the dozen lines it writes to the terminal each time.

Those lines come from C++ before Python has a say: which optimizations were compiled in,
that there is no GPU. They say nothing about the model, and hide what does.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2


def preload_tensorflow() -> None:
    """Imports TensorFlow and lets only errors through from then on.

    What an import that fails wrote is shown.

    Raises:
        ModuleNotFoundError: TensorFlow is not installed.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _captured_stderr():
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")
        # The first session looks for GPUs, and says once more that there is none.
        with tf.Graph().as_default():
            tf.compat.v1.Session().close()


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
