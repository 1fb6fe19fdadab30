"""A Beam worker pool: starts a Python worker for every job that a task manager runs.

Run as `python -m pipeline.flink_cluster.worker_pool HOST:PORT`. Beam's own program for
it listens at every address, so that two of them cannot stand beside two task managers
of one machine; it starts whatever `python` means on PATH, and never reads what its
workers print, which then stand still once they have printed 64 KiB.

Source:
    beam_fn_api.proto, BeamFnExternalWorkerPool;
    apache_beam/runners/worker/worker_pool_main.py, for how a worker is started
"""

import logging
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc

_LOGGER = logging.getLogger(__name__)
_GRACE_S = 10.0
_WORKER = """
import logging, sys
from apache_beam.runners.worker.sdk_worker import SdkHarness
logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
SdkHarness(sys.argv[1], worker_id=sys.argv[2], state_cache_size=0,
           data_buffer_time_limit_ms=-1).run()
"""


class WorkerPool(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):
    """Starts and ends workers as a task manager asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._workers: dict[str, subprocess.Popen[bytes]] = {}

    def StartWorker(self, request: Any, _context: Any) -> Any:  # noqa: N802 - gRPC's
        """Starts a worker, which connects to the task manager by itself."""
        command = [
            sys.executable,
            "-c",
            _WORKER,
            request.control_endpoint.url,
            request.worker_id,
        ]
        try:
            worker = subprocess.Popen(command)  # noqa: S603 - no shell, our own code
        except OSError as error:
            return beam_fn_api_pb2.StartWorkerResponse(error=str(error))
        with self._lock:
            self._workers[request.worker_id] = worker
        _LOGGER.info("worker %s is process %d", request.worker_id, worker.pid)
        return beam_fn_api_pb2.StartWorkerResponse()

    def StopWorker(self, request: Any, _context: Any) -> Any:  # noqa: N802 - gRPC's
        """Ends a worker; one that is not known has ended."""
        with self._lock:
            worker = self._workers.pop(request.worker_id, None)
        if worker is not None:
            _end(worker)
        return beam_fn_api_pb2.StopWorkerResponse()

    def stop_all(self) -> None:
        """Ends every worker."""
        with self._lock:
            workers = list(self._workers.values())
            self._workers.clear()
        for worker in workers:
            _end(worker)


def _end(worker: "subprocess.Popen[bytes]") -> None:
    worker.terminate()
    try:
        worker.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()
    _LOGGER.info("process %d has ended with %d", worker.pid, worker.returncode)


def serve(address: str) -> None:
    """Serves until SIGTERM or Ctrl-C; its workers end with it.

    Args:
        address: HOST:PORT to listen at.

    Raises:
        RuntimeError: The address is taken.
    """
    is_over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: is_over.set())
    pool = WorkerPool()
    server = grpc.server(
        ThreadPoolExecutor(max_workers=16), options=[("grpc.so_reuseport", 0)]
    )
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(pool, server)
    server.add_insecure_port(address)
    server.start()
    _LOGGER.info("waiting for jobs at %s", address)
    is_over.wait()
    server.stop(0)
    pool.stop_all()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    serve(sys.argv[1])
