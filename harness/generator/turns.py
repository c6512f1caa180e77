"""The turns of several loads that are measured at the same time: while one has its turn, the servers of the others are
stopped, with what is in flight.

A core changes its speed within milliseconds. Of turns that are shorter than that, each server gets its share of every
speed, which slices of a tenth of a second do not. To be stopped costs a server nothing but its caches, and no time
passes for the loop: its clock stands still meanwhile.
"""

import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator, Sequence

from harness.generator.clock import Clock
from harness.generator.messages import Turns
from harness.units import NS_PER_S


class StoppedServer:
    """The processes of a server, which are stopped between its turns. Those that work most come first.

    Each turn begins on the same cores, as far as the processes may run on them: left alone, two servers that take turns
    stay on a core each, and one of the cores is slower.
    """

    def __init__(self, pids: Sequence[int], cores: Sequence[int]) -> None:
        self._pids = pids
        self._allowed = {pid: os.sched_getaffinity(pid) for pid in pids if _exists(pid)}
        self._cores = cores

    def stop(self) -> None:
        """Stop all processes."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """Have all processes go on, each from the core on which it also began its last turn."""
        for pid, core in self._first_cores():
            with contextlib.suppress(OSError):  # it has ended, or its cores were changed
                os.sched_setaffinity(pid, {core})
        self._send(signal.SIGCONT)
        for pid, _ in self._first_cores():
            with contextlib.suppress(OSError):
                os.sched_setaffinity(pid, self._allowed[pid])

    def _first_cores(self) -> Iterator[tuple[int, int]]:
        for number, pid in enumerate(self._allowed):
            core = self._cores[number % len(self._cores)]
            if core in self._allowed[pid]:
                yield pid, core

    def _send(self, signum: signal.Signals) -> None:
        for pid in self._pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signum)


class TurnTaker:
    """A loop's turns, one after the other. Between them its clock stands still and its server is stopped."""

    def __init__(self, turns: Turns, clock: Clock) -> None:
        self._clock = clock
        self._server = StoppedServer(turns.pids, turns.cores)
        self._slots = iter_slots(turns)
        self.end_ns = 0  # of the present turn, by the loop's clock

    def begin(self) -> None:
        """Wait for the first turn."""
        self.pass_on()

    def pass_on(self) -> None:
        """End the turn, and wait for the next."""
        self._server.stop()
        stopped_ns = time.monotonic_ns()
        begin_ns, end_ns = next(slot for slot in self._slots if slot[1] > stopped_ns)
        time.sleep(max(0, begin_ns - time.monotonic_ns()) / NS_PER_S)
        self._server.resume()
        self._clock.paused_ns += time.monotonic_ns() - stopped_ns
        self.end_ns = end_ns - self._clock.paused_ns


def iter_slots(turns: Turns) -> Iterator[tuple[int, int]]:
    """Yield the begin and the end of each turn (system's monotonic clock). In every cycle each has one, in an order
    drawn anew, which all draw alike."""
    dice, order, begin_ns = random.Random(turns.seed), list(range(turns.of)), turns.begin_ns
    while True:
        dice.shuffle(order)
        own_ns = begin_ns + order.index(turns.place) * turns.length_ns
        yield own_ns, own_ns + turns.length_ns - turns.gap_ns
        begin_ns += turns.of * turns.length_ns


def _exists(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}")
