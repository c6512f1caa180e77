"""What the Action knows of GitHub's REST API, on loopback: the comments under pull request 7 of owner/name."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

REPOSITORY: Final = "owner/name"
NUMBER: Final = 7
TOKEN: Final = "ghs_a-secret-that-nobody-prints"
BOT: Final = {"login": "github-actions[bot]", "type": "Bot"}
COMMENTS: Final = f"/repos/{REPOSITORY}/issues/{NUMBER}/comments"


@dataclass(frozen=True)
class Answer:
    """In place of what would be answered otherwise."""

    status: int
    message: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class GitHub:
    """``login`` is whose token it is, None for an app's, which may not ask; ``page`` the comments in one answer.
    ``instead`` is taken from, answer by answer, for each method; what is asked is noted in ``asked``. When
    ``is_endless``, every page is the first; ``links`` is the header Link that comes with it, in the place of a right
    one. ``pulls`` are the open pull requests."""

    url: str = ""
    login: str | None = None
    page: int = 100
    comments: list[dict[str, Any]] = field(default_factory=list)
    instead: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    is_endless: bool = False
    links: str | None = None
    pulls: list[dict[str, Any]] = field(default_factory=list)

    def add(self, body: str, user: Mapping[str, str] | None = BOT) -> dict[str, Any]:
        """A comment under the pull request."""
        number = len(self.comments) + 1
        comment = {"id": number, "html_url": f"https://github.example/{number}", "body": body, "user": user}
        self.comments.append(comment)
        return comment

    @property
    def bodies(self) -> list[str]:
        """Of all comments."""
        return [comment["body"] for comment in self.comments]

    def answer(self, method: str, target: str, sent: Any) -> tuple[int, Any, dict[str, str]]:
        """Status, body and headers."""
        self.asked.append(f"{method} {target}")
        url = urlsplit(target)
        if url.path == "/user":
            return (
                (403, {"message": "Resource not accessible by integration"}, {}) if self.login is None else self._user()
            )
        if answers := self.instead.get(method):
            answer = answers.pop(0)
            return answer.status, {"message": answer.message}, dict(answer.headers)
        if (method, url.path) == ("GET", COMMENTS):
            return self._listed(int(parse_qs(url.query).get("page", ["1"])[0]))
        if (method, url.path) == ("GET", f"/repos/{REPOSITORY}/pulls"):
            return 200, self.pulls, {}
        if (method, url.path) == ("POST", COMMENTS):
            return 201, self.add(sent["body"], BOT if self.login is None else self._user()[1]), {}
        for comment in self.comments:
            if (method, url.path) == ("PATCH", f"/repos/{REPOSITORY}/issues/comments/{comment['id']}"):
                comment["body"] = sent["body"]
                return 200, comment, {}
        return 404, {"message": "Not Found"}, {}

    def _user(self) -> tuple[int, dict[str, str], dict[str, str]]:
        return 200, {"login": self.login or "", "type": "User"}, {}

    def _listed(self, page: int) -> tuple[int, Any, dict[str, str]]:
        first = 0 if self.is_endless else (page - 1) * self.page
        here = self.comments[first : first + self.page]
        is_last = first + self.page >= len(self.comments)
        link = {} if is_last else {"Link": f'<{self.url}{COMMENTS}?page={page + 1}>; rel="next", <{self.url}>; rel="x"'}
        return 200, here, link if self.links is None else {"Link": self.links}


@contextmanager
def serving(github: GitHub) -> Iterator[GitHub]:
    """The API, until the context is left. Whoever comes without the token is sent away."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer is one packet, for which no other has to wait

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            sent = json.loads(self.rfile.read(length)) if length else None
            if self.headers["Authorization"] == f"Bearer {TOKEN}":
                status, body, headers = github.answer(self.command, self.path, sent)
            else:
                status, body, headers = 401, {"message": "Bad credentials"}, {}
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(content))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _answer

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        github.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield github
        finally:
            server.shutdown()
            thread.join()
