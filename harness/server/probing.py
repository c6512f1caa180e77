"""Whether a server answers the same request with the same body, as far as a few answers tell."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from harness.generator.asking import Answer, ForeignProtocolError, Inquiry, connect, read_answer, reason_of
from harness.server.guarded import ServerError
from harness.server.question import Question

ANSWER_S: Final = 5.0  # the most that these answers are waited for
APART_S: Final = 1.1  # between the first and the last: what tells the time in seconds has changed
MORE_PROBES: Final = 3  # than there are workers
MAX_PROBES: Final = 64
PROBING_S: Final = 1.0  # the most that they take together, going by how long one took


def ask_again(
    page: Question, before: Sequence[Answer], answered_s: float, workers: int, known_body: str | None = None
) -> list[Answer]:
    """Return more answers to a safe request, to compare with those ``before``, of which the first came at
    ``answered_s`` of the monotonic clock.

    Where every body under load will be compared with them, they are more than a second apart and come over so many
    connections at once that each worker is likely to give one; unless the first two have the ``known_body`` (SHA-256),
    which a server that was started earlier sent. Raises ServerError when there are none, or no end.
    """
    if not before:
        first = ask_at_once(page, 1)
        return [*first, *ask_again(page, first, time.monotonic(), workers, known_body)]
    second = ask_at_once(page, 1)
    if not page.is_compared or before[0].body_sha256 != second[0].body_sha256:
        return second
    if second[0].body_sha256 == known_body:
        return second
    time.sleep(max(0.0, answered_s + APART_S - time.monotonic()))
    return second + ask_at_once(page, _number_of_probes(workers, second[0].took_s))


def _number_of_probes(workers: int, took_s: float) -> int:
    in_time = int(workers * PROBING_S / took_s)
    return max(1, min(workers + MORE_PROBES, MAX_PROBES, in_time))


def ask_at_once(page: Question, number: int) -> list[Answer]:
    """Return the answers to so many requests, each sent over a connection of its own before the first is read. Raises
    ServerError."""
    deadline_s = time.monotonic() + ANSWER_S
    try:
        with ExitStack() as open_connections:
            inquiries = [open_connections.enter_context(connect(page.load.target, deadline_s)) for _ in range(number)]
            for inquiry in inquiries:
                inquiry.send(page.encoded)
            return [_read(page, inquiry, deadline_s) for inquiry in inquiries]
    except (OSError, ForeignProtocolError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else error
        raise ServerError(f"answered once and then no more: {reason}") from error


def _read(page: Question, inquiry: Inquiry, deadline_s: float) -> Answer:
    """Return the answer, and close its connection: a server of few connections takes up the next one then."""
    answer = read_answer(inquiry, page.load.target, deadline_s)
    inquiry.close()
    if answer.end != "whole":
        raise ServerError(f"{page.text} {answer.unfinished}; choose another path")
    return answer
