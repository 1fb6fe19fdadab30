"""Asks a running server about the model in every way, and measures its answers."""

import re
from dataclasses import dataclass

from serving.bundle import schema_file
from serving.bundle.golden_batch import read_golden_batch
from serving.bundle.measurements import ServingMeasurements
from serving.server_check.candidate_folder import MODEL_NAME, Candidate
from serving.server_check.errors import CheckFailedError
from serving.server_check.golden_replay import golden_requests, replay
from serving.server_check.prepared_calls import PreparedCaller
from serving.server_check.report import LoadResult
from serving.server_check.server_address import ServerAddress
from serving.server_check.server_process import ServerProcess
from serving.server_check.short_load import put_under_load
from serving.server_check.timings import Timings, measure

NUM_CLIENTS = 8
# A broken connection is seen before the end of the process that broke it.
_ENDING_S = 0.5
_WARMUP_US = re.compile(r"^:tensorflow:serving:model_warmup_latency_sum\{.*\} (\S+)$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What came of it."""

    timings: Timings
    load: LoadResult


def ask_server(
    server: ServerProcess, candidate: Candidate, *, call_s: float, load_s: float
) -> Asked:
    """Replays the golden batch, measures, and puts the server under load.

    Args:
        server: Serves the candidate.
        candidate: The model.
        call_s: How long one call may take.
        load_s: How long the clients at once ask.

    Raises:
        CheckFailedError: An answer is missing or wrong; says so where the reason is
            that the server ended.
        BundleRefusedError: The golden batch or the schema cannot be read.
    """
    try:
        return _ask(server, candidate, call_s, load_s)
    except CheckFailedError as error:
        ended = server.how_it_ended(_ENDING_S)
        if ended:
            raise CheckFailedError(f"the server {ended}: {error}") from error
        raise


def _ask(
    server: ServerProcess, candidate: Candidate, call_s: float, load_s: float
) -> Asked:
    golden = read_golden_batch(candidate.extras)
    schema = schema_file.read_schema(candidate.extras)
    features = schema_file.raw_features(schema, golden.raw_features)
    requests = golden_requests(golden, features)
    address = ServerAddress(
        rest=server.rest_address,
        grpc=server.grpc_target,
        model=MODEL_NAME,
        timeout_s=call_s,
    )
    with address.rest_client() as rest, address.grpc_client() as grpc:
        replay(rest, grpc, requests, golden)
    with PreparedCaller(address.grpc, call_s) as caller:
        timings = measure(caller, MODEL_NAME, requests.columns, golden)
    load = put_under_load(
        address, requests, golden, num_clients=NUM_CLIENTS, duration_s=load_s
    )
    return Asked(timings=timings, load=load)


def measurements(
    server: ServerProcess, name: str, load_s: float, timings: Timings
) -> ServingMeasurements:
    """Returns what a server measured, when it has been asked all there is to ask.

    Args:
        server: Still running.
        name: The binary and its version.
        load_s: Seconds from the start of the process until it served the model.
        timings: Of its answers.

    Raises:
        ServerFailedError: It has ended.
    """
    return ServingMeasurements(
        server=name,
        load_s=round(load_s, 3),
        warmup_s=round(_warmup_s(server), 3),
        memory_bytes=server.peak_memory_bytes(),
        latency_p50_ms=timings.latency_p50_ms,
        latency_p99_ms=timings.latency_p99_ms,
        batches=timings.batches,
    )


def _warmup_s(server: ServerProcess) -> float:
    """Returns the seconds of the warm-up; 0 where the server's metrics lack them."""
    for line in server.metrics_text().splitlines():
        if found := _WARMUP_US.match(line):
            return float(found[1]) / 1e6
    return 0.0
