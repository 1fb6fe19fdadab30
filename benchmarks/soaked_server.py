"""The server of a soak: its versions, its loads, and whether its answers stay right."""

import dataclasses
import json
import re
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks import load_generators
from benchmarks.process_usage import ProcessUsage, process_usage
from benchmarks.soak_report import ALLOWED_FILES, Slice
from serving.bundle.contract import read_contract
from serving.bundle.golden_batch import read_golden_batch
from serving.bundle.seal import seal
from serving.server_check.errors import CheckFailedError
from serving.server_check.golden_replay import golden_requests, replay
from serving.server_check.prepared_calls import prepare
from serving.server_check.server_address import ServerAddress
from serving.server_check.server_process import ServerFailedError, ServerProcess

CONNECTIONS = 200
GRPC_CONNECTIONS = 32
ROWS = 64
_GRPC_REQUESTS_PER_S = 300
_PREDICT = "/tensorflow.serving.PredictionService/Predict"
_SWAP_S = 60.0
_QUIET_S = 20.0
_POLL_S = 0.05
_COUNT = re.compile(
    r'^:tensorflow:serving:request_count\{.*status="(\w+)".*\} (\S+)$', re.MULTILINE
)


class SoakFailedError(Exception):
    """The soak cannot go on; the text says why."""


class SoakedServer:
    """One server process over copies of one bundle."""

    def __init__(self, bundle: Path, folder: Path) -> None:
        """Starts the server and waits until version 1 serves.

        Args:
            bundle: Copied; stays as it is.
            folder: For the copies, the log and the configuration.
        """
        self._bundle = bundle
        self._contract = read_contract(bundle).contract
        self._model = self._contract.model.name
        self._base = folder / self._model
        self._version = 1
        self._put(1)
        self._golden = read_golden_batch(bundle)
        self._requests = golden_requests(self._golden, self._contract.raw_features)
        self._bodies = [
            json.dumps({"instances": [row]}).encode()
            for row in self._requests.rows[:ROWS]
        ]
        self._message = prepare(self._model, self._requests.columns).content
        monitoring = folder / "monitoring.config"
        monitoring.write_text("prometheus_config { enable: true }")
        flags = (
            f"--model_name={self._model}", f"--model_base_path={self._base}",
            f"--monitoring_config_file={monitoring}",
        )  # fmt: skip
        self._server = ServerProcess(flags, log=folder / "server.log")
        self._refused = 0

    def __enter__(self) -> Self:
        """Waits until the model serves."""
        try:
            self._server.wait_until_available(self._model)
            self._idle_files = process_usage(self._server.pid).num_files
        except ServerFailedError as error:
            self._server.stop()
            raise SoakFailedError(str(error)) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends the server."""
        self._server.stop()

    def run_slice(self, seconds: int, *, total_requests: int, swaps: bool) -> Slice:
        """Puts the server under load once, over REST and over gRPC.

        Args:
            seconds: How long over REST, >= 1.
            total_requests: Answered before.
            swaps: Whether another version comes while it runs.

        Raises:
            SoakFailedError: The server ended, swaps no more, or answers wrongly.
        """
        swap = Swap(self._swap, after_s=seconds / 3) if swaps else None
        try:
            rest = load_generators.wrk(
                f"{self._server.rest_address}/v1/models/{self._model}:predict",
                self._bodies, CONNECTIONS, seconds, self._server.pid,
            )  # fmt: skip
            told = swap.result() if swap else ""
            grpc = load_generators.h2load(
                self._server.grpc_target, _PREDICT, self._message, GRPC_CONNECTIONS,
                _GRPC_REQUESTS_PER_S * seconds, self._server.pid,
            )  # fmt: skip
        except (RuntimeError, OSError) as error:
            raise self._failed(str(error)) from error
        self._replay()
        refused, self._refused = self._refused, self._count_refused()
        return Slice(
            total_requests=total_requests + rest.requests + grpc.requests,
            rest_per_s=rest.requests_per_s,
            grpc_per_s=grpc.requests_per_s,
            # h2load takes a gRPC error for an answer: the server's own count has it.
            failed=max(rest.failed + grpc.failed, self._refused - refused),
            p50_ms=rest.p50_ms,
            p99_ms=rest.p99_ms,
            swap=told,
            usage=self._quiet_usage(),
        )

    def _put(self, version: int) -> None:
        half_done = self._base / f"copying.{version}"
        shutil.copytree(self._bundle, half_done)
        # A bundle is refused under another number than its contract's.
        identity = dataclasses.replace(self._contract.model, version=version)
        seal(half_done, dataclasses.replace(self._contract, model=identity))
        half_done.rename(self._base / str(version))

    def _swap(self) -> str:
        """Lets the next version take over; says which and how long it took."""
        old, new, begun_s = self._version, self._version + 1, time.monotonic()
        self._put(new)
        wanted = {old: "END", new: "AVAILABLE"}
        while (states := self._states()) | wanted != states:
            is_over = time.monotonic() - begun_s > _SWAP_S
            if is_over or self._server.exit_code() is not None:
                raise self._failed(f"{old} -> {new} did not come to an end: {states}.")
            time.sleep(_POLL_S)
        self._version = new
        shutil.rmtree(self._base / str(old))
        return f"{old} -> {new} {time.monotonic() - begun_s:.1f} s"

    def _states(self) -> dict[int, str]:
        found = (self._server.status(self._model) or {}).get("model_version_status", ())
        return {int(one["version"]): one["state"] for one in found}

    def _replay(self) -> None:
        address = ServerAddress(
            rest=self._server.rest_address,
            grpc=self._server.grpc_target,
            model=self._model,
            timeout_s=_QUIET_S,
        )
        try:
            with address.rest_client() as rest, address.grpc_client() as grpc:
                replay(rest, grpc, self._requests, self._golden)
        except CheckFailedError as error:
            raise self._failed(str(error)) from error

    def _count_refused(self) -> int:
        counts = _COUNT.findall(self._server.metrics_text())
        if not counts:
            raise self._failed("It shows no metrics.")
        # CANCELLED are the requests wrk hangs up on when its time is over.
        return int(
            sum(float(n) for status, n in counts if status not in ("OK", "CANCELLED"))
        )

    def _quiet_usage(self) -> ProcessUsage:
        """Waits until the loads' connections are gone; returns what is held then."""
        end_s = time.monotonic() + _QUIET_S
        while True:
            usage = process_usage(self._server.pid)
            is_quiet = usage.num_files <= self._idle_files + ALLOWED_FILES
            if is_quiet or time.monotonic() > end_s:
                return usage
            time.sleep(_POLL_S)

    def _failed(self, reason: str) -> SoakFailedError:
        ended = self._server.how_it_ended(0.5)
        told = f"the server {ended}: {reason}" if ended else reason
        return SoakFailedError(
            f"{told} Its log ends:\n{self._server.log_text()[-2000:]}"
        )


class Swap:
    """A swap in a thread of its own, some time after now."""

    def __init__(self, swap: Callable[[], str], after_s: float) -> None:
        """Starts the clock."""
        self._pool = ThreadPoolExecutor(1)
        self._told = self._pool.submit(self._run, swap, after_s)

    @staticmethod
    def _run(swap: Callable[[], str], after_s: float) -> str:
        time.sleep(after_s)
        return swap()

    def result(self) -> str:
        """Waits for it; returns what `swap` did, and raises what it raised."""
        self._pool.shutdown()
        return self._told.result()
