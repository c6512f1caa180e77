"""The load loop: one epoll loop in plain Python, whose quick path costs what wrk costs."""

import gc
import os
import socket
import time
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from harness.generator.clock import LoopClock
from harness.generator.closed import ClosedLoop
from harness.generator.connection import AWAITING_RESPONSE, Connection
from harness.generator.cpu_use import CpuUse
from harness.generator.exchange import READINESS_EVENTS, Exchange
from harness.generator.framing import HEAD_END, SURPLUS, parse_head
from harness.generator.messages import PartSecond, ProcessResult
from harness.generator.open import OpenLoop
from harness.generator.partial import count_parts
from harness.generator.request_stats import RequestStats
from harness.generator.walk import Walk
from harness.generator.window import SAMPLE_NS, Group, Window
from harness.load.arrivals import arrival_times_ns, mean_rate_per_s
from harness.load.health import STALL_NS, lateness_limit_ns
from harness.load.latency import LatencyHistogram
from harness.load.requests import encode_requests
from harness.load.result import WindowBegan, WindowEnded
from harness.load.spec import Load
from harness.units import NS_PER_MS, NS_PER_S

DISCARD_BYTES: Final = 1 << 20  # the most body bytes dropped in one call
MAX_OPENED: Final = 100  # connections opened in a row before those that are open are served
MAX_SERVED_NS: Final = 20 * NS_PER_MS  # for which they are served between two such rows, however long opening one took
MAX_CLOSED: Final = 100  # connections passed over in a row in search of an open one
MOST_LEAD_IN_NS: Final = 10 * NS_PER_S  # by which a warm-up may last longer, until each connection was answered
STEP_NS: Final = NS_PER_MS  # for which it serves before it looks again whether each was
MAX_EVENTS: Final = 64  # taken from one poll: what comes due meanwhile has to wait until all of them are served

NO_HEAD: Final = parse_head(b"HTTP/1.1 204 No Content" + HEAD_END, "GET")  # stands for no response

Emit = Callable[[WindowBegan | PartSecond | WindowEnded], object]


