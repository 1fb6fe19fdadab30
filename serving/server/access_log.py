"""One JSON line an answered request; never a record's contents, nor an error's text.

{"time": "2025-06-01T12:00:00.123Z", "request_id": "…", "remote": "10.0.0.7",
 "method": "POST", "path": "/v1/models/m:predict", "status": 200, "code": "OK",
 "api": "predict", "model": "m", "version": 3, "rows": 1, "request_bytes": 812,
 "answer_bytes": 64, "took_ms": 1.72}
"""

import asyncio
import datetime
from pathlib import Path
from typing import BinaryIO

import orjson

from serving.server.rest.http_message import AnsweredRequest

_FLUSH_S = 1.0
_FLUSH_BYTES = 64 << 10


class AccessLog:
    """Writes lines to a file; an observer of RestOptions.

    Lines wait up to a second in memory.
    """

    def __init__(self, stream: BinaryIO) -> None:
        """Takes an open file; `close` closes it."""
        self._stream = stream
        self._lines: list[bytes] = []
        self._waiting_bytes = 0
        self._flush_timer: asyncio.TimerHandle | None = None

    @classmethod
    def at(cls, path: Path) -> "AccessLog":
        """Opens a file for appending."""
        return cls(path.open("ab", buffering=0))

    def __call__(self, answered: AnsweredRequest) -> None:
        """Writes one line."""
        line = access_line(answered)
        self._lines.append(line)
        self._waiting_bytes += len(line)
        if self._waiting_bytes >= _FLUSH_BYTES:
            self.flush()
        elif self._flush_timer is None:
            loop = asyncio.get_running_loop()
            self._flush_timer = loop.call_later(_FLUSH_S, self.flush)

    def flush(self) -> None:
        """Writes what waits."""
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        lines, self._lines, self._waiting_bytes = self._lines, [], 0
        if lines:
            self._stream.write(b"".join(lines))

    def close(self) -> None:
        """Writes what waits and closes the file."""
        self.flush()
        self._stream.close()


def access_line(answered: AnsweredRequest) -> bytes:
    """Returns an answered request as a line of JSON."""
    request, answer = answered.request, answered.answer
    now = datetime.datetime.now(datetime.UTC)
    return orjson.dumps(
        {
            "time": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
            "request_id": answered.request_id,
            "remote": answered.remote,
            "method": request.method,
            "path": request.path.decode(errors="replace"),
            "status": answer.status,
            "code": answer.code,
            "api": answer.api,
            "model": answer.model,
            "version": answer.servable.version if answer.servable else None,
            "rows": answer.num_rows,
            "request_bytes": request.received_bytes,
            "answer_bytes": len(answer.body),
            "took_ms": round(answered.took_s * 1e3, 3),
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )
