"""A small git repository, made for a test."""

import subprocess
from pathlib import Path

SERVER = '''"""Answers with PAGE, after WORK rounds of hashing."""
import hashlib
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORK = {work}


class Page(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one segment, or the second waits for the first to be acknowledged

    def do_GET(self):
        digest = b"page"
        for _ in range(WORK):
            digest = hashlib.sha256(digest).digest()
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"page\\n")

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
'''
SCENARIO = """
name = "page"
{settings}

[load]
connections = 4
threads = 2
warmup = "100ms"
duration = "300ms"

[[topology]]
name = "raw"
command = ["{{harness_python}}", "server.py", "{{port}}"]
"""


class Repository:
    """On branch main, with a server that does some work."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "user.name", "Somebody")
        self.git("config", "user.email", "somebody@localhost")

    def git(self, *arguments: str) -> str:
        """What git prints."""
        return subprocess.run(
            ["git", "-C", str(self.path), *arguments], check=True, capture_output=True, text=True
        ).stdout.strip()

    def write(self, name: str, text: str) -> None:
        """A file of the working tree."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def commit(self, message: str) -> str:
        """All that is there."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def worktrees(self) -> int:
        """How many there are, the repository's own among them."""
        return len(self.git("worktree", "list").splitlines())


def with_server(path: Path, settings: str = "") -> Repository:
    """One commit of the server and its scenario."""
    repository = Repository(path)
    repository.write("server.py", SERVER.format(work=300))
    repository.write("page.toml", SCENARIO.format(settings=settings))
    repository.commit("Serve a page")
    return repository
