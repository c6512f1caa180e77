"""Puts reports under a pull request: of ours there is one comment for each first line, a hidden marker, which is edited
where it is there and made where it is not. Where there can be none, since the token may only read or there is no pull
request, a notice is all: the gate decides over a job, and not the comment.

It holds a token that may write, in a job in which the code of a pull request may have run. That is why it is one file
of Python's own library, whose digest is checked before it runs (action.yml), without packages, settings or variables of
the machine. The token comes by standard input and goes to one host: no redirect and no link of an answer is followed.
"""

import argparse
import http.client
import json
import os
import re
import signal
import stat
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any, Final, Literal, NoReturn, TypeVar
from urllib.parse import urlencode, urlsplit

MARKER: Final = re.compile(r"<!-- harness: .+ -->")
MOST_CHARACTERS: Final = 65_536  # that GitHub takes for a comment
MOST_FILES: Final = 8
PAGE: Final = 100  # comments, the most that GitHub gives at a time
MOST_PAGES: Final = 100  # there are never more than 2,500 comments
MOST_BYTES: Final = 64 * 2**20  # of one answer
MOST_S: Final = 300.0  # for all of it
TIMEOUT_S: Final = 30.0
WAITS_S: Final = (1.0, 4.0, 16.0)  # before each further try, when the server does not say how long
MOST_WAIT_S: Final = 60.0  # whatever it says


Kind = TypeVar("Kind")
Default = TypeVar("Default")


class UsageError(Exception):
    """What the job hands over can't be used. The message says what and why."""


class NoCommentError(Exception):
    """There can be no comment, and that is no failure. The message says why."""


class ApiError(Exception):
    """The API did not do what it was asked to. The message says what, and how it was answered."""


class BusyError(ApiError):
    """It may do so later: after ``wait_s``, if it has said."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


@dataclass(frozen=True)
class Comment:
    """One that is there. ``login`` is who wrote it, None when its author is gone; ``is_bots`` when that is an app, as
    whose the job's own token comments."""

    id: int
    url: str
    body: str
    login: str | None
    is_bots: bool

    @classmethod
    def read(cls, value: Any) -> "Comment":
        """Return what the API calls a comment. Raises ApiError."""
        user = _field(value, "user", dict, None)
        return cls(
            id=_field(value, "id", int),
            url=_field(value, "html_url", str),
            body=_field(value, "body", str, ""),
            login=None if user is None else _field(user, "login", str),
            is_bots=user is not None and _field(user, "type", str) == "Bot",
        )


@dataclass(frozen=True)
class Api:
    """GitHub's REST API of one repository, OWNER/NAME. Whatever it answers, the token goes to the host of ``url``."""

    url: str
    repository: str
    token: str

    def ask(self, method: str, path: str, sent: Mapping[str, str] | None = None) -> Any:
        """Return the answer to one request. Raises ApiError, BusyError and NoCommentError."""
        place = urlsplit(self.url)
        connect = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "User-Agent": "harness",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        connection = connect(place.netloc, timeout=TIMEOUT_S)
        try:
            content = None if sent is None else json.dumps(sent).encode()
            connection.request(method, f"{place.path.rstrip('/')}/{path}", content, headers)
            response = connection.getresponse()
            answer = response.read(MOST_BYTES + 1)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise BusyError(f"{method} {path}: {error or 'no answer in time'}") from error
        finally:
            connection.close()
        _check(f"{method} {path}", response, answer)
        try:
            return json.loads(answer[:MOST_BYTES])
        except (ValueError, RecursionError) as error:
            raise ApiError(f"{method} {path}: the answer can't be understood") from error

    def comments(self, number: int) -> Iterator[Comment]:
        """Yield those under the pull request, the oldest first."""
        for page in range(1, MOST_PAGES + 1):
            query = urlencode({"per_page": PAGE, "page": page})
            found = self.ask("GET", f"repos/{self.repository}/issues/{number}/comments?{query}")
            if not found:
                return
            yield from map(Comment.read, _items(found))
        raise ApiError(f"the comments don't end: {MOST_PAGES} pages were read")

    def login(self) -> str | None:
        """Return whose token it is; None for that of an app, which may not ask."""
        try:
            return _field(self.ask("GET", "user"), "login", str)
        except NoCommentError:
            return None

    def put(self, number: int, body: str) -> Comment:
        """Edit our comment with the same first line, or make one.

        What was put is found when it is put again, so that every failure can be followed by another try. A comment that
        somebody else begins like ours is theirs, and not touched.
        """
        login, marker = self.login(), first_line(body)
        for comment in self.comments(number):
            is_ours = comment.is_bots if login is None else comment.login == login
            if is_ours and first_line(comment.body) == marker:
                edited = self.ask("PATCH", f"repos/{self.repository}/issues/comments/{comment.id}", {"body": body})
                return Comment.read(edited)
        made = self.ask("POST", f"repos/{self.repository}/issues/{number}/comments", {"body": body})
        return Comment.read(made)

    def pull_request(self, head: str, commit: str) -> int:
        """Return the number of the open pull request from the branch ``head``, OWNER:BRANCH, which is at the commit.

        Raises NoCommentError when there is none, or it has moved on, or when there are several.
        """
        query = urlencode({"state": "open", "head": head, "per_page": PAGE})
        found = _items(self.ask("GET", f"repos/{self.repository}/pulls?{query}"))
        at_commit = [each for each in found if _field(_field(each, "head", dict), "sha", str) == commit]
        if len(at_commit) != 1:
            raise NoCommentError(f"{len(at_commit)} open pull requests from {head} are at {commit}")
        return _field(at_commit[0], "number", int)


