"""wrk and h2load, and what a server process spends while they run.

    apt-get install wrk nghttp2-client

wrk speaks REST over HTTP/1.1; h2load is HTTP/2 and so carries gRPC: a gRPC request is a
POST whose body is five bytes of frame and the message.
"""

import json
import math
import os
import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.process_tree import descendants

_SCRIPT = """
local requests, place = {}, 0
function init(args)
  for body in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format(
      "POST", nil, {["Content-Type"] = "application/json"}, body)
  end
end
function request()
  place = place % #requests + 1
  return requests[place]
end
function done(summary, latency, _)
  local e = summary.errors
  io.write(string.format(
    'JSON {"requests": %d, "took_s": %f, "p50_ms": %f, "p99_ms": %f, "failed": %d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3,
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Load:
    """What came of one load.

    Attributes:
        requests: Answered.
        failed: Answers that were no 2xx, time-outs and broken connections.
        took_s: Seconds.
        cpu_s: CPU seconds of the server, all its processes and threads.
        p50_ms, p99_ms: Of a request; NaN from h2load, which does not tell.
    """

    requests: int
    failed: int
    took_s: float
    cpu_s: float
    p50_ms: float = math.nan
    p99_ms: float = math.nan

    @property
    def requests_per_s(self) -> float:
        """Requests a second."""
        return self.requests / self.took_s

    @property
    def cpu_us(self) -> float:
        """Microseconds of the server's CPU a request."""
        return self.cpu_s / max(self.requests, 1) * 1e6


def check_installed() -> None:
    """Raises SystemExit with the remedy where a load generator is missing."""
    missing = [name for name in ("wrk", "h2load") if shutil.which(name) is None]
    if missing:
        raise SystemExit(
            f"{' and '.join(missing)} not found on PATH. Install the Debian packages "
            "wrk and nghttp2-client."
        )


def wrk(
    url: str, bodies: Sequence[bytes], connections: int, seconds: float, pid: int
) -> Load:
    """Posts bodies in turn over so many connections.

    Args:
        url: Where to.
        bodies: JSON on one line each.
        connections: Each with one request at a time.
        seconds: How long; a request that takes longer than 60 s counts as failed.
        pid: Of the server.
    """
    with tempfile.TemporaryDirectory() as folder:
        script, lines = Path(folder) / "post.lua", Path(folder) / "bodies"
        script.write_text(_SCRIPT)
        lines.write_bytes(b"\n".join(bodies) + b"\n")
        before = cpu_seconds(pid)
        output = _run(
            "wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "60s",
            "-s", str(script), url, str(lines),
        )  # fmt: skip
        cpu_s = cpu_seconds(pid) - before
    found = json.loads(output.split("JSON ")[1].splitlines()[0])
    return Load(cpu_s=cpu_s, **found)


def h2load(
    target: str, method: str, message: bytes, connections: int, requests: int, pid: int
) -> Load:
    """Sends the same gRPC request over and over, one at a time a connection.

    Args:
        target: host:port.
        method: Such as "/tensorflow.serving.PredictionService/Predict".
        message: The request, serialized.
        connections: How many.
        requests: In all.
        pid: Of the server.
    """
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"\0" + struct.pack(">I", len(message)) + message)
        file.flush()
        before = cpu_seconds(pid)
        output = _run(
            "h2load", "-t1", f"-c{connections}", "-m1", f"-n{requests}",
            "-d", file.name, "-H", "content-type: application/grpc",
            "-H", "te: trailers", f"http://{target}{method}",
        )  # fmt: skip
        cpu_s = cpu_seconds(pid) - before
    counts = {
        name: int(number)
        for number, name in re.findall(
            r"(\d+) (total|succeeded|failed|errored|timeout)", output
        )
    }
    took = re.search(r"finished in ([\d.]+)(us|ms|s)", output)
    if took is None or not counts.get("succeeded"):
        raise RuntimeError(f"h2load had no answer:\n{output}")
    return Load(
        requests=counts["succeeded"],
        failed=counts["total"] - counts["succeeded"],
        took_s=float(took[1]) * {"us": 1e-6, "ms": 1e-3, "s": 1.0}[took[2]],
        cpu_s=cpu_s,
    )


def cpu_seconds(pid: int) -> float:
    """Returns the CPU seconds of a process and its children so far, user and system.

    Source: utime and stime of /proc/PID/stat, proc(5).
    """
    return sum(_own_cpu_seconds(one) for one in (pid, *descendants(pid)))


def _own_cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _run(*command: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own command
        command, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stdout}{done.stderr}")
    return done.stdout
