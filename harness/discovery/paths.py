"""A path that a server answers as a scenario needs it, with 2xx."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urljoin, urlsplit

from pydantic import ValidationError

from harness.generator.load import Request
from harness.server.guarded import ServerError
from harness.server.launch import HOST
from harness.server.readiness import ANSWER_S, ask

USUAL: Final = ("/", "/index.html", "/api", "/docs", "/health", "/healthz", "/ping", "/status")
REDIRECTS: Final = (301, 302, 303, 307, 308)


def find_path(port: int, paths: Sequence[str]) -> str:
    """The first of the paths that is answered with 2xx, or that leads in one step to one on the same port.

    Raises ServerError, with what was answered to each, when there is none.
    """
    told = []
    for path in paths:
        found, answer = _follow(port, path)
        if found is not None:
            return found
        told.append(answer)
    raise ServerError(f"no path is answered with 2xx: {', '.join(told)}; say with --path /PATH which one is")


def _follow(port: int, path: str) -> tuple[str | None, str]:
    """The path that is answered well, if there is one, and what was answered."""
    try:
        answer = ask(port, Request(path=path), ANSWER_S)
        if answer.status in REDIRECTS and answer.location is not None:
            led = _local(port, path, answer.location)
            told = f"{path} {answer.status} to {answer.location:.100}"
            if led is not None and _is_good((there := ask(port, Request(path=led), ANSWER_S)).status):
                return led, told
            return None, told if led is None else f"{told} {there.status}"
    except OSError as error:
        return None, f"{path} no answer ({error})"
    return path if _is_good(answer.status) else None, f"{path} {answer.status}"


def _is_good(status: int) -> bool:
    return 200 <= status < 300


def _local(port: int, path: str, location: str) -> str | None:
    """Where on this port a redirect leads; None where it leads away, or to what can't be asked for."""
    here = f"{HOST}:{port}"
    try:
        there = urlsplit(urljoin(f"http://{here}{path}", location))
        led = Request(path=(there.path or "/") + (f"?{there.query}" if there.query else "")).path
    except (ValueError, ValidationError):
        return None
    return led if (there.scheme, there.netloc) == ("http", here) else None
