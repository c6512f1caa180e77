"""One comment under the pull request, whatever was there before, and no failure where there can be none."""

import json
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from action import conversation
from action.post_comment import MOST_CHARACTERS, app
from tests.action.github import BOT, COMMENTS, NUMBER, REPOSITORY, TOKEN, Answer, GitHub

MARKER: Final = "<!-- harness: cart -->"
BODY: Final = f"{MARKER}\n### cart: did it get slower?\n\nNo: `raw` 2 % | ↔"
SOMEBODY: Final = {"login": "somebody", "type": "User"}
PULL_REQUEST: Final = {"pull_request": {"number": NUMBER}}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "WAITS_S", (0.0, 0.0, 0.0))


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, github: GitHub) -> Path:
    """The folder of a job about a pull request."""
    (tmp_path / "event.json").write_text(json.dumps(PULL_REQUEST))
    monkeypatch.setenv("GITHUB_API_URL", github.url)
    monkeypatch.setenv("GITHUB_REPOSITORY", REPOSITORY)
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))
    monkeypatch.setenv("GITHUB_TOKEN", f"{TOKEN}\n")
    return tmp_path


def post(job: Path, body: str = BODY) -> tuple[int, str]:
    """Exit code and output, which is a line, and never has the token in it."""
    file = job / "comment.md"
    file.write_text(body, encoding="utf-8")
    result = CliRunner().invoke(app, [str(file)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert TOKEN not in result.output
    assert result.output.count("\n") == 1
    return result.exit_code, result.output


def test_the_first_report_is_a_new_comment(job: Path, github: GitHub) -> None:
    assert post(job) == (0, "Comment: https://github.example/1\n")
    assert github.bodies == [BODY]


def test_the_next_one_takes_its_place(job: Path, github: GitHub) -> None:
    github.add("Looks good to me", SOMEBODY)
    post(job)
    assert post(job, BODY.replace("No", "Yes")) == (0, "Comment: https://github.example/2\n")
    assert github.bodies == ["Looks good to me", BODY.replace("No", "Yes")]


def test_a_comment_that_was_edited_by_hand_is_found(job: Path, github: GitHub) -> None:
    github.add(f"{MARKER}\r\n### cart\r\n")
    post(job)
    assert github.bodies == [BODY]


def test_another_scenario_has_a_comment_of_its_own(job: Path, github: GitHub) -> None:
    github.add(BODY.replace("harness: cart", "harness: cart-2"))
    post(job)
    assert len(github.bodies) == 2


def test_it_is_found_on_a_later_page(job: Path, github: GitHub) -> None:
    github.page = 2
    for number in range(4):
        github.add(f"{number}", SOMEBODY)
    github.add(f"{MARKER}\nold")
    post(job)
    assert github.bodies[4:] == [BODY]
    assert [asked.partition("?")[2] for asked in github.asked if asked.startswith(f"GET {COMMENTS}")] == [
        "per_page=100",
        "page=2",
        "page=3",
    ]


@pytest.mark.parametrize("user", [SOMEBODY, None], ids=["somebody", "nobody any more"])
def test_what_somebody_else_begins_like_it_is_left_alone(
    job: Path, github: GitHub, user: dict[str, str] | None
) -> None:
    github.add(BODY, user)
    post(job)
    assert github.comments[0]["user"] == user
    assert [comment["user"] for comment in github.comments[1:]] == [BOT]


def test_a_person_edits_what_that_person_wrote(job: Path, github: GitHub) -> None:
    github.login = "somebody"
    github.add(f"{MARKER}\nof the bot", BOT)
    github.add(f"{MARKER}\nof somebody", SOMEBODY)
    post(job)
    assert github.bodies == [f"{MARKER}\nof the bot", BODY]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_token_that_may_only_read_is_no_failure(job: Path, github: GitHub, method: str) -> None:
    github.instead = {method: [Answer(403, "Resource not accessible by integration")]}
    code, output = post(job)
    assert code == 0
    assert output.startswith(
        f"::notice title=harness::No comment: {method} repos/{REPOSITORY}/issues/{NUMBER}/comments"
    )
    assert "403 Resource not accessible by integration" in output
    assert github.bodies == []


@pytest.mark.parametrize("event", [{}, {"issue": {"number": 7}}, {"pull_request": None, "ref": "refs/heads/main"}])
def test_an_event_without_a_pull_request_is_no_failure(job: Path, github: GitHub, event: object) -> None:
    (job / "event.json").write_text(json.dumps(event))
    code, output = post(job)
    assert code == 0
    assert output.startswith("::notice title=harness::No comment: the event that started this job has no pull request")
    assert github.asked == []


def test_a_comment_on_a_pull_request_is_an_event_with_one(job: Path, github: GitHub) -> None:
    (job / "event.json").write_text(json.dumps({"issue": {"number": NUMBER, "pull_request": {"url": "x"}}}))
    assert post(job)[0] == 0
    assert github.bodies == [BODY]


@pytest.mark.parametrize("status", [301, 404, 410, 422])
def test_any_other_refusal_is_told_in_a_line(job: Path, github: GitHub, status: int) -> None:
    github.instead = {"POST": [Answer(status, "100% broken\n::warning::\x1b[31m")]}
    code, output = post(job)
    assert code == 1
    assert output.startswith("::error title=harness::No comment: POST ")
    assert output.endswith(f"comments: {status} 100%25 broken\\n::warning::\\x1b[31m\n")


def test_a_wrong_token_is_told(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "wrong")
    assert post(job) == (1, "::error title=harness::No comment: GET user: 401 Bad credentials\n")


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_what_is_busy_is_tried_again(job: Path, github: GitHub, method: str, status: int) -> None:
    if method == "PATCH":
        github.add(f"{MARKER}\nold")
    github.instead = {method: [Answer(status, "later", {"Retry-After": "0"}), Answer(status)]}
    assert post(job)[0] == 0
    assert github.bodies == [BODY]


def test_what_was_made_although_an_error_was_answered_is_not_made_twice(job: Path, github: GitHub) -> None:
    made = github.answer

    def answer(method: str, target: str, sent: object) -> tuple[int, object, dict[str, str]]:
        answered = made(method, target, sent)
        return (502, {}, {}) if method == "POST" else answered

    github.answer = answer  # type: ignore[method-assign]
    assert post(job)[0] == 0
    assert github.bodies == [BODY]


def test_what_stays_busy_is_given_up(job: Path, github: GitHub) -> None:
    github.instead = {"POST": [Answer(503, "We are down")] * 9}
    code, output = post(job)
    assert (code, len(github.instead["POST"])) == (1, 9 - 4)
    assert "503 We are down" in output


def test_an_api_that_is_not_there_is_told(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9")
    code, output = post(job)
    assert code == 1
    assert output.startswith("::error title=harness::No comment: GET user: Cannot connect to host 127.0.0.1:9")


def test_an_answer_that_is_not_one_is_told(job: Path, github: GitHub) -> None:
    github.add(body="", user={"login": "without a type"})
    code, output = post(job)
    assert code == 1
    assert "the answer can't be understood" in output


@pytest.mark.parametrize(
    ("said", "waited_s"), [("0", 0.0), ("7", 7.0), ("3600", 60.0), ("", 1.0), ("-1", 1.0), ("Fri, 31 Dec", 1.0)]
)
def test_the_server_says_how_long_to_wait_within_bounds(
    job: Path, github: GitHub, monkeypatch: pytest.MonkeyPatch, said: str, waited_s: float
) -> None:
    waits: list[float] = []

    async def sleep(wait_s: float) -> None:
        waits.append(wait_s)

    monkeypatch.setattr(conversation, "WAITS_S", (1.0,))
    monkeypatch.setattr("action.conversation.asyncio.sleep", sleep)
    github.instead = {"POST": [Answer(429, headers={"Retry-After": said})]}
    assert post(job)[0] == 0
    assert waits == [waited_s]


def test_the_longest_comment_is_posted_and_a_longer_one_is_refused(job: Path, github: GitHub) -> None:
    longest = f"{MARKER}\n".ljust(MOST_CHARACTERS, "↔")
    assert post(job, f"{longest}\n")[0] == 0
    assert github.bodies == [longest]
    code, output = post(job, longest + "↔")
    assert code == 2
    assert output.endswith("comment.md: has 65,537 characters, of which a comment holds 65,536\n")
    assert github.bodies == [longest]


@pytest.mark.parametrize("body", ["", "### cart", "text <!-- harness: cart -->", "<!-- harness:  -->"])
def test_a_comment_that_could_not_be_found_again_is_refused(job: Path, github: GitHub, body: str) -> None:
    code, output = post(job, body)
    assert code == 2
    assert "does not begin with <!-- harness: NAME -->" in output
    assert github.asked == []


def test_a_file_that_is_not_there_is_told(job: Path) -> None:
    result = CliRunner().invoke(app, [str(job / "none.md")])
    assert result.exit_code == 2
    assert "none.md: can't be read" in result.output


@pytest.mark.parametrize("name", ["GITHUB_API_URL", "GITHUB_REPOSITORY", "GITHUB_EVENT_PATH", "GITHUB_TOKEN"])
def test_a_variable_that_is_not_set_is_named(job: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, " ")
    assert post(job) == (2, f"::error title=harness::{name}: is not set\n")


@pytest.mark.parametrize("content", [b"", b"[]", b'{"pull_request": {"number": "../../admin"}}', b"\xff"])
def test_an_event_that_is_none_is_told(job: Path, content: bytes) -> None:
    (job / "event.json").write_bytes(content)
    code, output = post(job)
    assert code == 2
    assert "event.json: can't be read as an event" in output
