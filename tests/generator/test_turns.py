"""The turns of several loads: whose they are, and that a server, and its loop's clock, stand still between its own."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from types import SimpleNamespace
from typing import Final

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.generator import turns as module
from harness.generator.clock import Clock
from harness.generator.messages import Turns
from harness.generator.turns import StoppedServer, TurnTaker, iter_slots
from tests.server.polling import wait_until

LENGTH_NS: Final = 5_000_000
GAP_NS: Final = 300_000
CORES: Final = tuple(sorted(os.sched_getaffinity(0)))
SPINS: Final = "while True: pass"


def turns(place: int = 0, of: int = 2, pids: tuple[int, ...] = (), begin_ns: int = 0, seed: str = "1") -> Turns:
    return Turns(
        begin_ns=begin_ns,
        length_ns=LENGTH_NS,
        gap_ns=GAP_NS,
        of=of,
        place=place,
        seed=seed,
        pids=pids,
        cores=CORES,
    )


@contextmanager
def spinning() -> Iterator[psutil.Popen]:
    with psutil.Popen([sys.executable, "-c", SPINS], stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


@given(st.integers(1, 6), st.text(max_size=9), st.integers(0, 10**15), st.integers(1, 20))
def test_each_has_one_turn_in_every_cycle_and_nobody_else_has_it(
    of: int, seed: str, begin_ns: int, cycles: int
) -> None:
    all_slots = sorted(
        slot
        for place in range(of)
        for slot in islice(iter_slots(turns(place, of, begin_ns=begin_ns, seed=seed)), cycles)
    )
    assert [begin for begin, _ in all_slots] == [begin_ns + number * LENGTH_NS for number in range(of * cycles)]
    assert {end - begin for begin, end in all_slots} == {LENGTH_NS - GAP_NS}
    for place in range(of):
        own = islice(iter_slots(turns(place, of, begin_ns=begin_ns, seed=seed)), cycles)
        assert [(begin - begin_ns) // LENGTH_NS // of for begin, _ in own] == list(range(cycles))


def test_the_order_is_drawn_anew_in_every_cycle() -> None:
    firsts = {begin // LENGTH_NS % 2 for begin, _ in islice(iter_slots(turns()), 50)}
    assert firsts == {0, 1}


def test_a_stopped_server_uses_no_time_and_goes_on_where_it_may_run() -> None:
    with spinning() as process:
        allowed = os.sched_getaffinity(process.pid)
        server = StoppedServer([process.pid], CORES)
        server.stop()
        wait_until(lambda: process.status() == psutil.STATUS_STOPPED, "it to be stopped")
        used = process.cpu_times()
        time.sleep(0.05)
        assert process.cpu_times() == used
        server.resume()
        wait_until(lambda: process.status() != psutil.STATUS_STOPPED, "it to go on")
        assert os.sched_getaffinity(process.pid) == allowed
        wait_until(lambda: process.cpu_times() != used, "it to work")


def test_a_server_goes_on_from_the_core_of_its_last_turn_within_its_own_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, set[int]]] = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda pid, cores: asked.append((pid, set(cores))))
    with spinning() as process:
        StoppedServer([process.pid], [CORES[-1]]).resume()
        assert asked == [(process.pid, {CORES[-1]}), (process.pid, set(CORES))]
        asked.clear()
        StoppedServer([process.pid], [max(CORES) + 1]).resume()  # one on which it may not run
        assert asked == []


def test_a_process_that_has_ended_has_no_turns() -> None:
    with spinning() as process:
        server = StoppedServer([process.pid], CORES)
        process.kill()
        process.wait()
        server.stop()
        server.resume()
        StoppedServer([process.pid], CORES).stop()


def test_no_time_passes_for_a_loop_between_its_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """However late it wakes up: then its turn is shorter, and one that is over is left out."""
    now_ns, late_ns = [0], [0]

    def sleep(duration_s: float) -> None:
        now_ns[0] += round(duration_s * 1e9) + late_ns[0]

    monkeypatch.setattr(time, "monotonic_ns", lambda: now_ns[0])
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic_ns=time.monotonic_ns, sleep=sleep))
    clock = Clock()
    taker = TurnTaker(turns(), clock)
    worked_ns = 0
    for late in (0, 1_000_000, 0, 3 * LENGTH_NS, 0):
        late_ns[0] = late
        before_ns = clock.now_ns()
        taker.pass_on()
        assert clock.now_ns() == before_ns == worked_ns
        length_ns = taker.end_ns - clock.now_ns()
        assert length_ns == LENGTH_NS - GAP_NS - late
        if length_ns > 0:
            now_ns[0] += length_ns
            worked_ns += length_ns
    assert clock.on_system_ns(clock.now_ns()) == now_ns[0]


def test_signals_that_may_not_be_sent_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, signum: signal.Signals) -> None:
        raise PermissionError(1, "Operation not permitted")

    with spinning() as process:
        server = StoppedServer([process.pid], CORES)
        monkeypatch.setattr(os, "kill", refuse)
        with pytest.raises(PermissionError):
            server.stop()
        monkeypatch.undo()
