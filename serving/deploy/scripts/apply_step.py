#!/usr/bin/env python3
"""Takes running servers to a step of this release, and waits until they are there.

    python3 apply.py 1-load
    python3 apply.py 2-canary

Needs Python 3.9 and nothing else; for Kubernetes kubectl. A step that moves a label is
not begun before the version is AVAILABLE in every server. Going back: apply.py 1-load.

Exit codes: 0 every server is at the step, 1 not, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
POLL_S = 0.5
# $0 is the port and $1 the path; the image has bash and no curl.
ASK = (
    'exec 3<>"/dev/tcp/127.0.0.1/$0"; '
    'printf "GET %s HTTP/1.0\\r\\n\\r\\n" "$1" >&3; cat <&3'
)


class StepError(Exception):
    """The step was not taken; the text says why and what is in force."""


class ComposeServers:
    """The one server of compose.yaml; it is started by hand."""

    starts_by_itself = False

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def names(self) -> list[str]:
        """The server, if it answers at all."""
        try:
            with urllib.request.urlopen(self._url, timeout=10):  # noqa: S310 - http, typed by who runs this
                return [self._url]
        except urllib.error.HTTPError:
            return [self._url]
        except OSError:
            return []

    def get(self, server: str, path: str) -> dict[str, Any] | None:
        """Returns the JSON answer; None where there is none or it says no."""
        try:
            with urllib.request.urlopen(server + path, timeout=10) as answer:  # noqa: S310 - likewise
                found: dict[str, Any] = json.loads(answer.read())
                return found
        except (OSError, ValueError):
            return None

    def put(self, step: str) -> None:
        """Makes the step's configuration the one in force, all at once."""
        active = HERE / "active"
        active.mkdir(exist_ok=True)
        temporary = active / ".models.config.new"
        shutil.copyfile(HERE / step / "models.config", temporary)
        temporary.chmod(0o644)
        temporary.replace(active / "models.config")


class KubernetesServers:
    """The pods of the Deployment, each asked from within: no network in between."""

    starts_by_itself = True

    def __init__(self, kubectl: list[str], release: dict[str, Any]) -> None:
        self._kubectl = kubectl
        self._release = release

    def names(self) -> list[str]:
        """The pods that run or will; those that end or have ended are left out."""
        found = json.loads(
            self._run("get", "pods", "-o", "json", "-l", self._release["pod_selector"])
        )
        pods = [
            pod["metadata"]
            for pod in found["items"]
            if "deletionTimestamp" not in pod["metadata"]
            and pod["status"].get("phase") in ("Pending", "Running")
        ]
        return [pod["name"] for pod in pods]

    def get(self, server: str, path: str) -> dict[str, Any] | None:
        """Returns the JSON answer; None where there is none or it says no."""
        port = str(self._release["rest_port"])
        try:
            text = self._run(
                "exec", server, "-c", "server", "--", "bash", "-ec", ASK, port, path
            )
            head, _, body = text.partition("\r\n\r\n")
            found: dict[str, Any] = json.loads(body)
        except (subprocess.CalledProcessError, ValueError):
            return None
        return found if " 200 " in head.partition("\r\n")[0] else None

    def put(self, step: str) -> None:
        """Applies the step's manifests."""
        sys.stdout.write(self._run("apply", "-k", str(HERE / step)))

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(  # noqa: S603 - no shell
            [*self._kubectl, *arguments], check=True, capture_output=True
        )
        # Not text=True, which would take the CR from an answer's lines.
        return done.stdout.decode("utf-8", "replace")


def take(
    servers: ComposeServers | KubernetesServers,
    release: dict[str, Any],
    name: str,
    timeout_s: float,
) -> None:
    """Takes one step.

    Raises:
        StepError: It was refused before anything changed, or was not reached in time.
    """
    step = release["steps"][name]
    first = next(iter(release["steps"]))
    running = servers.names()
    if name == first:
        _check_stable(servers, release, running)
    else:
        _wait_until_loaded(servers, release, step, timeout_s)
    servers.put(name)
    if name == first and not running and not servers.starts_by_itself:
        sys.stdout.write(f"{name} is in force; start the servers now.\n")
        return
    _wait_until_reached(servers, release, name, timeout_s)
    sys.stdout.write(f"{name} is reached.\n")


