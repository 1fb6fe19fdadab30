"""Jars and a Flink that only tell their versions."""

import json
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

FILES = {
    "beam": (
        "org/apache/beam/sdk/sdk.properties",
        "# SDK\nversion={}\nsdk_version=x\n",
    ),
    "flink": (".flink-runtime.version.properties", "git.tags=\nproject.version={}\n"),
    "spark": ("spark-version-info.properties", "version={}\nuser=\n"),
}


@pytest.fixture
def write_jar(tmp_path):
    """Writes a jar with the version files of what it is said to hold."""

    def write(name="jobs.jar", **versions):
        path = tmp_path / name
        with zipfile.ZipFile(path, "w") as archive:
            for product, version in versions.items():
                file, text = FILES[product]
                archive.writestr(file, text.format(version))
        return path

    return write


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(self.server.answers.get(self.path)).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def rest_of_flink():
    """A Flink's REST interface of 1.19.0 with two slots; `answers` can be changed."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        server.answers = {
            "/config": {"flink-version": "1.19.0"},
            "/overview": {"slots-total": 2},
        }
        server.address = f"localhost:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
