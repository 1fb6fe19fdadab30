"""TensorFlow for serving loads without Keras; Keras works when somebody asks for it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )


def test_keras_is_left_out_until_it_is_asked_for():
    done = run(
        "import sys\n"
        "from serving.lean_tensorflow import preload_tensorflow\n"
        "preload_tensorflow()\n"
        "print('keras' in sys.modules, 'sklearn' in sys.modules)\n"
        "import tensorflow as tf\n"
        "print(tf.keras.layers.Dense(3)(tf.ones([2, 4])).shape)\n"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["False False", "(2, 3)"]


def test_nothing_is_written_to_the_terminal():
    done = run(
        "from serving.lean_tensorflow import preload_tensorflow\n"
        "preload_tensorflow()\n"
        "import tensorflow as tf\n"
        "tf.compat.v1.Session().close()\n"
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_what_a_failing_import_wrote_is_shown(tmp_path):
    (tmp_path / "tensorflow.py").write_text(
        "import os\nos.write(2, b'libcuda is broken\\n')\nraise RuntimeError('no')\n"
    )
    done = run(
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from serving.lean_tensorflow import preload_tensorflow\n"
        "preload_tensorflow()\n"
    )
    assert done.returncode == 1
    assert "libcuda is broken" in done.stderr
    assert "RuntimeError: no" in done.stderr
