"""One JSON line an answered request; never a record's contents, nor an error's text.

{"time": "2025-06-01T12:00:00.123Z", "protocol": "rest", "request_id": "…",
 "remote": "10.0.0.7", "method": "POST", "path": "/v1/models/m:predict", "status": 200,
 "code": "OK", "api": "predict", "model": "m", "version": 3, "rows": 1,
 "request_bytes": 812, "answer_bytes": 64, "took_ms": 1.72}

All lines have the same fields. Over gRPC `method` and `path` are the RPC's, such as
"Predict" and "/tensorflow.serving.PredictionService/Predict"; status, request_bytes
and answer_bytes are null. `remote` is "" for a UNIX socket; `version` is null where no
version was found. The client's own texts are cut, so that a line goes in one write.
"""

import functools
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import orjson

from serving.server.grpc_calls import RpcCall
from serving.server.line_file import LineFile
from serving.server.rest.http_message import AnsweredRequest

# Of six bytes a character at worst, with the rest less than PIPE_LINE_BYTES.
_MAX_PATH_LENGTH, _MAX_NAME_LENGTH = 300, 100

_APIS = {
    "Predict": "predict",
    "Classify": "classify",
    "Regress": "regress",
    "MultiInference": "multi_inference",
    "GetModelMetadata": "metadata",
    "GetModelStatus": "status",
    "HandleReloadConfigRequest": "reload_config",
}


class AccessLog:
    """Writes what it is told of both protocols to one file."""

    def __init__(self, file: LineFile) -> None:
        """Takes an open file; `close` closes it."""
        self._file = file

    def on_requests(self, answered: Sequence[AnsweredRequest]) -> None:
        """Writes a line each; an observer of RestOptions."""
        for one in answered:
            self._file.add(rest_line(one))

    def on_call(self, call: RpcCall) -> None:
        """Writes a line; an observer of GrpcOptions."""
        self._file.add(grpc_line(call))

    def close(self) -> None:
        """Writes what waits; may take as long as LineFile.close."""
        self._file.close()


def rest_line(answered: AnsweredRequest) -> bytes:
    """Returns an answered request as a line of JSON."""
    request, answer = answered.request, answered.answer
    return _line(
        {
            "time": _now(),
            "protocol": "rest",
            "request_id": answered.request_id,
            "remote": answered.remote,
            "method": request.method,
            "path": request.path[:_MAX_PATH_LENGTH].decode(errors="replace"),
            "status": answer.status,
            "code": answer.code,
            "api": answer.api,
            "model": answer.model[:_MAX_NAME_LENGTH],
            "version": answer.servable.version if answer.servable else None,
            "rows": answer.num_rows,
            "request_bytes": request.received_bytes,
            "answer_bytes": len(answer.body),
            "took_ms": round(answered.took_s * 1e3, 3),
        }
    )


def grpc_line(call: RpcCall) -> bytes:
    """Returns an answered RPC as a line of JSON."""
    return _line(
        {
            "time": _now(),
            "protocol": "grpc",
            "request_id": call.request_id,
            "remote": _address(call.peer()),
            "method": call.method,
            "path": f"/{call.service}/{call.method}",
            "status": None,
            "code": call.code,
            "api": _APIS[call.method],
            "model": call.model[:_MAX_NAME_LENGTH],
            "version": call.servable.version if call.servable else None,
            "rows": call.num_rows,
            "request_bytes": None,
            "answer_bytes": None,
            "took_ms": round(call.took_s * 1e3, 3),
        }
    )


def _line(fields: dict[str, Any]) -> bytes:
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def _now() -> str:
    second, millisecond = divmod(time.time_ns() // 1_000_000, 1000)
    return f"{_date_and_time(second)}.{millisecond:03d}Z"


# Most of a line's cost, were it done for each.
@functools.lru_cache(maxsize=2)
def _date_and_time(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def _address(peer: str) -> str:
    """Reads gRPC's "ipv4:10.0.0.7:50123" and "ipv6:%5B::1%5D:50123"."""
    kind, _, place = peer.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return ""
    return unquote(place.rpartition(":")[0]).strip("[]")
