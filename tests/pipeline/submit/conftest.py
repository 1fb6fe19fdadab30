"""A small compiled pipeline in both forms, and a host that takes it."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from pipeline.submit.compiled_file import read_compiled

SERVER = Path(__file__).with_name("recording_server.py")

SPEC = {
    "pipelineInfo": {"name": "rides"},
    "schemaVersion": "2.1.0",
    "sdkVersion": "tfx-1.21.0",
    "defaultPipelineRoot": "gs://bucket/rides",
    "components": {
        "comp-trainer": {
            "executorLabel": "exec-trainer",
            "inputDefinitions": {
                "parameters": {"steps": {"parameterType": "NUMBER_INTEGER"}}
            },
        }
    },
    "deploymentSpec": {
        "executors": {
            "exec-trainer": {
                "container": {
                    "image": "registry.example/slipway@sha256:" + "5c" * 32,
                    "command": ["python", "-m", "trainer"],
                }
            }
        }
    },
    "root": {
        "dag": {
            "tasks": {
                "trainer": {
                    "componentRef": {"name": "comp-trainer"},
                    "inputs": {
                        "parameters": {"steps": {"componentInputParameter": "steps"}}
                    },
                    "taskInfo": {"name": "trainer"},
                }
            }
        },
        "inputDefinitions": {
            "parameters": {
                "last_span": {"parameterType": "NUMBER_INTEGER"},
                "steps": {"parameterType": "NUMBER_INTEGER", "defaultValue": 100},
                "min_auc": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.6},
                "note": {"parameterType": "STRING", "isOptional": True},
                "is_trial": {"parameterType": "BOOLEAN", "defaultValue": False},
                "slices": {"parameterType": "LIST", "defaultValue": ["origin"]},
                "limits": {"parameterType": "STRUCT", "defaultValue": {}},
            }
        },
    },
}
PLATFORM = {
    "platforms": {
        "kubernetes": {
            "deploymentSpec": {
                "executors": {"exec-trainer": {"imagePullPolicy": "Always"}}
            }
        }
    }
}


@dataclass
class Host:
    """A server in a process of its own."""

    folder: Path
    url: str

    def answers(self, **told):
        """Tells it what to answer; {"GET /path": {"status": 200, "body": {}}}."""
        (self.folder / "answers.json").write_text(json.dumps(told))

    def asked(self):
        """Returns the requests so far."""
        path = self.folder / "requests.jsonl"
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text().splitlines()]

    def forget(self):
        (self.folder / "requests.jsonl").unlink(missing_ok=True)
        self.answers()


def start_host(folder, *certificate):
    """Starts a server; returns its process and the host."""
    (folder / "answers.json").write_text("{}")
    process = subprocess.Popen([sys.executable, SERVER, folder, *certificate])
    deadline = time.monotonic() + 30
    while not (folder / "port").exists():
        assert process.poll() is None, "the server ended"
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.02)
    scheme = "https" if certificate else "http"
    port = (folder / "port").read_text()
    return process, Host(folder, f"{scheme}://127.0.0.1:{port}")


@pytest.fixture(scope="session")
def running_host(tmp_path_factory):
    process, host = start_host(tmp_path_factory.mktemp("host"))
    yield host
    process.kill()
    process.wait()


@pytest.fixture
def host(running_host, monkeypatch):
    """The session's server, with nothing asked yet and nothing to answer."""
    monkeypatch.delenv("KF_PIPELINES_ENDPOINT", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    running_host.forget()
    return running_host


@pytest.fixture
def kubeflow_file(tmp_path):
    """Two YAML documents, as for Kubeflow."""
    path = tmp_path / "rides.yaml"
    path.write_text(yaml.safe_dump_all([SPEC, PLATFORM]))
    return path


@pytest.fixture
def vertex_file(tmp_path):
    """JSON of a PipelineJob, as for Vertex AI."""
    job = {
        "displayName": "rides",
        "labels": {"tfx_version": "1-21-0"},
        "pipelineSpec": SPEC,
        "runtimeConfig": {
            "gcsOutputDirectory": "gs://bucket/rides",
            "parameterValues": {"last_span": 12},
        },
    }
    path = tmp_path / "rides.json"
    path.write_text(json.dumps(job))
    return path


@pytest.fixture
def compiled(kubeflow_file):
    return read_compiled(kubeflow_file)
