"""The readiness of a server: it answers, it is the one launched, its workers are there, and it uses no more CPU."""

import contextlib
import ssl
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import psutil

from harness.generator.asking import (
    ForeignProtocolError,
    ProbeConnection,
    ProbeResponse,
    connect,
    describe_error,
    read_answer,
)
from harness.load.spec import Load, Target
from harness.record import ServerProcess
from harness.server.launch import PortTakenError, Server
from harness.server.mix import find_objections
from harness.server.probing import ask_again
from harness.server.process_tree import find_descendants, find_listening_processes, list_processes, workers_of
from harness.server.question import Question
from harness.server.supervised import ServerError
from harness.units import MS_PER_S

POLL_S: Final = 0.05
ADVICE: Final = "what is good is said by expect_status, expect_length and expect_body in [load]"
ANSWER_S: Final = 5.0  # the shortest wait for one answer, if so much time is left
QUIET_S: Final = 0.1
QUIET_CPU_S: Final = 0.02  # less than this in QUIET_S: it no longer imports or compiles anything
LOUD_S: Final = 3.0  # after so long, a server is measured although it still uses CPU
SENT_ONCE: Final = "a request that is not safe is sent only once: ready_path in [load] names a path to ask instead"
UNCHANGED_S: Final = 2.0  # if no process started for so long, and it is quiet, no more workers are expected


@dataclass(frozen=True)
class ReadyServer:
    """A ready server: after how long it was ready (``ready_s``), with how much CPU time, and its processes then.

    ``body_bytes`` is the size of the answer's body, None when no request of the load was sent. ``body_sha256`` is None
    when the bodies differ, or the request is not safe to be sent again. ``unloaded_ms`` is how long the quickest answer
    took, None if the load has several requests.
    """

    ready_s: float
    ready_cpu_s: float
    processes: list[ServerProcess]
    body_bytes: int | None
    body_sha256: str | None
    unloaded_ms: float | None


def wait_until_ready(
    server: Server,
    load: Load,
    workers: int | None,
    timeout_s: float,
    ready_path: str | None = None,
    known_bodies: Collection[str] = frozenset(),
) -> ReadyServer:
    """Wait for a good answer by a process of the server, and then, without further requests, for its workers. Then send
    every other request of a mix once.

    ``workers`` is how many are expected; that fewer start is no failure, their number is in the result. ``ready_path``
    is the path to ask instead of the load's. ``known_bodies`` are the digests of what servers that were started earlier
    sent all the time.

    Raises ServerError, with what was still missing, when the server exits, does not speak HTTP, or is not ready after
    ``timeout_s``; when another process listens in its place; and when an unsafe request, or one of a mix, gets no good
    answer.
    """
    began_s = time.monotonic()
    page = Question.of_load(load)
    question = page if ready_path is None else Question.of_path(ready_path, load)
    first = [_first_good_answer(server, target, question, began_s, timeout_s) for target in server.target.replicas]
    answered_s = time.monotonic()
    complete_s = _wait_for_workers(server, workers, began_s + timeout_s)
    ready_cpu_s = sum(_read_cpu_s(process.pid) for process in find_descendants(server))
    server.check_alive()  # a child may have answered, after the launched process had ended
    processes = list_processes(server)
    answers = first if ready_path is None else []
    if page.is_safe:
        expected = max(len(workers_of(processes)), workers or 1)
        answers += ask_again(page, answers, answered_s, expected, known_bodies)
    others = Question.of_others(load) if ready_path is None else Question.of_mix(load)
    if reasons := find_objections(others, max(began_s + timeout_s, time.monotonic() + ANSWER_S)):
        raise ServerError(f"before the load, {'; '.join(reasons)}; {ADVICE}")
    digests = {each.body_sha256 for each in answers}
    return ReadyServer(
        ready_s=complete_s - began_s,
        ready_cpu_s=ready_cpu_s,
        processes=processes,
        body_bytes=answers[0].body_bytes if answers else None,
        body_sha256=digests.pop() if page.is_safe and len(digests) == 1 else None,
        unloaded_ms=MS_PER_S * min(each.took_s for each in answers) if answers and len(load.requests) == 1 else None,
    )


