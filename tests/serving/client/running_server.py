"""Our server in this process: its own thread, REST and gRPC at free ports."""

import asyncio
import socket
import threading
from contextlib import ExitStack


class RunningServer:
    """Serves until it is left.

    Attributes:
        rest, grpc: "127.0.0.1:port" of either.
        app: The Application; metrics and manager are to be had there.
    """

    def __init__(self, *flags):
        """Takes tensorflow_model_server's flags, without the ports."""
        from serving.server.application import Application
        from serving.server.flags import parse_flags

        with ExitStack() as probes:
            open_ones = [probes.enter_context(socket.socket()) for _ in range(2)]
            for probe in open_ones:
                probe.bind(("127.0.0.1", 0))
            rest, grpc = (probe.getsockname()[1] for probe in open_ones)
        self.rest, self.grpc = f"127.0.0.1:{rest}", f"127.0.0.1:{grpc}"
        self.app = Application(
            parse_flags([f"--rest_api_port={rest}", f"--port={grpc}", *flags])
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        self.run(self.app.start())
        return self

    def __exit__(self, *_):
        self.run(self.app.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)

    def run(self, coroutine):
        """Runs something in the server's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)
