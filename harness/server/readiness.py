"""When a server is ready to be measured: it answers, it is ours, its workers are there, and it has gone quiet."""

import contextlib
import ssl
import time
from dataclasses import dataclass
from typing import Final

import psutil

from harness.generator.asking import ForeignProtocolError, Inquiry, ProbeResponse, connect, read_answer, reason_of
from harness.load.spec import Load
from harness.record import ServerProcess
from harness.server.launch import PortTakenError, Server
from harness.server.mix import ask_each
from harness.server.probing import ask_again
from harness.server.process_tree import listeners, take_census, workers_of
from harness.server.question import Question
from harness.server.supervised import ServerError
from harness.units import MS_PER_S

POLL_S: Final = 0.05
ANSWER_S: Final = 5.0  # the least that one answer is waited for, if there is so much time
QUIET_S: Final = 0.1
QUIET_CPU_S: Final = 0.02  # less than this in QUIET_S: nothing is being imported or compiled any more
LOUD_S: Final = 3.0  # a server that never goes quiet is measured all the same
SENT_ONCE: Final = "a request that is not safe is sent only once: ready_path in [load] names a path to ask instead"
UNCHANGED_S: Final = 2.0  # when no process came for so long, and it is quiet, there will be no more workers


@dataclass(frozen=True)
class ReadyServer:
    """A ready server. ``body_bytes`` is None when no request of the load was sent, and ``body_sha256`` when it is not
    answered with the same bytes each time, or is not safe to be sent again. ``unloaded_ms`` is how long the quickest
    answer took, if the load is of one request."""

    ready_s: float
    census: list[ServerProcess]
    body_bytes: int | None
    body_sha256: str | None
    unloaded_ms: float | None


def wait_until_ready(
    server: Server,
    load: Load,
    workers: int | None,
    timeout_s: float,
    ready_path: str | None = None,
    known_body: str | None = None,
) -> ReadyServer:
    """Wait for a good answer by a process of the server, and then, without asking, for its workers. Then ask every
    other request of a mix once.

    Workers that never come are no failure: how many there are is in the census. Raises ServerError, saying what was
    still missing, when the server exits, does not speak HTTP, is a stranger, gives a request that can't be sent again
    or one of a mix no good answer, or is not ready after ``timeout_s``.
    """
    began_s = time.monotonic()
    page = Question.of_load(load)
    question = page if ready_path is None else Question.of_path(ready_path, load)
    answer = _first_good_answer(server, question, began_s, timeout_s)
    answered_s = time.monotonic()
    complete_s = _wait_for_workers(server, workers, began_s + timeout_s)
    server.check_alive()  # it may have left the answer to a child, and gone
    census = take_census(server)
    answers = [answer] if ready_path is None else []
    if page.is_safe:
        expected = max(len(workers_of(census)), workers or 1)
        answers += ask_again(page, answers, answered_s, expected, known_body)
    others = Question.of_others(load) if ready_path is None else Question.of_mix(load)
    ask_each(others, max(began_s + timeout_s, time.monotonic() + ANSWER_S))
    digests = {each.body_sha256 for each in answers}
    return ReadyServer(
        ready_s=complete_s - began_s,
        census=census,
        body_bytes=answers[0].body_bytes if answers else None,
        body_sha256=digests.pop() if page.is_safe and len(digests) == 1 else None,
        unloaded_ms=MS_PER_S * min(each.took_s for each in answers) if answers and len(load.requests) == 1 else None,
    )


def _first_good_answer(server: Server, question: Question, began_s: float, timeout_s: float) -> ProbeResponse:
    missing, objection = "it does not listen", ""
    while (left_s := began_s + timeout_s - time.monotonic()) > 0:
        _check_alive(server)
        patience_s = min(left_s, max(ANSWER_S, left_s / 2)) if question.is_safe else left_s
        try:
            found = _ask_once(server, question, time.monotonic() + patience_s)
        except TimeoutError:  # the last time there may have been no time: what was answered before says more
            found = objection or f"no answer to {question.text}: timed out"
        if isinstance(found, str):
            missing = found
        elif not (objection := question.objection(found)):
            return found
        else:
            missing = objection
        time.sleep(POLL_S)
    raise ServerError(f"not ready after {timeout_s:g} s (start_timeout): {missing}")


