"""A server started with exactly the generated flags and files goes through a release.

Paths inside the container are replaced by those of this machine, ports by free ones,
and the looks for changes come every second.
"""

import json
import shutil
import subprocess
import sys
import urllib.request

import pytest
import yaml

from serving.deploy.generate import deploy
from serving.deploy.options import DeployOptions
from serving.deploy.scripts import apply_step
from serving.server_check.server_process import ServerProcess
from tests.serving.tiny_bundle import build_tiny_bundle

ROW = {"miles": 80.0, "month": 6.0, "carrier": "AA"}
# The one pod's kubectl: it asks the server as `kubectl exec` does, with bash, and
# applies a step by putting its models.config in force.
KUBECTL = """#!{python}
import json, pathlib, shutil, subprocess, sys
arguments = sys.argv[1:]
assert arguments.pop(0) == "--namespace=late"
here = pathlib.Path(__file__).parent
if arguments[:2] == ["get", "pods"]:
    assert arguments[-1] == (
        "app.kubernetes.io/name=rides,app.kubernetes.io/component=model-server"
    )
    pods = [
        ("gone", "Failed", None), ("ends", "Running", "now"), ("a", "Running", None),
    ]
    items = [
        {{"metadata": {{"name": name, "namespace": "late"}}
                      | ({{"deletionTimestamp": at}} if at else {{}}),
          "status": {{"phase": phase}}}}
        for name, phase, at in pods
    ]
    print(json.dumps({{"items": items}}))
elif arguments[:5] == ["exec", "a", "-c", "server", "--"]:
    sys.exit(subprocess.run(arguments[5:]).returncode)
elif arguments[:2] == ["apply", "-k"]:
    source = pathlib.Path(arguments[2]) / "models.config"
    shutil.copyfile(source, here / "active" / "new")
    (here / "active" / "new").replace(here / "active" / "models.config")
else:
    sys.exit(f"error: {{arguments}}")
"""


