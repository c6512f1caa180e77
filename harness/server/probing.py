"""Whether a server answers the same request with the same body, as far as a few answers tell."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from harness.generator.asking import ForeignProtocolError, ProbeResponse, connect, read_answer, reason_of
from harness.server.question import Question
from harness.server.supervised import ServerError

ANSWER_S: Final = 5.0  # the most that these answers are waited for
APART_S: Final = 1.1  # between the first and the last: what tells the time in seconds has changed
MORE_PROBES: Final = 3  # than there are workers
MAX_PROBES: Final = 64
PROBING_S: Final = 1.0  # the most that they take together, going by how long one took


def ask_again(
    page: Question, before: Sequence[ProbeResponse], answered_s: float, workers: int, known_body: str | None = None
) -> list[ProbeResponse]:
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


def ask_at_once(page: Question, number: int) -> list[ProbeResponse]:
    """Return the answers to so many requests at the same time, each over a connection of its own: those that come in
    time, where a server serves one after the other. Raises ServerError when there are none, or no end."""
    deadline_s = time.monotonic() + ANSWER_S
    with ThreadPoolExecutor(number) as threads:
        outcomes = list(threads.map(lambda _: _ask(page, deadline_s), range(number)))
    answers = [outcome for outcome in outcomes if isinstance(outcome, ProbeResponse)]
    reasons = [outcome for outcome in outcomes if isinstance(outcome, str)]
    if reasons or not answers:
        raise ServerError(f"answered once and then no more: {reasons[0] if reasons else 'timed out'}")
    for answer in answers:
        if answer.end != "whole":
            raise ServerError(f"{page.text} {answer.unfinished}; choose another path")
    return answers


def _ask(page: Question, deadline_s: float) -> ProbeResponse | str | None:
    """Return the answer, or why there is none; None when there was no time for it."""
    try:
        with connect(page.load.target, deadline_s) as inquiry:
            inquiry.send(page.encoded)
            return read_answer(inquiry, page.load, deadline_s)
    except TimeoutError:
        return None
    except OSError as error:
        return reason_of(error)
    except ForeignProtocolError as error:
        return str(error)