class LoadLoop:
    """The loop of one process over ``load``.

    :meth:`run` blocks for warm-up and window, and calls ``emit`` with each event. Once ``stop_asked`` returns True it
    ends the window, and the result is what was measured until then.

    The quick path, in :meth:`_serve`, serves the responses that the cache holds byte for byte, and those of which it
    holds the head, if that says the length of the body. Such a body is dropped inside the kernel (MSG_TRUNC, see
    tcp(7)). Everything else (connecting, short writes, new heads, chunks, bodies that are checked, every failure) is
    left to the Exchange, whose module says why this is right. What comes next on a connection is left to the policy,
    closed or open.

    Latency runs from the moment when the request was due, so that it includes opening a connection for it. Raises
    OSError when the target can't be addressed.
    """

    def __init__(self, load: Load, emit: Emit, stop_asked: Callable[[], bool]) -> None:
        self._load = load
        self._emit = emit
        self._stop_asked = stop_asked
        self._requests = encode_requests(load)
        self._stats = RequestStats(load)
        self._clock = LoopClock()
        self._exchange = Exchange(load, self._stats, self._clock)
        self._closed = ClosedLoop(self._exchange, self._stats, self._requests)
        self._open: OpenLoop | None = None
        self._housekeeping_period_ns = min(SAMPLE_NS, max(self._exchange.timeout_ns // 4, 5 * NS_PER_MS))
        self._walk = Walk(self._exchange, self._clock, self._housekeeping_period_ns)
        self._housekeeping_timer = self._exchange.new_timer()  # cheaper than a poll with a time-out
        self._sink = memoryview(bytearray(DISCARD_BYTES))  # never read: MSG_TRUNC drops the bytes in the kernel
        is_mixed = len(load.requests) > 1 or load.data is not None
        self._fixed = None if is_mixed else next(self._requests)  # a single request need not be chosen each time
        self._check_next = 0
        self._housekeeping_due_ns = 0
        self._stalled_ns = 0
        self._age_ns: int | None = None  # of all requests in flight when the window opened, one on each connection
        self._full_ns = 0  # when the last connection of a closed loop was opened, or all had their load again
        self._stopped = False

    def run(self, begin_ns: int) -> ProcessResult:
        """Wait until ``begin_ns`` (monotonic clock), warm up, measure, and return the result."""
        if self._load.arrivals:
            self._open = self._create_open_loop(begin_ns)
        self._exchange.policy = self._open or self._closed
        prime_caches()
        sleep_until(begin_ns)
        self._stats.open_window(0, begin_ns, self._load.warmup_s)  # discarded when the warm-up ends
        self._warm_up(begin_ns)
        return self._measure(self._load.duration_s)

    def _measure(self, duration_s: float) -> ProcessResult:
        """Measure one window from now on, and return its result."""
        begun_ns, is_steady = self._closed.list_due_ns(), self._is_steady()
        window_ns = self._open_window(duration_s)
        before = CpuUse.read_counters()
        self._emit(WindowBegan())
        end_ns = self._run_until(window_ns + round(duration_s * NS_PER_S))
        cpu_use = CpuUse.read_counters().subtract(before)
        self._emit(WindowEnded())
        result = self._close_window(end_ns, cpu_use)
        if self._open is not None or not is_steady:
            return result
        return count_parts(result, begun_ns, self._closed.list_due_ns(), end_ns)

    def _create_open_loop(self, begin_ns: int) -> OpenLoop:
        times_ns = (begin_ns + time_ns for time_ns in arrival_times_ns(self._load))
        gap_ns = NS_PER_S / mean_rate_per_s(self._load)
        late_ns = lateness_limit_ns(gap_ns / self._load.share.of)  # the gap of the whole load, not of this share
        return OpenLoop(self._exchange, self._stats, self._requests, times_ns, gap_ns, late_ns)

    def _warm_up(self, begin_ns: int) -> None:
        """Open the connections of a closed loop one after another over the first half, and go on to the end, or until
        each was answered while all had a request, if that takes longer.

        Connections that are opened all at once tend to land on one worker: the first to wake accepts them all. Without
        a warm-up this can't be avoided, and wrk does the same. An open loop opens connections as it needs them.

        A queue takes as long to build up as a request waits in it. Before that, requests have waited for less.
        """
        warmup_ns = round(self._load.warmup_s * NS_PER_S)
        if self._open is None:
            self._open_connections(self._exchange.connections, begin_ns, warmup_ns // 2)
        self._full_ns = self._clock.now_ns()
        now_ns = self._run_until(begin_ns + warmup_ns)
        if self._open is None and warmup_ns and self._load.share.of == 1:  # several have to begin at the same time
            self._run_until_each_answered(now_ns + min(self._exchange.timeout_ns, MOST_LEAD_IN_NS))

    def _run_until_each_answered(self, latest_ns: int) -> int:
        """Serve until each connection of a closed loop was answered under the whole load, but not for longer than until
        this time (ns); return the time at the end."""
        now_ns, waiting = self._clock.now_ns(), self._closed.connections.copy()
        while not self._stopped and now_ns < latest_ns:
            while waiting and waiting[-1].due_ns > self._full_ns:  # and so it stays
                waiting.pop()
            if not waiting:
                break
            now_ns = self._run_until(now_ns + STEP_NS)
        return now_ns

    def _is_steady(self) -> bool:
        """Check whether each connection of a closed loop was answered under the whole load, and none in vain."""
        errors = self._stats.counters.errors()
        each_answered = all(connection.due_ns > self._full_ns for connection in self._closed.connections)
        return each_answered and not (errors.failed or errors.timeout)

    def _open_connections(self, connections: Sequence[Connection], begin_ns: int, for_ns: int) -> None:
        """Open the connections evenly over this time. If it is too short, serving the open ones takes half of it."""
        now_ns = served_ns = self._clock.now_ns()
        for number, connection in enumerate(connections, start=1):
            self._closed.add(connection, now_ns)
            now_ns = self._clock.now_ns()
            until_ns = begin_ns + for_ns * number // len(connections)
            if until_ns <= now_ns and number % MAX_OPENED == 0:
                until_ns = now_ns + min(now_ns - served_ns, MAX_SERVED_NS)
            if until_ns > now_ns:
                now_ns = served_ns = self._run_until(until_ns)
                if self._stopped:
                    return

    # The quick path -----------------------------------------------------------------------------------------

    def _run_until(self, until_ns: int) -> int:
        """Serve what epoll reports until this time (ns), with housekeeping between; return the time at the end."""
        now = self._clock.now_ns()
        while now < until_ns and not self._stopped:
            overdue_ns = now - min(self._housekeeping_due_ns, self._walk.due_ns)
            if overdue_ns >= 0 and (
                self._open is None or self._open.dispatch() or overdue_ns > self._housekeeping_period_ns
            ):
                now = self._do_housekeeping(now)
            wakeup_ns = min(self._housekeeping_due_ns, self._walk.due_ns, until_ns)
            is_set = now < wakeup_ns  # otherwise it is housekeeping that waits until the open loop has time for it
            now = self._serve(wakeup_ns)
            if is_set and now - wakeup_ns > STALL_NS:
                self._stalled_ns += now - wakeup_ns
        return now

    def _serve(self, until_ns: int) -> int:
        """Serve what epoll reports, and nothing else, until this time (ns); return the time at the end."""
        exchange, stats, open_loop, policy = self._exchange, self._stats, self._open, self._exchange.policy
        poll, by_fd, batch = exchange.epoll.poll, exchange.by_fd, MAX_EVENTS
        clock, paused_ns, stops_ns = time.monotonic_ns, self._clock.paused_ns, self._clock.stops_ns
        cached_head, cached_whole = stats.response_cache.heads.get, stats.response_cache.whole_responses.get
        record_times, record_kind, kinds = stats.record_times, stats.record_kind, stats.kinds
        next_request, fixed, first_read = self._requests.__next__, self._fixed, exchange.first_read_bytes
        timeout_ns, head_end, usual_events = exchange.timeout_ns, HEAD_END, READINESS_EVENTS
        sink, discard, trunc = self._sink, DISCARD_BYTES, socket.MSG_TRUNC
        # How many bytes must still be to come, at the least, of a body that is not looked at.
        unseen = 1 if stats.compares_whole_responses else 0
        read, write = os.read, os.write  # cheaper to call than a socket's recv and send, and to the same effect
        # Most often the next response equals the last one byte for byte, or begins with the same head.
        started, rest, last_whole, last_head, last_begun = 0, None, None, NO_HEAD, NO_HEAD
        self._housekeeping_timer.arm(self._clock.on_system_ns(until_ns))
        now = self._clock.now_ns()
        while now < until_ns:
            before = now
            if open_loop is not None:
                rest = None if open_loop.dispatch() else 0
            for fd, event in poll(rest, batch):
                connection = by_fd[fd]
                remaining = connection.state  # bytes of body to discard, or one of the states
                if remaining < 0:
                    exchange.advance(connection, event)
                    last_begun = NO_HEAD  # its head may have left the cache, and hits on it would be lost
                    continue
                try:
                    if remaining:
                        head = connection.head
                    else:
                        data = read(fd, first_read)
                        if data == last_whole:
                            head = last_head
                        elif len(data) < last_begun.total_bytes and data.startswith(last_begun.raw):
                            connection.head = head = last_begun
                            remaining = head.total_bytes - len(data)
                        elif (cached := cached_whole(data)) is not None:
                            last_whole, last_head = data, cached
                            head = cached
                        else:
                            cached = cached_head(data[: data.find(head_end) + 4])
                            if cached is None or len(data) > cached.total_bytes - unseen:
                                self._read(connection, data, first_read, event)
                                last_begun = NO_HEAD
                                continue
                            connection.head = head = last_begun = cached
                            remaining = head.total_bytes - len(data)
                    if remaining:
                        # One byte more than the body has, so that a surplus shows at once.
                        recv_into = connection.recv_into
                        got = recv_into(sink, remaining + 1 if remaining < discard else discard, trunc)
                        if got != remaining:
                            self._read_part(connection, remaining, got, event)
                            continue
                        connection.state = AWAITING_RESPONSE
                except BlockingIOError:
                    connection.state = remaining
                    continue
                except OSError:
                    connection.state = remaining
                    exchange.handle_disconnect(connection)
                    continue
                now = clock() - paused_ns
                if now > stops_ns:
                    now = stops_ns
                latency = now - connection.due_ns
                if latency > timeout_ns and policy.is_overdue(connection, now):
                    exchange.time_out(connection, now)
                    continue
                head.hits += 1
                if open_loop is not None:
                    record_times(connection, now)
                    if fixed is None:
                        record_kind(connection, now, head.is_good)
                    open_loop.on_response(connection, now)
                else:
                    record = connection.record
                    record(latency)
                    connection.due_ns = now
                    if fixed is None:
                        if kinds:  # as RequestStats.record_kind does, without the call
                            kind = kinds[connection.request.kind]
                            kind.waits_ns.append(latency)
                            kind.bad += not head.is_good
                        connection.request = request = next_request()
                    else:
                        request = fixed
                    started += 1
                    try:
                        sent = write(fd, request.data)
                    except BlockingIOError:
                        sent = 0
                    except OSError:
                        exchange.handle_send_failure(connection)
                        continue
                    if sent != request.size:
                        exchange.defer_send(connection, memoryview(request.data)[sent:])
                if event > usual_events:
                    exchange.rearm(connection)
            if now == before:  # nothing was completed
                now = self._clock.now_ns()
        stats.counters.started += started
        return now

    def _read(self, connection: Connection, data: bytes, asked: int, event: int) -> None:
        """Leave a response that is not in the cache to the exchange. If all ``asked`` bytes came, there may be more."""
        self._exchange.receive_data(connection, data)
        if len(data) == asked:
            self._exchange.read_more(connection)
        if event > READINESS_EVENTS:
            self._exchange.rearm(connection)

    def _read_part(self, connection: Connection, remaining: int, got: int, event: int) -> None:
        """Handle a body of which ``remaining`` bytes were to come and ``got`` came: too few, too many or none."""
        if got > remaining:
            self._exchange.fail_protocol(connection, SURPLUS)
            return
        connection.state = remaining - got
        if not got:
            self._exchange.handle_disconnect(connection)
        elif got == DISCARD_BYTES or event > READINESS_EVENTS:  # more has come, if only the end of the connection
            self._exchange.rearm(connection)

    # Between the batches ------------------------------------------------------------------------------------

    def _do_housekeeping(self, now_ns: int) -> int:
        """Do what is not done for each response: maintain connections, sample rates, choose a response to check.

        Return the time at the end (ns).
        """
        if now_ns >= self._walk.due_ns:
            now_ns = self._walk.run_slice(now_ns)
        if now_ns < self._housekeeping_due_ns:
            return now_ns
        self._stopped = self._stop_asked()
        self._choose_one_to_check()
        self._stats.window.sample(now_ns)
        if self._stats.window.is_second_over(now_ns):
            self._emit(self._stats.end_second(now_ns))
            gc.collect(0)  # encoding a histogram is the only thing that leaves a reference cycle
        now_ns = self._clock.now_ns()
        self._housekeeping_due_ns = now_ns + self._housekeeping_period_ns
        return now_ns

    def _choose_one_to_check(self) -> None:
        """Have a response checked on the next of the open connections, which are taken in turn."""
        connections = self._exchange.connections
        for _ in range(min(len(connections), MAX_CLOSED)):
            self._check_next = (self._check_next + 1) % len(connections)
            if connections[self._check_next].sock is not None:
                self._exchange.check_next_response(connections[self._check_next])
                return

    def _open_window(self, duration_s: float) -> int:
        """Discard what was before and return when the window began (ns). The requests in flight are its first."""
        begin_ns = self._clock.now_ns()
        self._stalled_ns = 0
        in_flight = len(self._exchange.policy.list_due_ns())
        is_full = self._open is None and in_flight == self._load.connections
        self._age_ns = self._closed.age_ns(begin_ns) if is_full else None
        self._stats.open_window(in_flight, begin_ns, duration_s)
        if self._open:
            self._open.open_window()
        return begin_ns

    def _close_window(self, end_ns: int, cpu_use: CpuUse) -> ProcessResult:
        """Return the result of the window, which ended at this time."""
        window = self._stats.window
        window.sample(end_ns)
        last_second = self._stats.end_second(end_ns)
        counters, duration_s = self._stats.counters, (end_ns - window.begin_ns) / NS_PER_S
        waited_s = cpu_use.waited_s or 0.0
        if self._open is None:
            waited_s = cpu_use.kept_waiting_s(counters.complete_responses / duration_s, self._load.connections)
        due_ns = np.array(self._exchange.policy.list_due_ns(), dtype=np.int64)
        unfinished = LatencyHistogram()
        unfinished.record(end_ns - due_ns)
        return ProcessResult(
            began_ns=window.begin_ns,
            connection_s=self._load.connections * duration_s,
            requests_per_s=counters.complete_responses / duration_s,
            bytes_per_s=counters.bytes / duration_s,
            started=counters.started,
            reconnected=counters.reconnected,
            requests=counters.complete_responses,
            ok=counters.ok,
            to_check=self._stats.to_check,
            checked=counters.checked,
            errors=counters.errors(),
            protocol_reasons=dict(counters.protocol),
            unfinished=len(due_ns),
            aged_s=self._measure_aging_s(end_ns),
            bytes=counters.bytes,
            statuses=dict(sorted(counters.statuses.items())),
            workers=dict(sorted(counters.workers.items())),
            open_by_port=self._exchange.open_by_port,
            duration_s=duration_s,
            offered=self._open.count_offered(end_ns) if self._open else None,
            group_rates_per_s=window.group_rates_per_s.tolist(),
            cpu_s=cpu_use.cpu_s,
            busy=cpu_use.busy_share(duration_s, self._open.pacer.spin_ns / NS_PER_S if self._open else 0.0),
            stalled_s=max(
                self._stalled_ns / NS_PER_S, waited_s
            ),  # not the sum: a loop that waited for a core was late for it
            last_second=last_second,
            by_request=[kind.part() for kind in self._stats.kinds],
            histogram=window.response.encode(),
            service_histogram=window.service.encode(),
            unfinished_histogram=unfinished.encode(),
        )

    def _measure_aging_s(self, end_ns: int) -> float | None:
        """Return by how much the age of all requests in flight, added up, has grown since the window opened (seconds).

        None if a connection may have had no request for a while: in an open loop, and after failures.
        """
        errors = self._stats.counters.errors()
        if self._age_ns is None or errors.failed or errors.timeout:
            return None
        return (self._closed.age_ns(end_ns) - self._age_ns) / NS_PER_S


def sleep_until(at_ns: int) -> None:
    """Wait until this time of the monotonic clock (ns)."""
    time.sleep(max(0, at_ns - time.monotonic_ns()) / NS_PER_S)


def prime_caches() -> None:
    """Record and encode a latency in vain: the first time takes milliseconds, for which requests would wait."""
    group = Group()
    window = Window([group], begin_ns=0, duration_s=1.0)
    group.prompt.append(1)
    window.sample(now_ns=1)
    window.end_second(now_ns=1, errors=0)
