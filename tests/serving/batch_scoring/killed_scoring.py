"""Scores and is killed at the nth rename, once for each output folder named.

    python killed_scoring.py BUNDLE INPUT N OUTPUT [N OUTPUT]…

Renames are what makes files visible, so between two of them lie all the states that a
killed scoring can leave. Each scoring is a process forked from this one, for importing
TensorFlow and Beam takes far longer than scoring.
"""

import os
import signal
import sys
from itertools import batched
from pathlib import Path

from serving.batch_scoring import part_files
from serving.batch_scoring.lean_imports import without_unused_modules
from serving.batch_scoring.score_files import ScoreRequest, score_files


def main(bundle, inputs, *pairs):
    import apache_beam  # noqa: F401 - for the children
    import tensorflow  # noqa: F401 - likewise; no session before the fork

    for number, output in batched(pairs, 2):
        child = os.fork()
        if child == 0:
            die_at(int(number))
            score(Path(bundle), inputs, Path(output))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        ended = "killed" if os.WIFSIGNALED(status) else "ended by itself"
        sys.stdout.write(f"{ended}\n")


def die_at(number):
    replace_file = part_files.replace_file
    count = 0

    def replace_or_die(temporary, path):
        nonlocal count
        count += 1
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)
        replace_file(temporary, path)

    part_files.replace_file = replace_or_die


def score(bundle, inputs, output):
    score_files(
        ScoreRequest(
            bundle=bundle, inputs=(inputs,), output=output, on_bad_rows="quarantine"
        )
    )


if __name__ == "__main__":
    with without_unused_modules():
        main(*sys.argv[1:])
