"""A path that a server answers as a scenario needs it: with 2xx, or as is expected."""

import http.client
import io
import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import urljoin, urlsplit

from pydantic import ValidationError

from harness.discovery.listening import ANSWER_S
from harness.generator.asking import ForeignProtocolError, ProbeResponse, ask, reason_of
from harness.load.spec import SAFE_METHODS, Load, Request, Target
from harness.server.question import Question
from harness.server.supervised import ServerError

USUAL: Final = ("/", "/index.html", "/api", "/docs", "/health", "/healthz", "/ping", "/status")
NOT_YET: Final = (502, 503, 504)  # of a proxy whose servers are starting, or a server that is warming up
AGAIN_S: Final = 0.2
REDIRECTS: Final = (301, 302, 303, 307, 308)


def find_path(load: Load, paths: Sequence[str], deadline_s: float) -> str:
    """Return the first of the paths at which the load's request is answered well, or that leads in one step to one on
    the same port.

    While all answers say that the server, or what is behind it, is not there yet, it is asked again until the deadline,
    unless the request is not safe. Raises ServerError, with what was answered to each, when there is none.
    """
    while True:
        told, is_starting = [], load.requests[0].method in SAFE_METHODS
        for path in paths:
            found, answer, status = _follow(load, path)
            if found is not None:
                return found
            told.append(answer)
            is_starting &= status in NOT_YET
        if not is_starting or time.monotonic() + AGAIN_S > deadline_s:
            break
        time.sleep(AGAIN_S)
    expected = " or ".join(map(str, load.expect.statuses)) or "2xx"
    raise ServerError(f"no path is answered with {expected}: {', '.join(told)}; say with --path /PATH which one is")


def _follow(load: Load, path: str) -> tuple[str | None, str, int | None]:
    """Return the path that is answered well, if there is one, and what was answered, with its status if it has one."""
    question = _question(load, path)
    try:
        answer = _answer(question)
        if not question.objection(answer):
            return path, "", answer.status
        if answer.end != "whole":
            return None, f"{path} {answer.unfinished}", answer.status
        location = _location(answer)
        if answer.status not in REDIRECTS or location is None:
            return None, f"{path} {answer.status}", answer.status
        told = f"{path} {answer.status} to {location:.100}"
        led = _local(load.target, path, location)
        if led is None or not question.is_safe:
            return None, told, answer.status
        there = _question(load, led)
        last = _answer(there)
        return (None if there.objection(last) else led), f"{told} {last.status}", last.status
    except OSError as error:
        return None, f"{path} no answer ({reason_of(error)})", None
    except ForeignProtocolError as error:
        return None, f"{path} is not answered: the server {error}", None


def _question(load: Load, path: str) -> Question:
    request = load.requests[0].model_copy(update={"path": path})
    return Question(load.model_copy(update={"requests": (request,)}), load.expect)


def _answer(question: Question) -> ProbeResponse:
    return ask(question.load, time.monotonic() + ANSWER_S)


def _location(answer: ProbeResponse) -> str | None:
    """Return where a redirect leads."""
    _, _, fields = answer.head.raw.partition(b"\n")
    return http.client.parse_headers(io.BytesIO(fields))["Location"]


def _local(target: Target, path: str, location: str) -> str | None:
    """Return where on this target a redirect leads; None where it leads away, or to what can't be asked for."""
    try:
        there = urlsplit(urljoin(target.url(path), location))
        led = Request(path=(there.path or "/") + (f"?{there.query}" if there.query else "")).path
    except (ValueError, ValidationError):
        return None
    return led if (there.scheme, there.netloc) == (target.scheme, target.authority) else None
