"""`python -m serving.server`: the model server."""

import os
import sys

from serving.server.main import main

if __name__ == "__main__":
    exit_code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # TensorFlow's threads may be in the middle of something that nobody waits for.
    os._exit(exit_code)