def _check_alive(server: Server) -> None:
    """Raise ServerError when it has ended; as most servers do that find their port taken, which is then the reason."""
    try:
        server.check_alive()
    except ServerError:
        _check_strangers(server, listeners(server)[1])
        raise


def _check_strangers(server: Server, strangers: list[str]) -> None:
    if strangers:
        raise PortTakenError(f"{server.where} is in use by {', '.join(strangers)}, not by the server just launched")


def _ask_once(server: Server, question: Question, deadline_s: float) -> ProbeResponse | str:
    """Return the answer, or why there is none. Raises TimeoutError when it is not begun in time, and ServerError where
    nothing more is to be hoped for."""
    ours, strangers = listeners(server)
    _check_strangers(server, strangers)
    if not ours:
        return f"it does not listen on {server.where}"
    try:
        with connect(server.target, deadline_s) as inquiry:
            return _send_once(inquiry, question, deadline_s)
    except ForeignProtocolError as error:
        advice = f': scheme = "{error.scheme}" in its [[topology]] says so' if error.scheme else ""
        raise ServerError(f"{server.where} {error}{advice}") from error
    except ssl.SSLCertVerificationError as error:
        raise ServerError(f"{server.where}: its certificate is not accepted: {error.verify_message}") from error
    except TimeoutError:
        raise
    except OSError as error:
        return f"no answer to {question.text}: {reason_of(error)}"


def _send_once(inquiry: Inquiry, question: Question, deadline_s: float) -> ProbeResponse:
    """Return the answer on a connection. From here on a request that is not safe has been sent, and won't be again:
    raises ServerError when it is not answered well."""
    inquiry.send(question.encoded)
    try:
        answer = read_answer(inquiry, question.load, deadline_s)
    except OSError as error:
        if question.is_safe:
            raise
        raise ServerError(f"no answer to {question.text}: {reason_of(error)}; {SENT_ONCE}") from error
    objection = question.objection(answer)
    if answer.is_endless:
        raise ServerError(f"{objection}; choose another path")
    if objection and not question.is_safe:
        raise ServerError(f"{objection}; {SENT_ONCE}")
    return answer


def _wait_for_workers(server: Server, workers: int | None, deadline_s: float) -> float:
    """Wait until there are so many workers and the last one has started up, which an answer by the first does not
    tell, or until nothing changes any more; return when there were so many, or the last one came."""
    now_s = changed_s = complete_s = time.monotonic()
    loud_until_s = now_s + LOUD_S
    before = _settling(server)
    while True:
        time.sleep(QUIET_S)
        now, now_s = _settling(server), time.monotonic()
        is_quiet = now.cpu_s - before.cpu_s < QUIET_CPU_S
        is_complete = workers is None or now.workers >= workers
        if now.workers > before.workers:
            complete_s = now_s
        if not is_quiet or now.pids != before.pids:
            changed_s = now_s
        if is_complete and (is_quiet or now_s > loud_until_s):
            return complete_s
        if not is_complete and (now_s - changed_s > UNCHANGED_S or now_s > max(deadline_s, loud_until_s)):
            return complete_s
        before = now


@dataclass(frozen=True)
class Settling:
    """What of a server shows whether it is still starting up."""

    pids: frozenset[int]
    workers: int
    cpu_s: float


def _settling(server: Server) -> Settling:
    census = take_census(server)
    pids = frozenset(process.pid for process in census)
    return Settling(pids, len(workers_of(census)), sum(map(_cpu_s, pids)))


def _cpu_s(pid: int) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        cpu = psutil.Process(pid).cpu_times()
        return float(cpu.user + cpu.system)
    return 0.0
