"""The search for a path that a server answers well: with an expected status, or with 2xx."""

import http.client
import io
import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import urljoin, urlsplit

from pydantic import ValidationError

from harness.discovery.listening import ANSWER_S
from harness.generator.asking import ForeignProtocolError, ProbeResponse, ask, describe_error
from harness.load.spec import SAFE_METHODS, Load, Request, Target
from harness.server.question import Question
from harness.server.supervised import ServerError

DEFAULT_PATHS: Final = ("/", "/index.html", "/api", "/docs", "/health", "/healthz", "/ping", "/status")
NOT_YET: Final = (502, 503, 504)  # from a proxy whose servers are starting, or from a server that is warming up
AGAIN_S: Final = 0.2
REDIRECTS: Final = (301, 302, 303, 307, 308)


def find_path(load: Load, paths: Sequence[str], deadline_s: float) -> str:
    """Return the first path at which the load's request gets a good answer.

    One redirect on the same server is followed. As long as all answers say that the server, or one behind it, is not
    ready yet, a safe request is repeated until the deadline. Raises ServerError, with the answer to each path, when
    there is none.
    """
    while True:
        answers, is_starting = [], load.requests[0].method in SAFE_METHODS
        for path in paths:
            found, answer, status = _follow(load, path)
            if found is not None:
                return found
            answers.append(answer)
            is_starting &= status in NOT_YET
        if not is_starting or time.monotonic() + AGAIN_S > deadline_s:
            break
        time.sleep(AGAIN_S)
    expected = " or ".join(map(str, load.expect.statuses)) or "2xx"
    raise ServerError(f"no path is answered with {expected}: {', '.join(answers)}; say with --path /PATH which one is")


def _follow(load: Load, path: str) -> tuple[str | None, str, int | None]:
    """Return the path that gets a good answer, if there is one; the answer in words; and its status, if it has one."""
    question = _build_question(load, path)
    try:
        answer = _ask(question)
        if not question.objection(answer):
            return path, "", answer.status
        if answer.end != "whole":
            return None, f"{path} {answer.incomplete_reason}", answer.status
        location = _read_location(answer)
        if answer.status not in REDIRECTS or location is None:
            return None, f"{path} {answer.status}", answer.status
        answer_text = f"{path} {answer.status} to {location:.100}"
        destination = _resolve_redirect(load.target, path, location)
        if destination is None or not question.is_safe:
            return None, answer_text, answer.status
        there = _build_question(load, destination)
        last = _ask(there)
        return (None if there.objection(last) else destination), f"{answer_text} {last.status}", last.status
    except OSError as error:
        return None, f"{path} no answer ({describe_error(error)})", None
    except ForeignProtocolError as error:
        return None, f"{path} is not answered: the server {error}", None


def _build_question(load: Load, path: str) -> Question:
    return Question(load.with_request(load.requests[0].with_path(path)), load.expect)


def _ask(question: Question) -> ProbeResponse:
    return ask(question.load, time.monotonic() + ANSWER_S)


def _read_location(answer: ProbeResponse) -> str | None:
    """Return the Location of a redirect; None without one."""
    _, _, fields = answer.head.raw.partition(b"\n")
    return http.client.parse_headers(io.BytesIO(fields))["Location"]


def _resolve_redirect(target: Target, path: str, location: str) -> str | None:
    """Return the path to which a redirect leads; None if it leads to another server, or is not valid."""
    try:
        there = urlsplit(urljoin(target.url(path), location))
        destination = Request(path=(there.path or "/") + (f"?{there.query}" if there.query else "")).path
    except (ValueError, ValidationError):
        return None
    return destination if (there.scheme, there.netloc) == (target.scheme, target.authority) else None
