"""Processes that log numbered requests until they are killed.

    python -m tests.serving.prediction_log.killed_writer LOG_DIR COUNTS_DIR

Ten are forked at once, each killed at a moment of its own. What each was offered stands
in COUNTS_DIR/{number}, one number a line, the last of which counts.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from serving.prediction_log.log_config import LogConfig
from serving.prediction_log.log_writer import PredictionLogWriter
from tests.serving.prediction_log.rides_log import ride

KILLS = 10
BUFFER_ROWS, ROTATE_ROWS = 2000, 200


def main():
    log_dir, counts_dir = Path(sys.argv[1]), Path(sys.argv[2])
    pa.array(np.zeros(1))  # imports pandas once for all
    children = []
    for number in range(KILLS):
        child = os.fork()
        if not child:
            log_forever(log_dir, counts_dir, number)
        children.append(child)
    moments = random.Random(7)  # noqa: S311 - moments of kills
    for number, child in enumerate(children):
        counts = counts_dir / str(number)
        while not counts.exists() or counts.stat().st_size < 4000:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.3))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def log_forever(log_dir, counts_dir, name):
    writer = PredictionLogWriter(
        LogConfig(
            log_dir=log_dir,
            rotate_rows=ROTATE_ROWS,
            rotate_s=0.1,
            buffer_rows=BUFFER_ROWS,
        )
    )
    counts = os.open(counts_dir / str(name), os.O_WRONLY | os.O_CREAT)
    number = 0
    while True:
        if writer.offer(ride(f"{name}-{number}")):
            number += 1
            os.write(counts, b"%d\n" % number)
        time.sleep(0.0005)


if __name__ == "__main__":
    main()
