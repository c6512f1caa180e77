"""The load in slices: it pauses between them with nothing in flight, so that other servers can have their turn."""

from collections.abc import Callable, Iterator
from typing import Final

from harness.generator.cpu_use import CpuUse
from harness.generator.drain import Drain
from harness.generator.loop import STEP_NS, Emit, LoadLoop, prime_caches, sleep_until
from harness.generator.messages import PartSlice, Paused, Turns
from harness.generator.turns import Turn, iter_turns
from harness.load.health import STALL_NS
from harness.load.spec import Load
from harness.units import NS_PER_MS, NS_PER_S

LEAD_IN_SHARE: Final = 0.1  # of a slice's duration, at the least
MOST_WAIT_NS: Final = NS_PER_S  # until every connection was answered once, and again for what is in flight at the end
REOPENING_NS: Final = 20 * NS_PER_MS  # over which connections are opened again


class SlicedLoop(LoadLoop):
    """The loop of one process over a closed load, which can also be measured in slices.

    A slice is a lead-in, until every connection was answered once, a measured window, and a drain, after which nothing
    is in flight. Connections that the server has closed in the pause are opened again before it, or in the lead-in.
    """

    def __init__(self, load: Load, emit: Emit, stop_asked: Callable[[], bool]) -> None:
        super().__init__(load, emit, stop_asked)
        self._drain = Drain(self._exchange, self._stats, self._closed)
        self._turns: Iterator[Turn] = iter(())

    def warm_up(self, begin_ns: int) -> Paused:
        """Wait until ``begin_ns`` (monotonic clock), warm up, and pause."""
        prime_caches()
        sleep_until(begin_ns)
        self._exchange.policy = self._closed
        self._stats.open_window(0, begin_ns, self._load.warmup_s)  # discarded when the first slice begins
        self._warm_up(begin_ns)
        self._pause()
        return Paused(opened=len(self._closed.connections))

    def reopen(self, begin_ns: int) -> Paused:
        """Wait until ``begin_ns`` (monotonic clock), open the connections that the server has closed in the pause, send
        requests on them, and pause.

        A new connection costs the server time and memory, which whole trials don't have in their window.
        """
        self._notice_closed()
        closed = self._closed.remove_closed() if self._load.keepalive else []
        if closed:
            sleep_until(begin_ns)
            self._exchange.policy = self._closed
            self._stats.open_window(0, begin_ns, MOST_WAIT_NS / NS_PER_S)  # discarded when the slice begins
            self._open_connections(closed, self._clock.now_ns(), REOPENING_NS)
            self._pause()
        return Paused(opened=len(closed))

    def run_slice(self, begin_ns: int, duration_s: float) -> PartSlice:
        """Wait until ``begin_ns`` (monotonic clock), measure for ``duration_s`` after a lead-in, and pause. The CPU
        time is that of all of it, as the server's is."""
        self._notice_closed()
        sleep_until(begin_ns)
        return self._run_slice(duration_s)

    def run_in_turns(self, begin_ns: int, turns: Turns, place: int, duration_s: float) -> PartSlice:
        """Do the same in the turns of the load at this place, from ``begin_ns`` on. Between them the server is stopped,
        and so is the clock."""
        self._notice_closed()
        self._turns = (turn for turn in iter_turns(turns, begin_ns) if turn.place == place)
        self._clock.stop()
        self._wait_for_turn()
        try:
            return self._run_slice(duration_s)
        finally:
            self._clock.run_free()

    def _run_slice(self, duration_s: float) -> PartSlice:
        before, begin_ns = CpuUse.read_counters(), self._clock.now_ns()
        lead_in_s = self._lead_in(round(LEAD_IN_SHARE * duration_s * NS_PER_S))
        led_in = self._stats.count_answered()
        window = self._measure(duration_s)
        undrained = self._pause()
        end_ns = self._clock.now_ns()
        drained = self._stats.end_second(end_ns)
        return PartSlice(
            window=window.model_copy(update={"cpu_s": CpuUse.read_counters().subtract(before).cpu_s}),
            lead_in_s=lead_in_s,
            elapsed_s=(end_ns - begin_ns) / NS_PER_S,
            answered=led_in + self._stats.count_answered(),
            undrained=undrained,
            drained_histogram=drained.histogram,
        )

    def _serve(self, until_ns: int) -> int:
        """Serve until this time (ns), but for no longer than the turn lasts; return the time at the end."""
        now_ns = super()._serve(min(until_ns, self._clock.stops_ns))
        if now_ns == self._clock.stops_ns:
            self._wait_for_turn()
        return now_ns

    def _wait_for_turn(self) -> None:
        """Wait for the next turn. A loop that comes late to it was kept from running: the server has begun it."""
        turn, stopped_ns = next(self._turns), self._clock.stops_ns
        sleep_until(turn.begin_ns)
        self._clock.go_on(turn.begin_ns, turn.end_ns)
        late_ns = self._clock.now_ns() - stopped_ns
        if late_ns > STALL_NS:
            self._stalled_ns += late_ns

    def _notice_closed(self) -> None:
        """Close the connections that the server has closed in the pause."""
        for fd, event in self._exchange.epoll.poll(0, max(1, len(self._exchange.by_fd))):
            self._exchange.advance(self._exchange.by_fd[fd], event)

    def _lead_in(self, least_ns: int) -> float:
        """Offer the load until every connection was answered once; return for how long (seconds)."""
        begin_ns = self._full_ns = self._clock.now_ns()
        self._exchange.policy = self._closed
        self._stats.open_window(0, begin_ns, MOST_WAIT_NS / NS_PER_S)
        closed = self._closed.remove_closed()
        self._closed.resume(begin_ns)
        if closed:
            self._open_connections(closed, begin_ns, least_ns // 2)
            self._full_ns = self._clock.now_ns()
        self._run_until(begin_ns + least_ns)
        return (self._run_until_each_answered(begin_ns + MOST_WAIT_NS) - begin_ns) / NS_PER_S

    def _pause(self) -> int:
        """Take what is in flight, and return how many requests are given up: after a long wait, or timed out."""
        self._exchange.policy, timed_out = self._drain, self._stats.counters.timed_out
        self._drain.begin()
        begin_ns = now_ns = self._clock.now_ns()
        while self._drain.list_due_ns() and now_ns < begin_ns + MOST_WAIT_NS and not self._stopped:
            now_ns = self._run_until(now_ns + STEP_NS)
        return self._drain.give_up() + self._stats.counters.timed_out - timed_out
