"""A few repeated requests before the load: their answers show whether the server always sends the same body."""

import contextlib
import time
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from harness.generator.asking import ForeignProtocolError, ProbeResponse, connect, describe_error, read_answer
from harness.server.question import Question
from harness.server.supervised import ServerError

ANSWER_S: Final = 5.0  # the longest wait for these answers
APART_S: Final = 1.1  # between the first and the last: a body with the time in seconds has changed by then
MORE_PROBES: Final = 3  # in addition to one for each worker
MAX_PROBES: Final = 64
PROBING_S: Final = 1.0  # the longest that they may take together, estimated from how long one took
WARM_PROBES: Final = 30  # of which the quickest has met nothing that is done only once, and no neighbour
WARM_S: Final = 0.3  # in which fewer do, where each takes long


def ask_again(
    page: Question,
    before: Sequence[ProbeResponse],
    answered_s: float,
    workers: int,
    known_bodies: Collection[str] = frozenset(),
) -> list[ProbeResponse]:
    """Return more answers to a safe request, to be compared with those ``before``. The first of these came at
    ``answered_s`` of the monotonic clock.

    One more answer is enough, unless every body under load will be compared with them. Then more follow, over a second
    after the first, over so many connections at once that each worker is likely to answer. They need not be so late if
    the first two bodies have one of the digests ``known_bodies`` (SHA-256), of what servers that were started earlier
    sent all the time.

    Raises ServerError when no answer comes, or one has no end.
    """
    if not before:
        first = ask_at_once(page, 1)
        return [*first, *ask_again(page, first, time.monotonic(), workers, known_bodies)]
    second = ask_at_once(page, 1)
    if not page.is_compared or before[0].body_sha256 != second[0].body_sha256:
        return second
    if second[0].body_sha256 not in known_bodies:
        time.sleep(max(0.0, answered_s + APART_S - time.monotonic()))
    return second + ask_at_once(page, _number_of_probes(workers, second[0].took_s))


def _number_of_probes(workers: int, took_s: float) -> int:
    in_time = int(workers * PROBING_S / took_s)
    return max(1, min(workers + MORE_PROBES, MAX_PROBES, in_time))


def ask_at_once(page: Question, number: int) -> list[ProbeResponse]:
    """Send so many requests at once, each over its own connection, and return the answers that come in time.

    A server that serves one connection after the other may answer only some. Raises ServerError when no answer comes,
    or one has no end.
    """
    deadline_s = time.monotonic() + ANSWER_S
    with ThreadPoolExecutor(number) as threads:
        outcomes = list(threads.map(lambda _: _ask(page, deadline_s), range(number)))
    answers = [outcome for outcome in outcomes if isinstance(outcome, ProbeResponse)]
    reasons = [outcome for outcome in outcomes if isinstance(outcome, str)]
    if reasons or not answers:
        raise ServerError(f"answered once and then no more: {reasons[0] if reasons else 'timed out'}")
    for answer in answers:
        if answer.end != "whole":
            raise ServerError(f"{page.text} {answer.incomplete_reason}; choose another path")
    return answers


def _ask(page: Question, deadline_s: float) -> ProbeResponse | str | None:
    """Return the answer, or the reason why there is none; None when it did not come in time."""
    try:
        with connect(page.load.target, deadline_s) as inquiry:
            inquiry.send(page.encoded_request)
            return read_answer(inquiry, page.load, deadline_s)
    except TimeoutError:
        return None
    except OSError as error:
        return describe_error(error)
    except ForeignProtocolError as error:
        return str(error)


def time_unloaded_s(page: Question) -> float | None:
    """Return how long the quickest of some answers took, sent one after the other on one connection (seconds). None
    where the request is not safe, and where no answer came in a second."""
    took_s: list[float] = []
    if page.is_safe:
        with contextlib.suppress(OSError, ForeignProtocolError):  # the server may close the connection after each
            began_s = time.monotonic()
            with connect(page.load.target, began_s + PROBING_S) as inquiry:
                while len(took_s) < WARM_PROBES and (not took_s or time.monotonic() - began_s < WARM_S):
                    inquiry.send(page.encoded_request)
                    took_s.append(inquiry.read().took_s)
    return min(took_s, default=None)
