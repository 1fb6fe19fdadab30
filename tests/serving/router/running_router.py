"""A router in this process: a thread of its own, REST and gRPC at free ports."""

import asyncio
import contextlib
import dataclasses
import http.client
import json
import socket
import threading
from collections import defaultdict
from contextlib import ExitStack

import uvloop
from prometheus_client.parser import text_string_to_metric_families

from serving.rollout.plan import RolloutPlan, Step
from serving.rollout.state import Arm, RolloutState
from serving.rollout.state_file import read_state, write_state
from serving.router.application import RouterApplication
from serving.router.arm_counts import ArmCounts
from serving.router.counts_file import read_counts
from serving.router.router_flags import RouterFlags
from serving.router.router_options import RouterOptions

START = "2013-10-01T00:00:00+00:00"
PREDICT = "/v1/models/m:predict"
BODY = b'{"instances": [{"x": 1.0}]}'


def free_ports(count):
    """Ports that nobody listens at."""
    with ExitStack() as probes:
        open_ones = [probes.enter_context(socket.socket()) for _ in range(count)]
        for probe in open_ones:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in open_ones]


def start_rollout(folder, stable, candidate, kind="canary", share=0.0, **more):
    """Writes rollout.json, as `slipway rollout start` does.

    Args:
        folder: The state's.
        stable, candidate: What has `url` and `grpc`.
        kind: Of the rollout.
        share: The candidate's.
        more: `versions`, a pair; `id`; `mirrored_share`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    versions = more.get("versions", (None, None))
    plan = RolloutPlan(
        steps=(Step(share=share),), mirrored_share=more.get("mirrored_share", 1.0)
    )
    state = RolloutState(
        serial=1,
        id=more.get("id", "try-1"),
        model="m",
        kind=kind,
        arms=(
            Arm(
                name="stable", url=stable.url, grpc=stable.grpc, version=versions[0],
                share=1 - share,
            ),
            Arm(
                name="candidate", url=candidate.url, grpc=candidate.grpc,
                version=versions[1], share=share,
            ),
        ),
        plan=plan,
        step=0,
        step_starts=(START,),
    )  # fmt: skip
    write_state(folder, state)
    return state


def set_share(folder, share):
    """Moves the share of the rollout's candidate."""
    state = read_state(folder)
    moved = dataclasses.replace(state.with_share(share), serial=state.serial + 1)
    write_state(folder, moved)


class RunningRouter:
    """Routes until it is left.

    Attributes:
        rest, grpc: "127.0.0.1:port" of either.
        app: The application.
    """

    def __init__(self, state_dir, *, flags=None, **options):
        """Takes RouterFlags' and RouterOptions' fields."""
        rest, grpc = free_ports(2)
        self.rest, self.grpc = f"127.0.0.1:{rest}", f"127.0.0.1:{grpc}"
        self.state_dir = state_dir
        given = {"model": "m", "probe_s": 0.1, **options}
        self._flags = RouterFlags(
            options=RouterOptions(**given),
            state_dir=state_dir,
            router_id="r1",
            rest_port=rest,
            grpc_port=grpc,
            **{"drain_s": 5.0, **(flags or {})},
        )
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        self.run(self._begin())
        return self

    async def _begin(self):
        self.app = RouterApplication(self._flags)
        await self.app.start()

    def __exit__(self, *_):
        self.run(self.app.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def counts(self):
        """The counts of the rollout in force, as they stand in memory."""
        core = self.app.core
        found = core.counts_file.of(core.live.current.rollout_id)
        return defaultdict(ArmCounts, found)

    def saved_counts(self, rollout="try-1"):
        return read_counts(self.state_dir, rollout)

    def ask(self, path=PREDICT, body=BODY, **headers):
        """Asks over REST; returns status, headers and body."""
        return ask(self.rest, path, body, **headers)


def ask(address, path=PREDICT, body=BODY, **headers):
    """Asks over REST; returns status, headers (names in lower case) and body.

    Args:
        address: "host:port".
        path: From /v1 on.
        body: None: a GET.
        headers: `x_slipway_key` for x-slipway-key.
    """
    connection = http.client.HTTPConnection(address, timeout=20)
    with contextlib.closing(connection):
        return ask_over(connection, path, body, **headers)


def ask_over(kept, path=PREDICT, body=BODY, **headers):
    """Asks over an open connection; see ask."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    kept.request("GET" if body is None else "POST", path, body, named)
    answer = kept.getresponse()
    content = answer.read()
    lower = {name.lower(): value for name, value in answer.headers.items()}
    return answer.status, lower, content


def prediction(answer):
    """The first prediction of an answer."""
    status, _, body = answer
    assert status == 200, body
    return json.loads(body)["predictions"][0]


def metrics_of(router):
    """Name and labels' values, rollout, arm and others, to a sample's value."""
    text = router.ask("/metrics", None)[2].decode()
    order = ("rollout", "arm", "kind", "le")
    return {
        (sample.name, *(sample.labels[n] for n in order if n in sample.labels)): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def connected(router):
    host, port = router.rest.split(":")
    client = socket.create_connection((host, int(port)))
    client.settimeout(10)
    return client