class Release:
    """A deployment's folder, its server, and what one types there."""

    def __init__(self, bundles, folder):
        self.bundles, self.folder = bundles, folder
        self.server = None

    def generate(self, version, **options):
        fresh = self.folder.parent / f"generated-{version}-{len(options)}"
        shutil.rmtree(fresh, ignore_errors=True)
        bundle = self.bundles / str(version)
        deploy(bundle, fresh, DeployOptions(**({"target": "docker"} | options)))
        for config in fresh.glob("*/models.config"):
            text = config.read_text().replace("/models/rides", str(self.bundles))
            config.write_text(text)
        shutil.copytree(fresh, self.folder, dirs_exist_ok=True)
        if self.server:
            release = self.folder / "release.json"
            document = json.loads(release.read_text())
            document["rest_port"] = self.server.rest_port
            release.write_text(json.dumps(document))

    def flags(self):
        compose = yaml.safe_load((self.folder / "compose.yaml").read_text())
        adapted = []
        for flag in compose["services"]["server"]["command"]:
            name, _, value = flag.partition("=")
            if name in ("--port", "--rest_api_port"):
                continue
            if name.endswith("poll_wait_seconds"):
                value = "1"
            value = value.replace("/config/models", str(self.folder / "active"))
            value = value.replace("/config/server", str(self.folder / "server"))
            adapted.append(f"{name}={value}")
        return adapted

    def apply(self, *arguments):
        return subprocess.run(
            [sys.executable, self.folder / "apply.py", "--timeout=60", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )

    def get(self, path, body=None):
        url = f"{self.server.rest_address}{path}"
        with urllib.request.urlopen(url, body, timeout=20) as answer:  # noqa: S310 - http
            return answer.read()

    def late(self, label):
        """Returns the probability that a label's version gives, rounded."""
        body = json.dumps({"instances": [ROW]}).encode()
        answer = self.get(f"/v1/models/rides/labels/{label}:predict", body)
        (row,) = json.loads(answer)["predictions"]
        return round(row["probability"], 4)

    def is_healthy(self, label="stable"):
        compose = yaml.safe_load((self.folder / "compose.yaml").read_text())
        test = compose["services"]["server"]["healthcheck"]["test"]
        script = test[3].replace("$$", "$").replace("8501", str(self.server.rest_port))
        script = script.replace("labels/stable", f"labels/{label}")
        command = ["/bin/bash", "-ec", script]
        return subprocess.run(command, check=False).returncode == 0


@pytest.fixture(scope="module")
def release(built_tiny_bundle, tmp_path_factory):
    """Version 1 is served, by a server started as the first release says."""
    folder = tmp_path_factory.mktemp("release")
    bundles = folder / "models" / "rides"
    shutil.copytree(built_tiny_bundle, bundles / "1")
    build_tiny_bundle(bundles / "2", version=2, bias=1.0)
    release = Release(bundles, folder / "deploy")
    release.generate(1)
    first = release.apply("1-load", "--url", "http://127.0.0.1:9")
    assert "start the servers now" in first.stdout, first.stderr
    with ServerProcess(release.flags(), log=folder / "log") as server:
        release.server = server
        server.wait_until_available("rides")
        yield release


def test_a_release_over_rest(release):
    release.generate(1)
    old = release.late("stable")
    assert release.late("canary") == old
    assert release.is_healthy()
    assert not release.is_healthy("next")
    metrics = release.get("/monitoring/prometheus/metrics")
    assert b":tensorflow:serving:request_count" in metrics

    release.generate(2, from_version=1)
    # Labels first is what TF Serving refuses: apply.py does not even try.
    before = (release.folder / "active" / "models.config").read_bytes()
    refused = release.apply("2-canary", "--timeout", "0")
    assert refused.returncode == 1
    assert "version 2 is not loaded after 0 s; no label was moved" in refused.stderr
    assert (release.folder / "active" / "models.config").read_bytes() == before

    for step, stable_moves, canary_moves in (
        ("1-load", False, False),
        ("2-canary", False, True),
        ("3-stable", True, True),
        ("1-load", False, False),
    ):
        done = release.apply(step)
        assert (done.returncode, done.stderr) == (0, "")
        assert (release.late("stable") != old) is stable_moves
        assert (release.late("canary") != old) is canary_moves


def test_a_release_over_kubectl_asks_the_pods_that_run(release):
    release.generate(2, target="kubernetes", model_source="pvc:models", from_version=1)
    kubectl = release.folder / "kubectl"
    kubectl.write_text(KUBECTL.format(python=sys.executable))
    kubectl.chmod(0o755)
    options = ("--kubectl", str(kubectl), "-n", "late")
    for step in ("1-load", "2-canary"):
        done = release.apply(step, *options)
        assert (done.returncode, done.stderr) == (0, "")
    assert release.late("canary") != release.late("stable")
    wrong = release.apply("1-load", "--kubectl", str(kubectl), "-n", "other")
    assert wrong.returncode == 1
    assert "get pods" in wrong.stderr


def test_a_release_that_was_made_for_another_version_is_refused(release):
    release.generate(2, from_version=1)
    path = release.folder / "release.json"
    path.write_text(
        path.read_text().replace('"versions": [1, 2]', '"versions": [8, 9]')
    )
    refused = release.apply("1-load")
    assert refused.returncode == 1
    assert "label stable names version 1" in refused.stderr
    assert "Generate it again with --from-version 1" in refused.stderr


def test_a_step_that_is_not_reached_says_how_to_go_back(release):
    release.generate(2, from_version=1)
    path = release.folder / "release.json"
    document = json.loads(path.read_text())
    document["steps"]["1-load"]["labels"]["stable"] = 2
    path.write_text(json.dumps(document))
    late = release.apply("1-load", "--timeout", "0")
    assert late.returncode == 1
    assert "label stable names 1, not 2 after 0 s" in late.stderr
    assert "to go back: python3 apply.py 1-load" in late.stderr


def test_a_step_there_is_not_is_refused(release):
    release.generate(1)
    assert release.apply("4-none").returncode == 2


def test_the_script_asks_nothing_of_a_server_that_is_not_there():
    servers = apply_step.ComposeServers("http://127.0.0.1:9")
    assert servers.names() == []
    assert servers.get("http://127.0.0.1:9", "/v1/models/rides") is None
