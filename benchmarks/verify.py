"""What verifying a bundle costs beside loading TensorFlow and the model.

    python -m benchmarks.verify BUNDLE

Each is a process of its own, three times in turn; the medians are compared.
"""

import statistics
import subprocess
import sys
import time

from rich.console import Console
from rich.table import Table

ROUNDS = 3
_LOAD = (
    "import sys\n"
    "from serving.lean_tensorflow import preload_tensorflow\n"
    "from serving.session_model import SessionModel\n"
    "preload_tensorflow()\n"
    "SessionModel(sys.argv[1])\n"
)
_STOCK_LOAD = (
    "import sys\n"
    "import tensorflow as tf\n"
    "with tf.Graph().as_default(), tf.compat.v1.Session() as session:\n"
    "    tf.compat.v1.saved_model.load(session, ['serve'], sys.argv[1])\n"
)


def main() -> int:
    """Prints the medians and their ratios; returns 1 if the bundle is refused."""
    if len(sys.argv) != 2:  # noqa: PLR2004 - the program and its argument
        sys.stderr.write("usage: python -m benchmarks.verify BUNDLE\n")
        return 2
    bundle = sys.argv[1]
    commands = {
        "load, as TensorFlow's users do": ["-c", _STOCK_LOAD, bundle],
        "load, as slipway does": ["-c", _LOAD, bundle],
        "verify": ["-m", "serving.bundle.verify", bundle],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, arguments in commands.items():
            started = time.monotonic()
            done = subprocess.run(  # noqa: S603 - our own modules
                [sys.executable, *arguments], capture_output=True, check=False
            )
            if done.returncode:
                sys.stderr.write(done.stdout.decode() + done.stderr.decode())
                return 1
            seconds[name].append(time.monotonic() - started)
    medians = {name: statistics.median(found) for name, found in seconds.items()}
    base = medians["load, as slipway does"]
    table = Table("process", "median s", "beside loading", "ratio", box=None)
    for name, median in medians.items():
        table.add_row(
            name, f"{median:.2f}", f"{median - base:+.2f} s", f"{median / base:.2f}"
        )
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