def _check_stable(servers: Any, release: dict[str, Any], running: list[str]) -> None:
    """Refuses a release that was made for another version than the one served."""
    known = set(release["versions"])
    for server in running:
        version = _labelled(servers, release, server, "stable")
        if version is not None and version not in known:
            raise StepError(
                f"{server}: label stable names version {version}, and this release "
                f"knows {sorted(known)}. Generate it again with --from-version "
                f"{version}."
            )


def _wait_until_loaded(
    servers: Any, release: dict[str, Any], step: dict[str, Any], timeout_s: float
) -> None:
    wanted = sorted(set(step["labels"].values()))

    def problem() -> str:
        running = servers.names()
        if not running:
            return "no server is running"
        for server in running:
            for version in wanted:
                state = _state(servers, release, server, version)
                if state != "AVAILABLE":
                    return f"{server}: version {version} is {state}"
        return ""

    _wait(problem, timeout_s, "no label was moved")


def _wait_until_reached(
    servers: Any, release: dict[str, Any], name: str, timeout_s: float
) -> None:
    step = release["steps"][name]

    def problem() -> str:
        running = servers.names()
        if not running:
            return "no server is running"
        for server in running:
            for version in step["versions"]:
                state = _state(servers, release, server, version)
                if state != "AVAILABLE":
                    return f"{server}: version {version} is {state}"
            for label, version in step["labels"].items():
                found = _labelled(servers, release, server, label)
                if found != version:
                    return f"{server}: label {label} names {found}, not {version}"
        return ""

    back = next(iter(release["steps"]))
    _wait(problem, timeout_s, f"to go back: python3 apply.py {back}")


def _wait(problem: Any, timeout_s: float, remark: str) -> None:
    end_s = time.monotonic() + timeout_s
    while True:
        found = problem()
        if not found:
            return
        if time.monotonic() >= end_s:
            raise StepError(f"{found} after {timeout_s:g} s; {remark}.")
        time.sleep(POLL_S)


def _state(servers: Any, release: dict[str, Any], server: str, version: int) -> str:
    found = _status(servers, release, server, f"versions/{version}")
    return found[0]["state"] if found else "not loaded"


def _labelled(
    servers: Any, release: dict[str, Any], server: str, label: str
) -> int | None:
    found = _status(servers, release, server, f"labels/{label}")
    return int(found[0]["version"]) if found else None


def _status(
    servers: Any, release: dict[str, Any], server: str, which: str
) -> list[dict[str, Any]]:
    model = urllib.parse.quote(release["model"], safe="")
    answer = servers.get(server, f"/v1/models/{model}/{which}")
    found: list[dict[str, Any]] = (answer or {}).get("model_version_status", [])
    return found


def main(arguments: list[str] | None = None) -> int:
    """Takes the step named on the command line."""
    release = json.loads((HERE / "release.json").read_text(encoding="utf-8"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=list(release["steps"]))
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds")
    if release["target"] == "docker":
        url = f"http://127.0.0.1:{release['rest_port']}"
        parser.add_argument("--url", default=url, help=f"of the server; {url}")
    else:
        parser.add_argument("--kubectl", default="kubectl", help="the program")
        parser.add_argument("-n", "--namespace", default="", help="of the cluster")
        parser.add_argument("--context", default="", help="of kubectl")
    options = parser.parse_args(arguments)
    try:
        take(_servers(options, release), release, options.step, options.timeout)
    except StepError as error:
        sys.stderr.write(f"apply.py: {error}\n")
        return 1
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"apply.py: {' '.join(error.cmd)}: {error.stderr.decode()}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"apply.py: {error}\n")
        return 1
    return 0


def _servers(
    options: argparse.Namespace, release: dict[str, Any]
) -> ComposeServers | KubernetesServers:
    if release["target"] == "docker":
        return ComposeServers(options.url)
    kubectl = [options.kubectl]
    if options.context:
        kubectl.append(f"--context={options.context}")
    if options.namespace:
        kubectl.append(f"--namespace={options.namespace}")
    return KubernetesServers(kubectl, release)


if __name__ == "__main__":
    sys.exit(main())
