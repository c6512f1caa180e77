"""One comment under the pull request, whatever was there before, and no failure where there can be none."""

import contextlib
import io
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from action import post_comment
from action.post_comment import MOST_CHARACTERS, MOST_PAGES, main
from tests.action.github import BOT, COMMENTS, NUMBER, REPOSITORY, TOKEN, Answer, GitHub, serving

MARKER: Final = "<!-- harness: cart -->"
BODY: Final = f"{MARKER}\n### cart: did it get slower?\n\nNo: `raw` 2 % | ↔"
SOMEBODY: Final = {"login": "somebody", "type": "User"}


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What would have been waited for."""
    made: list[float] = []
    monkeypatch.setattr("action.post_comment.time.sleep", made.append)
    return made


class Post:
    """Posts what is to be posted, as the step does, and checks that the token is nowhere in what it says, a line."""

    def __init__(self, folder: Path, github: GitHub, capsys: pytest.CaptureFixture[str]) -> None:
        self.file = folder / "comment.md"
        self.api, self.place, self.token = github.url, ["--number", str(NUMBER)], f"{TOKEN}\n"
        self._capsys = capsys

    def __call__(self, body: str = BODY) -> tuple[int, str]:
        """Exit code and output."""
        self.file.write_text(body, encoding="utf-8")
        return self.again()

    def again(self) -> tuple[int, str]:
        """With the file as it is."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdin", io.StringIO(self.token))
            code = main(["--api", self.api, "--repository", REPOSITORY, *self.place, str(self.file)])
        output = self._capsys.readouterr().out
        assert TOKEN not in output
        assert output.count("\n") == 1
        return code, output


@pytest.fixture
def post(tmp_path: Path, github: GitHub, capsys: pytest.CaptureFixture[str]) -> Post:
    """In a job about pull request 7."""
    return Post(tmp_path, github, capsys)


def test_the_first_report_is_a_new_comment(post: Post, github: GitHub) -> None:
    assert post() == (0, "Comment: https://github.example/1\n")
    assert github.bodies == [BODY]


def test_the_next_one_takes_its_place(post: Post, github: GitHub) -> None:
    github.add("Looks good to me", SOMEBODY)
    post()
    assert post(BODY.replace("No", "Yes")) == (0, "Comment: https://github.example/2\n")
    assert github.bodies == ["Looks good to me", BODY.replace("No", "Yes")]


def test_a_comment_that_was_edited_by_hand_is_found(post: Post, github: GitHub) -> None:
    github.add(f"{MARKER}\r\n### cart\r\n")
    post()
    assert github.bodies == [BODY]


def test_another_scenario_has_a_comment_of_its_own(post: Post, github: GitHub) -> None:
    github.add(BODY.replace("harness: cart", "harness: cart-2"))
    post()
    assert len(github.bodies) == 2


def test_it_is_found_on_a_later_page(post: Post, github: GitHub) -> None:
    github.page = 2
    for number in range(4):
        github.add(f"{number}", SOMEBODY)
    github.add(f"{MARKER}\nold")
    post()
    assert github.bodies[4:] == [BODY]
    assert [asked.partition("?")[2] for asked in github.asked if asked.startswith(f"GET {COMMENTS}")] == [
        "per_page=100&page=1",
        "per_page=100&page=2",
        "per_page=100&page=3",
    ]


@pytest.mark.parametrize("user", [SOMEBODY, None], ids=["somebody", "nobody any more"])
def test_what_somebody_else_begins_like_it_is_left_alone(
    post: Post, github: GitHub, user: dict[str, str] | None
) -> None:
    github.add(BODY, user)
    post()
    assert github.comments[0]["user"] == user
    assert [comment["user"] for comment in github.comments[1:]] == [BOT]


def test_a_person_edits_what_that_person_wrote(post: Post, github: GitHub) -> None:
    github.login = "somebody"
    github.add(f"{MARKER}\nof the bot", BOT)
    github.add(f"{MARKER}\nof somebody", SOMEBODY)
    post()
    assert github.bodies == [f"{MARKER}\nof the bot", BODY]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_token_that_may_only_read_is_no_failure(post: Post, github: GitHub, method: str) -> None:
    github.instead = {method: [Answer(403, "Resource not accessible by integration")]}
    code, output = post()
    assert code == 0
    assert output.startswith(
        f"::notice title=harness::No comment: {method} repos/{REPOSITORY}/issues/{NUMBER}/comments"
    )
    assert "403 Resource not accessible by integration" in output
    assert github.bodies == []


def test_an_event_without_a_pull_request_is_no_failure(post: Post, github: GitHub) -> None:
    post.place = ["--number", ""]
    code, output = post()
    assert code == 0
    assert output.startswith("::notice title=harness::No comment: the event that started this job has no pull request")
    assert github.asked == []


