"""A server for the tests, started as ``python -m tests.discovery.server``: one page, on as many ports as are named."""

import argparse
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

HOST: Final = "127.0.0.1"
BODY: Final = b"twelve bytes"


class Page(BaseHTTPRequestHandler):
    """The page is at ``page``; ``moved`` leads to ``location``, and nothing else is there. The first ``warm_after``
    answers are 503, and those to requests without the body that it ``needs`` 400."""

    page: str
    moved: str
    location: str
    warm_after = 0
    needs = ""

    def do_GET(self) -> None:
        """Answer."""
        if self.warm_after > 0:
            type(self).warm_after -= 1
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        status = 302 if self.path == self.moved else 200 if self.path == self.page else 404
        if self.rfile.read(int(self.headers["Content-Length"] or 0)).decode() != self.needs:
            status = 400
        body = BODY if status == 200 else b""
        self.send_response(status)
        if status == 302:
            self.send_header("Location", self.location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


class Ipv6Server(ThreadingHTTPServer):
    """The same on an address of IPv6."""

    address_family = socket.AF_INET6


def main() -> None:
    """Serve until SIGTERM. Numbers may be written in any way that Python reads, such as 0x1F90."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", action="append", default=[])
    parser.add_argument("--page", default="/")
    parser.add_argument("--moved", default="")
    parser.add_argument("--location", default="")
    parser.add_argument("--only", help="refuse to start unless this is it, as it is written", default=None)
    parser.add_argument("--host", default=HOST)
    parser.add_argument("--needs", default="")
    asked = parser.parse_args()
    if asked.only not in (None, *asked.port):
        raise SystemExit(f"expected port {asked.only}")
    for name in ("page", "moved", "location", "needs"):
        setattr(Page, name, getattr(asked, name))
    for port in asked.port:
        server = Ipv6Server if ":" in asked.host else ThreadingHTTPServer
        threading.Thread(target=server((asked.host, int(port, 0)), Page).serve_forever).start()


if __name__ == "__main__":
    main()
