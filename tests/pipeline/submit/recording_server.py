"""An HTTP server that writes down what it is asked and answers what it is told.

Run as a program, in a process of its own:

    python recording_server.py FOLDER [CERTIFICATE KEY]

It writes its port to FOLDER/port and each request as one line of JSON to
FOLDER/requests.jsonl, and answers from FOLDER/answers.json: "METHOD path" (query left
out) to {"status", "body", "encoding", "headers", "hang",
"hang_up"}; what is not named there is
answered 404.
"""

import json
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

FOLDER = Path(sys.argv[1])
LOCK = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        record = {
            "method": self.command,
            "path": self.path,
            "headers": dict(self.headers),
            "body": json.loads(body) if body.startswith("{") else body or None,
        }
        with LOCK, (FOLDER / "requests.jsonl").open("a") as file:
            file.write(json.dumps(record) + "\n")
        answers = json.loads((FOLDER / "answers.json").read_text())
        told = answers.get(
            f"{self.command} {urlsplit(self.path).path}", {"status": 404}
        )
        if told.get("hang"):
            self.rfile.read(1)  # until the client gives up
            return
        if told.get("hang_up"):
            self.close_connection = True
            return
        content = told.get("body", "")
        content = content if isinstance(content, str) else json.dumps(content)
        self.send_response(told.get("status", 200))
        for name, value in told.get("headers", {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        encoded = content.encode(told.get("encoding", "utf-8"))
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    do_GET = do_POST = answer  # noqa: N815 - http.server's names

    def log_message(self, *_arguments):
        pass


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*sys.argv[2:])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    (FOLDER / "port.new").write_text(str(server.server_port))
    (FOLDER / "port.new").rename(FOLDER / "port")
    server.serve_forever()


if __name__ == "__main__":
    main()