@pytest.mark.parametrize("status", [301, 404, 410, 422])
def test_any_other_refusal_is_told_in_a_line(post: Post, github: GitHub, status: int) -> None:
    github.instead = {"POST": [Answer(status, "100% broken\n::warning::\x1b[31m")]}
    code, output = post()
    assert code == 1
    assert output.startswith("::error title=harness::No comment: POST ")
    assert output.endswith(f"comments: {status} 100%25 broken\\n::warning::\\x1b[31m\n")


def test_a_wrong_token_is_told(post: Post) -> None:
    post.token = "wrong"
    assert post() == (1, "::error title=harness::No comment: GET user: 401 Bad credentials\n")


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_what_is_busy_is_tried_again(post: Post, github: GitHub, method: str, status: int) -> None:
    if method == "PATCH":
        github.add(f"{MARKER}\nold")
    github.instead = {method: [Answer(status, "later", {"Retry-After": "0"}), Answer(status)]}
    assert post()[0] == 0
    assert github.bodies == [BODY]


def test_what_was_made_although_an_error_was_answered_is_not_made_twice(post: Post, github: GitHub) -> None:
    made = github.answer

    def answer(method: str, target: str, sent: object) -> tuple[int, object, dict[str, str]]:
        answered = made(method, target, sent)
        return (502, {}, {}) if method == "POST" else answered

    github.answer = answer  # type: ignore[method-assign]
    assert post()[0] == 0
    assert github.bodies == [BODY]


def test_what_stays_busy_is_given_up(post: Post, github: GitHub) -> None:
    github.instead = {"POST": [Answer(503, "We are down")] * 9}
    code, output = post()
    assert (code, len(github.instead["POST"])) == (1, 9 - 4)
    assert "503 We are down" in output


def test_an_api_that_is_not_there_is_told(post: Post) -> None:
    post.api = "http://127.0.0.1:9"
    code, output = post()
    assert code == 1
    assert output.startswith("::error title=harness::No comment: GET user: [Errno 111] Connection refused")


def test_an_answer_that_is_not_one_is_told(post: Post, github: GitHub) -> None:
    github.add(body="", user={"login": "without a type"})
    code, output = post()
    assert code == 1
    assert "the answer can't be understood" in output


@pytest.mark.parametrize(
    ("said", "waited_s"), [("0", 0.0), ("7", 7.0), ("3600", 60.0), ("", 1.0), ("-1", 1.0), ("Fri, 31 Dec", 1.0)]
)
def test_the_server_says_how_long_to_wait_within_bounds(
    post: Post, github: GitHub, waits: list[float], said: str, waited_s: float
) -> None:
    github.instead = {"POST": [Answer(429, headers={"Retry-After": said})]}
    assert post()[0] == 0
    assert waits == [waited_s]


