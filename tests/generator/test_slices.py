"""The load in slices: what is counted in each of them, and that nothing is in flight between them."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain, cycle, repeat
from typing import Final

import psutil
import pytest

from harness.generator.crew import GeneratorError
from harness.generator.process import Generator
from harness.generator.slices import MeasuredSlice
from harness.load.result import LoadResult
from harness.load.spec import Load, Request
from harness.units import MS_PER_S, NS_PER_S
from tests.generator.accounting import assert_adds_up
from tests.generator.answers import LARGE, SMALL, UNTIL_CLOSE, broken, closing, whole
from tests.generator.loads import short_load
from tests.generator.messages import head_of
from tests.generator.scripted_server import Answer, ScriptedServer
from tests.server.polling import wait_until

SLICE_S: Final = 0.05
FAILURE: Final = head_of(500, "Content-Length: 0")


@contextmanager
def warmed_up(load: Load, processes: int = 1) -> Iterator[Generator]:
    """A generator whose load is paused after its warm-up."""
    with Generator.here(processes) as generator:
        assert list(generator.warm_up(load)) is not None
        yield generator


def measure(generator: Generator, times: int) -> tuple[list[MeasuredSlice], LoadResult]:
    slices = [generator.run_slice(SLICE_S) for _ in range(times)]
    return slices, generator.join(slices)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_slice_says_when_its_window_was(processes: int) -> None:
    """By the clock of who asked for it: after its lead-in, before its drain."""
    with ScriptedServer(repeat(whole(SMALL))) as server, warmed_up(short_load(server.port), processes) as generator:
        asked_ns = time.monotonic_ns()
        measured = generator.run_slice(SLICE_S)
        begin_ns, end_ns = measured.window_ns
        for part in measured.parts:
            assert asked_ns + part.lead_in_s * NS_PER_S <= part.window.began_ns + 1
            assert begin_ns <= part.window.began_ns <= end_ns - part.window.duration_s * NS_PER_S + 1
        assert end_ns <= time.monotonic_ns()
        assert end_ns - begin_ns >= 0.99 * SLICE_S * NS_PER_S


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("answer", [whole(SMALL), whole(LARGE), closing(UNTIL_CLOSE), whole(FAILURE)])
def test_what_slices_count_adds_up_and_is_what_the_server_sent(answer: Answer, processes: int) -> None:
    with (
        ScriptedServer(repeat(answer)) as server,
        warmed_up(short_load(server.port, warmup_s=0.05), processes) as generator,
    ):
        before = server.requests.total()  # which are counted before they are answered
        slices, result = measure(generator, 3)
        assert server.requests.total() - before == sum(each.answered for each in slices)
    assert_adds_up(result, windows=len(slices))
    assert result.requests == sum(each.requests for each in slices)
    assert [second.requests for second in result.series] == [each.requests for each in slices]
    assert result.duration_s == pytest.approx(sum(each.duration_s for each in slices), rel=0.05)
    assert result.series[-1].end_s == pytest.approx(result.duration_s, rel=0.05)
    assert all(each.answered > each.requests for each in slices)
    assert all(each.undrained == 0 for each in slices)
    assert result.errors.total == (result.requests if answer == whole(FAILURE) else 0)


def test_connections_that_keep_step_do_not_count_whole_answers_alone() -> None:
    """Of the 2.8 answers in a slice, two are whole on each connection, in every slice."""
    in_step = Answer((SMALL,), wait=lambda: time.sleep(0.018))
    with ScriptedServer(repeat(in_step)) as server, warmed_up(short_load(server.port, warmup_s=0.05)) as generator:
        _, result = measure(generator, 6)
    assert result.latency_ms
    at_a_time = result.requests_per_s * result.latency_ms.mean / MS_PER_S  # Little's law
    assert at_a_time == pytest.approx(result.connections, rel=0.05)
    assert result.requests / result.duration_s < 0.9 * result.requests_per_s


def test_answers_that_take_longer_than_a_slice_are_known() -> None:
    """They are drained, and so are in no window."""
    slow = Answer((SMALL,), wait=lambda: time.sleep(3 * SLICE_S))
    script = cycle([*repeat(whole(SMALL), 60), slow])
    with ScriptedServer(script) as server, warmed_up(short_load(server.port, warmup_s=0.0)) as generator:
        slices, result = measure(generator, 3)
    assert result.latency_ms
    assert result.latency_ms.max < 1000 * SLICE_S
    assert all(each.outlasting for each in slices)
    assert all(each.latencies.above(2 * SLICE_S * NS_PER_S) for each in slices)


def test_between_slices_the_server_has_nothing_to_do() -> None:
    with ScriptedServer(repeat(whole(LARGE))) as server, warmed_up(short_load(server.port, warmup_s=0.05)) as generator:
        generator.run_slice(SLICE_S)
        before, requests = server.responses, server.requests.total()
        time.sleep(3 * SLICE_S)
        assert (server.responses, server.requests.total()) == (before, requests)


def test_each_kind_of_request_is_counted_over_all_slices() -> None:
    load = short_load(9, warmup_s=0.05).model_copy(update={"requests": (Request(path="/a"), Request(path="/b"))})
    with ScriptedServer(repeat(whole(SMALL))) as server:
        load = load.with_target(load.target.model_copy(update={"port": server.port}))
        with warmed_up(load) as generator:
            slices, result = measure(generator, 2)
    assert_adds_up(result, windows=len(slices))
    assert [kind.name for kind in result.by_request] == ["GET /a", "GET /b"]
    assert all(kind.requests for kind in result.by_request)


class IdleClosingServer(ScriptedServer):
    """Closes each connection when it has been idle for a moment, as gunicorn does after two seconds."""

    def _play(self, sock: socket.socket) -> None:
        sock.settimeout(0.1)
        super()._play(sock)

    @property
    def open(self) -> int:
        """How many connections are open."""
        return len(self._open)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_connections_that_the_server_closes_in_a_pause_are_opened_again_and_no_errors(method: str) -> None:
    with IdleClosingServer(repeat(whole(SMALL))) as server:
        load = short_load(server.port, warmup_s=0.05, method=method)
        with warmed_up(load) as generator:
            first = generator.run_slice(SLICE_S)
            wait_until(lambda: server.open == 0, "the server to close its connections")
            assert generator.reopen() == load.connections
            assert server.open == load.connections
            slices = [first, generator.run_slice(SLICE_S)]
            wait_until(lambda: server.open == 0, "the server to close its connections")
            slices.append(generator.run_slice(SLICE_S))
            result = generator.join(slices)
    assert_adds_up(result, windows=len(slices))
    assert (result.errors.total, result.reconnected) == (0, 0)
    assert result.in_flight == pytest.approx(load.connections, rel=0.02)


def test_open_connections_are_left_as_they_are() -> None:
    with ScriptedServer(repeat(whole(SMALL))) as server, warmed_up(short_load(server.port, warmup_s=0.05)) as generator:
        assert generator.reopen() == 0
        generator.run_slice(SLICE_S)
    assert server.connections == 4


@pytest.mark.parametrize("timeout_s", [5.0, 0.5])
def test_a_server_that_hangs_is_waited_for_no_longer_than_said(timeout_s: float) -> None:
    """The first answers come; then nothing does. What is in flight is given up, if it has not timed out before, and the
    next slice begins anew."""
    script = chain(repeat(whole(SMALL), 40), repeat(broken()))
    load_of = partial(short_load, warmup_s=0.0, timeout_s=timeout_s)
    with ScriptedServer(script) as server, warmed_up(load_of(server.port)) as generator:
        slices, result = measure(generator, 2)
    assert [each.undrained for each in slices] == [4, 4]
    assert slices[1].requests == 0
    assert_adds_up(result, windows=len(slices))


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM])
def test_a_generator_that_is_killed_between_slices_says_so(blow: int) -> None:
    with ScriptedServer(repeat(whole(SMALL))) as server, warmed_up(short_load(server.port, warmup_s=0.05)) as generator:
        generator.run_slice(SLICE_S)
        os.kill(generator.pids[0], blow)
        with pytest.raises(GeneratorError, match=f"exit code -{blow}"):
            generator.run_slice(SLICE_S)


def test_a_paused_generator_uses_no_cpu() -> None:
    with ScriptedServer(repeat(whole(SMALL))) as server, warmed_up(short_load(server.port, warmup_s=0.05)) as generator:
        process = psutil.Process(generator.pids[0])
        before = process.cpu_times()
        time.sleep(0.5)
        after = process.cpu_times()
    assert after.user + after.system - before.user - before.system <= 0.05
