"""Python's own server, which writes head and body one by one and leaves Nagle's algorithm on."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.server.servers.serving import BODY, HOST, options


class Handler(BaseHTTPRequestHandler):
    """One page, over connections that are kept."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with the page."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer((HOST, options().port), Handler).serve_forever()
