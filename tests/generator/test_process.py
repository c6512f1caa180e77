"""The generator's process: what it tells, and that it never outlives whoever asked for it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Final

import psutil
import pytest

from harness.generator import loop
from harness.generator.crew import GeneratorError
from harness.generator.process import Generator
from harness.load.result import LoadResult, Second, WindowBegan, WindowEnded
from harness.load.spec import Load
from harness.machine.helpers import limit_exchanges
from tests.generator.accounting import assert_adds_up
from tests.generator.answers import SMALL, broken, whole
from tests.generator.closed_port import closed_port
from tests.generator.forked import forked_loop
from tests.generator.loads import short_load
from tests.generator.scripted_server import ScriptedServer

PATIENCE_S: Final = 10.0
LONG_S: Final = 60.0


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Answers every request."""
    with ScriptedServer(repeat(whole(SMALL))) as server:
        yield server


def test_events_come_in_order(server: ScriptedServer) -> None:
    with Generator.here() as generator:
        generator.begin(short_load(server.port, duration_s=1.6))
        events = [event for event in generator.events() if event]
    measuring, second, measured, result = events
    assert isinstance(measuring, WindowBegan)
    assert isinstance(second, Second)
    assert isinstance(measured, WindowEnded)
    assert isinstance(result, LoadResult)
    assert result.series[0] == second
    assert len(result.series) == 2
    assert_adds_up(result)


def test_silence_is_told_while_waiting(server: ScriptedServer) -> None:
    with Generator.here() as generator:
        generator.begin(short_load(server.port))
        events = list(generator.events(patience_s=0.02))
    assert None in events
    assert isinstance(events[-1], LoadResult)


def test_the_warm_up_is_not_counted() -> None:
    with forked_loop() as offer, ScriptedServer(repeat(whole(SMALL))) as server:
        result = offer(short_load(server.port, warmup_s=0.2))
    assert_adds_up(result)
    assert server.responses > result.requests + result.unfinished
    assert server.connections == result.connections
    assert result.duration_s >= result.asked_duration_s


def test_the_requests_in_flight_when_the_window_opens_are_its_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is ever answered: what began in the warm-up is all there is."""
    monkeypatch.setattr(loop, "MOST_LEAD_IN_NS", 0)
    with forked_loop() as offer, ScriptedServer(repeat(broken())) as server:
        result = offer(short_load(server.port, warmup_s=0.1))
    assert_adds_up(result)
    assert result.started == result.unfinished == result.connections


@pytest.mark.parametrize("warmup_s", [0.0, LONG_S], ids=["in the window", "in the warm-up"])
def test_stopping_ends_early_with_a_result(server: ScriptedServer, warmup_s: float) -> None:
    load = short_load(server.port, warmup_s=warmup_s, duration_s=LONG_S)
    with Generator.here() as generator:
        generator.begin(load)
        wait_until(lambda: server.connections > 0)
        generator.stop()
        result = generator.result()
    assert_adds_up(result)
    assert result.asked_duration_s == LONG_S
    assert 0 < result.duration_s < LONG_S


def test_connections_are_opened_one_after_another_during_the_warm_up(server: ScriptedServer) -> None:
    """Not at once, as without a warm-up: a burst of them tends to land on one worker of a cluster."""
    with Generator.here() as generator:
        generator.begin(short_load(server.port, warmup_s=LONG_S, connections=4, threads=1))
        wait_until(lambda: server.connections == 1)
        generator.stop()
        assert generator.result().connections == 4
    assert server.connections == 1


@pytest.mark.parametrize("host", ["no-such-host.invalid", "nohost", "[::1]"])
def test_an_unknown_host_is_told_in_words(host: str) -> None:
    with Generator.here() as generator, pytest.raises(GeneratorError, match=r"known|resolution|address"):
        generator.begin(short_load(80, host=host))


def test_a_generator_that_is_killed_has_no_result(server: ScriptedServer) -> None:
    with Generator.here() as generator:
        generator.begin(short_load(server.port, duration_s=LONG_S))
        wait_until(lambda: server.connections > 0)
        os.kill(generator.pids[0], signal.SIGKILL)
        with pytest.raises(GeneratorError, match="-9"):
            generator.result()


def test_a_generator_that_was_killed_before_it_began_has_no_result() -> None:
    with Generator.here() as generator:
        os.kill(generator.pids[0], signal.SIGKILL)
        wait_until(lambda: has_ended(generator.pids[0]))
        with closed_port() as port, pytest.raises(GeneratorError, match="-9"):
            generator.begin(short_load(port))


def test_a_generator_that_was_stopped_and_takes_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its load is more than the pipe to it holds."""
    monkeypatch.setattr("harness.generator.crew.limit_exchanges", partial(limit_exchanges, limit_s=0.2))
    with Generator.here() as generator:
        os.kill(generator.pids[0], signal.SIGSTOP)
        with pytest.raises(GeneratorError, match="the generator took nothing for"):
            generator.begin(short_load(80, method="POST", body=bytes(2**20)))


