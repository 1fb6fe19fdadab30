"""A TCP server that does with each connection what a test says."""

import contextlib
import socket
import threading


class ScriptedServer:
    """Listens on loopback.

    Attributes:
        address: "127.0.0.1:port".
        requests: The bytes of every request that came, in order.
    """

    def __init__(self, *scripts):
        """Takes a function of a socket for every connection, in order."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests = []
        self._scripts = scripts
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        # Ends an accept that waits.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _serve(self):
        for script in self._scripts:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                script(self, connection)

    def wait_until_left(self, timeout_s=10):
        """Waits for the test to end; False: it has not yet."""
        return self._ends.wait(timeout_s)

    def wait_until_done(self):
        """Waits until every script has run."""
        self._thread.join(10)

    def _received(self, connection):
        data = connection.recv(65536)
        if not data:
            raise ConnectionError("the client hung up")
        return data

    def read_request(self, connection):
        """Reads one request, by its Content-Length."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._received(connection)
        head, _, body = data.partition(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        while len(body) < length:
            body += self._received(connection)
        self.requests.append(head + b"\r\n\r\n" + body)


STATUS = (
    b'{"model_version_status": [{"version": "1", "state": "AVAILABLE", '
    b'"status": {"error_code": "OK", "error_message": ""}}]}'
)


def answer(status=b"200 OK", body=STATUS, headers=b""):
    """Answers one request and leaves the connection open until the client closes it."""

    def script(server, connection):
        server.read_request(connection)
        connection.sendall(
            b"HTTP/1.1 %b\r\nContent-Length: %d\r\n%b\r\n%b"
            % (status, len(body), headers, body)
        )
        connection.settimeout(10)
        connection.recv(1)

    return script


def send_and_close(data=b""):
    """Sends bytes, whatever they are, and closes."""

    def script(server, connection):
        server.read_request(connection)
        connection.sendall(data)

    return script


def trickle(server, connection):
    """Sends a header that never ends, a byte at a time."""
    server.read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nx-slow: ")
    while not server.wait_until_left(0.02):
        connection.sendall(b"a")


def trickle_body(server, connection):
    """Sends a body a byte at a time."""
    server.read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not server.wait_until_left(0.02):
        connection.sendall(b"a")


def say_nothing(server, connection):
    """Reads the request and leaves it at that."""
    server.read_request(connection)
    server.wait_until_left()