def _first_good_answer(
    server: Server, target: Target, question: Question, began_s: float, timeout_s: float
) -> ProbeResponse:
    """Wait for the first good answer from the server or, where it has several, from the replica at the target."""
    missing, objection = "it does not listen", ""
    while (left_s := began_s + timeout_s - time.monotonic()) > 0:
        _check_alive(server)
        patience_s = min(left_s, max(ANSWER_S, left_s / 2)) if question.is_safe else left_s
        try:
            found = _ask_once(server, target, question, time.monotonic() + patience_s)
        except TimeoutError:  # the last wait may have been too short: an earlier objection says more
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
    """Raise ServerError when the server has ended. Most end when their port is taken: then PortTakenError."""
    try:
        server.check_alive()
    except ServerError:
        _check_strangers(server, find_listening_processes(server)[1])
        raise


def _check_strangers(server: Server, strangers: list[str]) -> None:
    if strangers:
        raise PortTakenError(f"{server.location} is in use by {', '.join(strangers)}, not by the server just launched")


def _ask_once(server: Server, target: Target, question: Question, deadline_s: float) -> ProbeResponse | str:
    """Return the answer, or the reason why there is none.

    Raises TimeoutError when the answer does not begin in time, and ServerError where a further attempt is useless.
    """
    ours, strangers = find_listening_processes(server)
    _check_strangers(server, strangers)
    if not ours:
        return f"it does not listen on {server.location}"
    try:
        with connect(target, deadline_s) as inquiry:
            return _send_once(inquiry, question, deadline_s)
    except ForeignProtocolError as error:
        advice = f': scheme = "{error.scheme}" in its [[topology]] says so' if error.scheme else ""
        raise ServerError(f"{server.location} {error}{advice}") from error
    except ssl.SSLCertVerificationError as error:
        raise ServerError(f"{server.location}: its certificate is not accepted: {error.verify_message}") from error
    except TimeoutError:
        raise
    except OSError as error:
        return f"no answer to {question.text}: {describe_error(error)}"


def _send_once(inquiry: ProbeConnection, question: Question, deadline_s: float) -> ProbeResponse:
    """Send the request on the connection and return the answer.

    A request that is not safe is never sent again: raises ServerError when its answer is not good.
    """
    inquiry.send(question.encoded_request)
    try:
        answer = read_answer(inquiry, question.load, deadline_s)
    except OSError as error:
        if question.is_safe:
            raise
        raise ServerError(f"no answer to {question.text}: {describe_error(error)}; {SENT_ONCE}") from error
    objection = question.objection(answer)
    if answer.is_endless:
        raise ServerError(f"{objection}; choose another path")
    if objection and not question.is_safe:
        raise ServerError(f"{objection}; {SENT_ONCE}")
    return answer


def _wait_for_workers(server: Server, workers: int | None, deadline_s: float) -> float:
    """Wait until there are so many workers and the last one has started up, or until nothing changes any more.

    An answer by the first worker does not show that the last one is ready. Return the time at which the last worker
    was first seen (s of the monotonic clock).
    """
    now_s = changed_s = complete_s = time.monotonic()
    loud_until_s = now_s + LOUD_S
    before = _read_startup_state(server)
    while True:
        time.sleep(QUIET_S)
        now, now_s = _read_startup_state(server), time.monotonic()
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
class StartupState:
    """The state of a server that shows whether it is still starting up: processes, workers, and CPU time so far."""

    pids: frozenset[int]
    workers: int
    cpu_s: float


def _read_startup_state(server: Server) -> StartupState:
    processes = list_processes(server)
    pids = frozenset(process.pid for process in processes)
    return StartupState(pids, len(workers_of(processes)), sum(map(_read_cpu_s, pids)))


def _read_cpu_s(pid: int) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        cpu = psutil.Process(pid).cpu_times()
        return float(cpu.user + cpu.system)
    return 0.0
