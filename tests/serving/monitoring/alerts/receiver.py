"""A real web server that takes alerts, or does not."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver:
    """What came, and what is answered next; after the list is empty: 200.

    An answer is a status, or "close" for a connection that ends without one, or "hang"
    for one that says nothing until the receiver is closed.
    """

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}/services/T0/B0/very-secret"
        self.answers = []
        self.bodies = []
        self.paths = []
        self.closing = threading.Event()


@contextmanager
def receiver():
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            came = self.rfile.read(int(self.headers["content-length"]))
            found.paths.append(self.path)
            found.bodies.append(json.loads(came))
            answer = found.answers.pop(0) if found.answers else 200
            if answer == "hang":
                found.closing.wait(30)
            if isinstance(answer, str):
                return
            self.send_response(answer)
            if answer == 302:
                self.send_header("location", found.url + "/elsewhere")
            self.end_headers()
            self.wfile.write(b"ok" if answer == 200 else b"invalid_payload")

        def do_GET(self):
            found.paths.append(self.path)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found = Receiver(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield found
    finally:
        found.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
