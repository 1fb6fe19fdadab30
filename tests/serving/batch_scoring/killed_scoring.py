"""Scores and is ended in the midst of it, in processes forked from this one.

    python killed_scoring.py BUNDLE INPUT FOLDER N…

For each N, a scoring into FOLDER/N is killed at its Nth rename: renames are what makes
files visible, so between two of them lie all the states that a killed scoring can
leave. At last `slipway score` into FOLDER/terminated gets a SIGTERM as it begins to
score; its words go to FOLDER/words. Prints how each ended.

Processes are forked, for importing TensorFlow and Beam takes far longer than scoring.
"""

import os
import signal
import sys
import time
from pathlib import Path

from serving import lean_tensorflow
from serving.batch_scoring import part_files
from serving.batch_scoring.lean_imports import without_unused_modules
from serving.batch_scoring.score_files import ScoreRequest, score_files


def main(bundle, inputs, folder, *numbers):
    # Imported only: a session's threads would not outlive the fork.
    with lean_tensorflow.asked_first(lean_tensorflow._KerasLater()):
        import tensorflow  # noqa: F401
    import apache_beam  # noqa: F401

    for number in numbers:
        child = os.fork()
        if child == 0:
            die_at(int(number))
            score(Path(bundle), inputs, Path(folder) / number)
            os._exit(0)
        tell(child)
    child = os.fork()
    if child == 0:
        score_by_command(bundle, inputs, Path(folder))
    while not (Path(folder) / "terminated" / "_plan.json").exists():
        time.sleep(0.01)
    os.kill(child, signal.SIGTERM)
    tell(child)


def tell(child):
    _, status = os.waitpid(child, 0)
    sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")


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


def score_by_command(bundle, inputs, folder):
    from pipeline import cli

    with (folder / "words").open("wb") as file:
        os.dup2(file.fileno(), 2)
    output = str(folder / "terminated")
    sys.argv = ["slipway", "score", bundle, "--input", inputs, "--output", output]
    cli.main()


if __name__ == "__main__":
    with without_unused_modules():
        main(*sys.argv[1:])
