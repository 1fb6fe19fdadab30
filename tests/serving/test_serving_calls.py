"""Every call in docs/serving.md does what the page says.

The model is a small one with the names of the flights model, in a bundle of its own:
the page is for who has just run `make demo`, which takes minutes, while the protocol
and the shape of the answers are the same for both.
"""

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from serving.client.rest_client import RestClient
from tests.serving.client.page_blocks import is_as_shown, read_blocks

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = read_blocks(ROOT / "docs" / "serving.md")
FILES = [block for block in BLOCKS if block.code.startswith("cat > ")]
(SERVE,) = [block for block in BLOCKS if block.code.startswith("slipway ")]
CALLS = [block for block in BLOCKS if block not in FILES and block is not SERVE]
TOOLS = os.pathsep.join(
    [str(Path(sys.executable).parent), os.environ["PATH"], str(Path.home() / "go/bin")]
)


class Page:
    """A folder with the page's files, a server in it, and its ports."""

    def __init__(self, folder):
        self.folder = folder
        with contextlib.ExitStack() as open_sockets:
            probes = [open_sockets.enter_context(socket.socket()) for _ in range(2)]
            for probe in probes:
                probe.bind(("127.0.0.1", 0))
            rest, grpc = (str(probe.getsockname()[1]) for probe in probes)
        self.ports = {"8501": rest, "8500": grpc}

    def with_ports(self, text):
        return re.sub(r"\b850[01]\b", lambda found: self.ports[found.group()], text)

    def without_ports(self, text):
        shown = {port: default for default, port in self.ports.items()}
        pattern = rf"\b({'|'.join(shown)})\b"
        return re.sub(pattern, lambda found: shown[found.group()], text)

    def run_sh(self, code):
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", self.with_ports(code)],  # noqa: S607 - the machine's
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PATH": TOOLS},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return self.without_ports(done.stdout)

    def run_python(self, code):
        printed = io.StringIO()
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(printed):
            exec(compile(self.with_ports(code), "docs/serving.md", "exec"), {})  # noqa: S102 - the page's
        return self.without_ports(printed.getvalue())

    def start_server(self, log):
        """Runs the page's command, told which ports and which model."""
        arguments = [
            *shlex.split(SERVE.code.removeprefix("slipway ").replace("\\\n", " ")),
            f"--rest-port={self.ports['8501']}",
            f"--grpc-port={self.ports['8500']}",
            "--model-base-path=var/flights/models/flights",
        ]
        return subprocess.Popen(
            [str(Path(sys.executable).parent / "slipway"), *arguments],
            cwd=self.folder,
            stdout=log.open("w"),
            stderr=subprocess.STDOUT,
        )

    def wait_until_ready(self, process, log):
        with RestClient(f"127.0.0.1:{self.ports['8501']}", "flights") as client:
            end_s = time.monotonic() + 120
            while not client.is_ready():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < end_s, log.read_text()
                time.sleep(0.05)


@pytest.fixture(scope="module")
def page(tmp_path_factory, built_tiny_bundle):
    from tests.serving.client.flights_bundle import build_flights_bundle

    made = Page(tmp_path_factory.mktemp("page"))
    for block in FILES:
        assert made.run_sh(block.code) == block.output
    rows = json.loads((made.folder / "rows.json").read_text())["instances"]
    version = made.folder / "var/flights/models/flights/1"
    build_flights_bundle(version, built_tiny_bundle, rows)
    log = made.folder / "server.log"
    process = made.start_server(log)
    try:
        made.wait_until_ready(process, log)
        yield made
    finally:
        process.terminate()
        process.wait(30)


def test_server_says_where_it_serves_as_the_page_shows(page):
    printed = (page.folder / "server.log").read_text()
    shown = printed[: printed.index("stop   Ctrl-C\n") + len("stop   Ctrl-C\n")]
    assert is_as_shown(SERVE.output, page.without_ports(shown)), shown


@pytest.mark.parametrize("block", CALLS, ids=lambda block: f"line-{block.line}")
def test_call_answers_as_the_page_shows(page, block):
    if "grpcurl" in block.code and shutil.which("grpcurl", path=TOOLS) is None:
        pytest.skip("grpcurl is not installed: make tools")
    run = page.run_python if block.language == "python" else page.run_sh
    printed = run(block.code)
    assert is_as_shown(block.output, printed), printed


@pytest.mark.parametrize(
    ("shown", "printed", "expected"),
    [
        ("a …\n", "a 0.5\n", True),
        ("a …\n", "a 0.5\nb\n", False),
        ("a.c\n", "abc\n", False),
        ("", "x\n", False),
    ],
    ids=["ellipsis", "another-line", "no-pattern", "unexpected"],
)
def test_output_is_compared_with_the_page(shown, printed, expected):
    assert is_as_shown(shown, printed) is expected