def test_a_generator_that_was_stopped_in_the_midst_of_a_message_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = tmp_path / "half"
    begins = "os.write(int(sys.argv[3]), bytes([0, 0, 1, 0, 0]))"  # 256 bytes are to come, and one does
    half.write_text(f"#!{sys.executable}\nimport os, sys, time\n{begins}\ntime.sleep(60)\n")
    half.chmod(0o755)
    monkeypatch.setattr("harness.generator.crew.limit_exchanges", partial(limit_exchanges, limit_s=0.2))
    monkeypatch.setattr("harness.generator.crew.sys.executable", str(half))
    with Generator.here() as generator, pytest.raises(GeneratorError, match="in the midst of a message"):
        generator.begin(short_load(80))


def test_leaving_the_context_ends_the_process(server: ScriptedServer) -> None:
    with Generator.here() as generator:
        generator.begin(short_load(server.port, duration_s=LONG_S))
        wait_until(lambda: server.connections > 0)
        assert psutil.pid_exists(generator.pids[0])
    assert not psutil.pid_exists(generator.pids[0])


def test_leaving_the_context_by_an_exception_ends_the_process() -> None:
    with pytest.raises(KeyboardInterrupt), Generator.here() as generator:
        raise KeyboardInterrupt
    assert not psutil.pid_exists(generator.pids[0])


# A parent that starts a generator, offers it the load in its argument, and tells its process id.
PARENT: Final = """
import signal, sys
from harness.load.spec import Load
from harness.generator.process import Generator
with Generator.here() as generator:
    if len(sys.argv) > 1:
        generator.begin(Load.model_validate_json(sys.argv[1]))
    print(generator.pids[0], flush=True)
    signal.pause()
"""


@contextmanager
def parent_of_a_generator(load: Load | None) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The parent, and the process id of its generator; both are gone afterwards."""
    arguments = [load.model_dump_json()] if load else []
    with subprocess.Popen([sys.executable, "-c", PARENT, *arguments], stdout=subprocess.PIPE, text=True) as parent:
        try:
            assert parent.stdout
            pid = int(parent.stdout.readline())
            try:
                yield parent, pid
            finally:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        finally:
            parent.kill()


def test_a_generator_at_work_dies_with_its_parent(server: ScriptedServer) -> None:
    with parent_of_a_generator(short_load(server.port, duration_s=LONG_S)) as (parent, pid):
        wait_until(lambda: server.connections > 0)
        parent.kill()
        wait_until(lambda: has_ended(pid))


def test_an_idle_generator_dies_with_its_parent() -> None:
    with parent_of_a_generator(None) as (parent, pid):
        parent.kill()
        wait_until(lambda: has_ended(pid))


def test_a_generator_that_is_still_starting_dies_with_its_parent(server: ScriptedServer) -> None:
    """The load is in the pipe already, and its warm-up is long."""
    with parent_of_a_generator(short_load(server.port, warmup_s=LONG_S)) as (parent, pid):
        parent.kill()
        wait_until(lambda: has_ended(pid))


def has_ended(pid: int) -> bool:
    """Whether the process is gone, or waits for nothing but somebody to ask how it ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until(condition: Callable[[], bool]) -> None:
    """Poll until it is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"not so after {PATIENCE_S:g} s"
        time.sleep(0.01)