def _items(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ApiError("the answer can't be understood: expected a list")
    return value


def _field(value: Any, name: str, kind: type[Kind], *default: Default) -> Kind | Default:
    """Return a field of an answer; the default, if there is one, in the place of null. Raises ApiError."""
    found = value.get(name) if isinstance(value, dict) else None
    if found is None and default:
        return default[0]
    if type(found) is not kind:
        raise ApiError(f"the answer can't be understood: expected {name}")
    return found


def _check(what: str, response: http.client.HTTPResponse, content: bytes) -> None:
    """Raise what the status comes to. Of too many requests GitHub tells by 429 or 403, a header or the message."""
    if 200 <= response.status < 300:
        return
    message = _message(content)
    said = f"{what}: {response.status} {message or response.reason}"
    wait_s = _wait_s(response.headers, message)
    if response.status == 429 or response.status >= 500 or (response.status == 403 and wait_s is not None):
        raise BusyError(said, None if wait_s is None else min(wait_s, MOST_WAIT_S))
    raise (NoCommentError if response.status == 403 else ApiError)(said)


def _wait_s(headers: Message, message: str) -> float | None:
    """Return how long to wait by what a busy API says, or by GitHub's rules for its limits; None when nothing does."""
    after_s, end_s = _seconds(headers.get("Retry-After")), _seconds(headers.get("X-RateLimit-Reset"))
    if after_s is not None:
        return after_s
    if headers.get("X-RateLimit-Remaining") == "0":
        return MOST_WAIT_S if end_s is None else max(end_s - time.time(), 0.0)
    return MOST_WAIT_S if "rate limit" in message.lower() else None


def _message(content: bytes) -> str:
    try:
        return str(_field(json.loads(content), "message", str))
    except (ApiError, ValueError, RecursionError):
        return ""


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and re.fullmatch(r"[0-9]{1,15}", text) else None


def first_line(text: str) -> str:
    """Which is what the comment is known by."""
    return text.partition("\n")[0].rstrip()


def read_body(file: Path) -> str:
    """Return what is to be posted, of a file that may be anybody's. Raises UsageError."""
    try:
        with open(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise UsageError(f"{file}: is no file")
            body = opened.read(4 * MOST_CHARACTERS + 2).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: can't be read: {error}") from error
    if not MARKER.fullmatch(first_line(body)):
        raise UsageError(f"{file}: does not begin with <!-- harness: NAME -->, by which it would be found again")
    if len(body) > MOST_CHARACTERS:
        raise UsageError(f"{file}: has over {MOST_CHARACTERS:,} characters, which is all that a comment holds")
    return body


def with_patience(api: Api, given: argparse.Namespace, bodies: Sequence[str]) -> list[Comment]:
    """Put the comments, and try again when the API is busy. Raises ApiError, NoCommentError and UsageError."""
    for wait_s in WAITS_S:
        try:
            return _put_all(api, given, bodies)
        except BusyError as error:
            time.sleep(wait_s if error.wait_s is None else error.wait_s)
    return _put_all(api, given, bodies)


def _put_all(api: Api, given: argparse.Namespace, bodies: Sequence[str]) -> list[Comment]:
    number = given.number or (api.pull_request(given.head, given.commit) if given.commit else None)
    if number is None:
        raise NoCommentError("the event that started this job has no pull request")
    return [api.put(number, body) for body in bodies]


def _number(text: str) -> int | None:
    return int(text) if text else None


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        description="Put each FILE, Markdown that begins with <!-- harness: NAME -->, under a pull request."
        " Exit codes: 0 it is there, or there can be none; 1 the API failed; 2 the input can't be used."
    )
    parser.add_argument("--api", required=True, help="such as https://api.github.com; the token is read from stdin")
    parser.add_argument("--repository", required=True, help="OWNER/NAME")
    parser.add_argument("--number", type=_number, help="of the pull request; may be empty")
    parser.add_argument("--head", default="", help="or else its branch, OWNER:BRANCH")
    parser.add_argument("--commit", default="", help="and the commit at which that has to be")
    parser.add_argument("file", type=Path, nargs="+")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code."""
    given = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    signal.signal(signal.SIGALRM, _give_up)
    signal.setitimer(signal.ITIMER_REAL, MOST_S)
    try:
        if len(given.file) > MOST_FILES:
            raise UsageError(f"expected at most {MOST_FILES} files, got {len(given.file)}")
        token, bodies = read_token(), [read_body(file) for file in given.file]
        for comment in with_patience(Api(given.api, given.repository, token), given, bodies):
            print(f"Comment: {printable(comment.url)}")
    except NoCommentError as error:
        return _tell("notice", f"No comment: {error}. The summary of the job has it all.", 0)
    except ApiError as error:
        return _tell("error", f"No comment: {error}", 1)
    except UsageError as error:
        return _tell("error", str(error), 2)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return 0


def _give_up(number: int, frame: object) -> NoReturn:
    raise ApiError(f"not done within {MOST_S:g} s")


def read_token() -> str:
    """Return it from standard input. Raises UsageError, without it."""
    token = sys.stdin.readline().strip()
    if not re.fullmatch(r"[!-~]+", token):
        raise UsageError("expected a token on the standard input")
    return token


def printable(text: str) -> str:
    """Return the text with line ends, and all else that a terminal or a runner would obey, written out."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _tell(level: Literal["notice", "error"], text: str, code: int) -> int:
    """Say it as a workflow command, which GitHub shows beside the job. Return the code."""
    print(f"::{level} title=harness::{printable(text).replace('%', '%25')}")
    return code


if __name__ == "__main__":
    sys.exit(main())