@pytest.mark.parametrize(
    ("message", "headers", "waited_s"),
    [
        ("Slow down", {"Retry-After": "5"}, 5.0),
        ("API rate limit exceeded", {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "{soon}"}, 40.0),
        ("API rate limit exceeded", {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9999999999"}, 60.0),
        ("API rate limit exceeded", {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}, 0.0),
        ("Forbidden", {"X-RateLimit-Remaining": "0"}, 60.0),
        ("You have exceeded a secondary rate limit", {"X-RateLimit-Remaining": "4000"}, 60.0),
    ],
)
@pytest.mark.parametrize("status", [403, 429])
def test_a_limit_on_the_rate_of_requests_is_waited_for_and_no_lack_of_permission(
    post: Post, github: GitHub, waits: list[float], status: int, message: str, headers: dict[str, str], waited_s: float
) -> None:
    soon = str(int(time.time()) + 59)  # the wait is rounded down to 40 s, so that nobody need be quick here
    said = {name: value.replace("{soon}", soon) for name, value in headers.items()}
    github.instead = {"GET": [Answer(status, message, said)], "POST": [Answer(status, message, said)]}
    assert post()[0] == 0
    assert github.bodies == [BODY]
    assert [waited - waited % 20 if "{soon}" in headers.values() else waited for waited in waits] == [waited_s] * 2


def test_no_permission_is_no_limit_whatever_is_left_of_it(post: Post, github: GitHub, waits: list[float]) -> None:
    left = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "9999999999"}
    github.instead = {"POST": [Answer(403, "Resource not accessible by integration", left)]}
    assert post()[1].startswith("::notice")
    assert waits == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_the_token_goes_to_no_other_host_than_the_apis(post: Post, github: GitHub, status: int) -> None:
    """Neither by a redirect nor by a link to the next page."""
    with serving(GitHub()) as other:
        elsewhere = {"Location": f"{other.url}{COMMENTS}", "Link": f'<{other.url}{COMMENTS}?page=2>; rel="next"'}
        github.instead = {"GET": [Answer(status, "Moved", elsewhere)]}
        assert post()[0] == 1
        github.links = elsewhere["Link"]
        github.add(BODY, SOMEBODY)
        assert post()[0] == 0
        assert other.asked == []


def test_pages_that_do_not_end_are_left(post: Post, github: GitHub) -> None:
    """As when each page links to itself."""
    github.add("Looks good to me", SOMEBODY)
    github.is_endless = True
    assert post() == (1, f"::error title=harness::No comment: the comments don't end: {MOST_PAGES} pages were read\n")
    assert len(github.bodies) == 1


@pytest.mark.parametrize("sent", [b"HTTP/1.1 100 Continue\r\n\r\n", b"x"])
def test_an_answer_that_does_not_end_is_left(post: Post, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(post_comment, "MOST_S", 0.3)
    began_s = time.monotonic()
    with trickling(sent) as post.api:
        assert post() == (1, "::error title=harness::No comment: not done within 0.3 s\n")
    assert time.monotonic() - began_s < 10  # and not by the alarm of the tests, which is the same signal


@contextmanager
def trickling(sent: bytes) -> Iterator[str]:
    """The URL of a server that begins an answer and sends the same ever again."""
    begun = b"" if sent.startswith(b"HTTP") else b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def send() -> None:
            connection, _ = listening.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(begun)
                while True:
                    connection.sendall(sent)
                    threading.Event().wait(0.01)

        thread = threading.Thread(target=send)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


def test_the_longest_comment_is_posted_and_a_longer_one_is_refused(post: Post, github: GitHub) -> None:
    longest = f"{MARKER}\n".ljust(MOST_CHARACTERS, "↔")
    assert post(f"{longest}\n")[0] == 0
    assert github.bodies == [longest]
    code, output = post(longest + "↔")
    assert code == 2
    assert output.endswith("comment.md: has over 65,536 characters, which is all that a comment holds\n")
    assert github.bodies == [longest]


@pytest.mark.parametrize("body", ["", "### cart", "text <!-- harness: cart -->", "<!-- harness:  -->"])
def test_a_comment_that_could_not_be_found_again_is_refused(post: Post, github: GitHub, body: str) -> None:
    code, output = post(body)
    assert code == 2
    assert "does not begin with <!-- harness: NAME -->" in output
    assert github.asked == []


@pytest.mark.parametrize("kind", ["nothing", "link", "fifo", "folder"])
def test_what_is_no_file_is_not_posted(post: Post, github: GitHub, tmp_path: Path, kind: str) -> None:
    """Whoever can write where the comment is could have it name a file of the runner's."""
    other = tmp_path / "other"
    other.write_text(BODY)
    make: dict[str, Callable[[], object]] = {
        "nothing": lambda: None,
        "link": lambda: post.file.symlink_to(other),
        "fifo": lambda: os.mkfifo(post.file),
        "folder": post.file.mkdir,
    }
    make[kind]()
    code, output = post.again()
    assert code == 2
    assert "comment.md: can't be read" in output or "comment.md: is no file" in output
    assert github.asked == []


@pytest.mark.parametrize("token", ["", "\n", "two words\n", "t\u00f6ken\n"])
def test_a_token_that_is_none_is_told_and_not_shown(post: Post, token: str) -> None:
    post.token = token
    assert post() == (2, "::error title=harness::expected a token on the standard input\n")


HEAD: Final = "somebody:feature"
SHA: Final = "a" * 40


@pytest.mark.parametrize(
    ("pulls", "said"),
    [
        ([(NUMBER, SHA)], "Comment: "),
        ([(3, "b" * 40), (NUMBER, SHA)], "Comment: "),
        ([], f"::notice title=harness::No comment: 0 open pull requests from {HEAD} are at {SHA}"),
        ([(NUMBER, "b" * 40)], "::notice title=harness::No comment: 0 open"),
        ([(3, SHA), (NUMBER, SHA)], "::notice title=harness::No comment: 2 open"),
    ],
    ids=["it", "it among others", "none", "moved on", "several"],
)
def test_the_pull_request_of_a_run_is_the_one_whose_branch_is_at_its_commit(
    post: Post, github: GitHub, pulls: list[tuple[int, str]], said: str
) -> None:
    github.pulls = [{"number": number, "head": {"sha": sha}} for number, sha in pulls]
    post.place = ["--head", HEAD, "--commit", SHA]
    code, output = post()
    assert (code, output.startswith(said)) == (0, True)
    assert github.bodies == ([BODY] if said == "Comment: " else [])
    assert github.asked[0] == f"GET /repos/{REPOSITORY}/pulls?state=open&head=somebody%3Afeature&per_page=100"
