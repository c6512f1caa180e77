"""Another answer to each path: ``/missing`` 404, ``/moved`` 302, ``/silent`` none, ``/asked`` what was asked for before
and how often, as JSON. A POST to ``/once`` is answered well once alone."""

import json
import os
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from tests.server.servers.serving import BODY, HOST, PAUSE_S, options

ASKED: Final = Counter[str]()
STATUSES: Final = {"/missing": 404, "/moved": 302}


class Answers(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer by the path."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.dumps(ASKED).encode() if self.path == "/asked" else BODY
        ASKED[f"{self.command} {self.path}"] += 1
        time.sleep(3600 if self.path == "/silent" else PAUSE_S)
        was_asked = self.path == "/once" and ASKED[f"POST {self.path}"] > 1
        self.send_response(409 if was_asked else STATUSES.get(self.path, 200))
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Worker", str(os.getpid()))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """With room for many connections."""

    request_queue_size = 1024


if __name__ == "__main__":
    Server((HOST, options().port), Answers).serve_forever()
