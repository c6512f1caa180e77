"""The load loop: one epoll loop in plain Python, whose quick path costs what wrk costs."""

import gc
import os
import socket
import time
from collections.abc import Callable
from typing import Final

from harness.generator.closed import ClosedLoop
from harness.generator.connection import AWAITING, Connection
from harness.generator.cpu_use import CpuUse
from harness.generator.exchange import USUAL_EVENTS, Exchange
from harness.generator.framing import HEAD_END, SURPLUS, parse_head
from harness.generator.messages import PartSecond, ProcessResult
from harness.generator.open import OpenLoop
from harness.generator.request_stats import RequestStats
from harness.generator.walk import Walk
from harness.generator.window import SAMPLE_NS, Group, Window
from harness.load.arrivals import arrival_times_ns, mean_rate_per_s
from harness.load.health import STALL_NS, late_after_ns
from harness.load.requests import prepared_requests
from harness.load.result import WindowBegan, WindowEnded
from harness.load.spec import Load
from harness.units import NS_PER_MS, NS_PER_S

DISCARD_BYTES: Final = 1 << 20  # the most body bytes dropped in one call
MOST_OPENED: Final = 100  # connections in a row before those that are open are served
MOST_SERVED_NS: Final = 20 * NS_PER_MS  # between two such rows, however long one took
MOST_CLOSED: Final = 100  # connections in a row that are passed over to find one that can be checked
BATCH: Final = 64  # events taken from one poll: whatever comes due meanwhile has to wait for the rest of them

NO_HEAD: Final = parse_head(b"HTTP/1.1 204 No Content" + HEAD_END, "GET")  # of no response at all

Emit = Callable[[WindowBegan | PartSecond | WindowEnded], object]


class LoadLoop:
    """One process's loop over ``load``. :meth:`run` blocks for warm-up and window and tells ``emit`` what happens;
    when ``stop_asked`` it ends the window, and what was measured until then is the result.

    The quick path, in :meth:`_serve`, serves responses that are known byte for byte, or whose head is and tells the
    length of the body: that body is dropped inside the kernel (MSG_TRUNC, see tcp(7)). Everything else (connecting,
    short writes, new heads, chunks, bodies that are checked, every failure) is left to the Exchange, and what comes
    next on a connection to the policy, closed or open.

    Latency runs from the moment the request was due: a connection that must be opened first is part of it. Raises
    OSError when the target can't be addressed.
    """

    def __init__(self, load: Load, emit: Emit, stop_asked: Callable[[], bool]) -> None:
        self._load = load
        self._emit = emit
        self._stop_asked = stop_asked
        self._requests = prepared_requests(load)
        self._ledger = RequestStats(load)
        self._exchange = Exchange(load, self._ledger)
        self._closed = ClosedLoop(self._exchange, self._ledger, self._requests)
        self._open: OpenLoop | None = None
        self._chore_ns = min(SAMPLE_NS, max(self._exchange.timeout_ns // 4, 5 * NS_PER_MS))
        self._walk = Walk(self._exchange, self._chore_ns)
        self._bell = self._exchange.new_alarm()  # rings for the chores: a poll with a time-out would cost more
        self._sink = memoryview(bytearray(DISCARD_BYTES))  # never read: MSG_TRUNC drops the bytes in the kernel
        is_mixed = len(load.requests) > 1 or load.data is not None
        self._fixed = None if is_mixed else next(self._requests)  # the only one there is need not be chosen each time
        self._check_next = 0
        self._chores_due_ns = 0
        self._stalled_ns = 0
        self._age_ns: int | None = None  # of the requests on their way when the window opened, one on each connection
        self._stopped = False

    def run(self, begin_ns: int) -> ProcessResult:
        """Wait until it is time to begin, warm up, measure, and return what was measured."""
        if self._load.arrivals:
            self._open = self._open_loop(begin_ns)
        self._exchange.policy = self._open or self._closed
        _rehearse()
        time.sleep(max(0, begin_ns - time.monotonic_ns()) / NS_PER_S)
        self._ledger.open_window(0, begin_ns, self._load.warmup_s)  # thrown away when the warm-up ends
        self._warm_up(begin_ns)
        window_ns = self._open_window()
        before = CpuUse.so_far()
        self._emit(WindowBegan())
        end_ns = self._turn(window_ns + round(self._load.duration_s * NS_PER_S))
        effort = CpuUse.so_far().since(before)
        self._emit(WindowEnded())
        return self._close_window(end_ns, effort)

    def _open_loop(self, begin_ns: int) -> OpenLoop:
        times_ns = (begin_ns + time_ns for time_ns in arrival_times_ns(self._load))
        gap_ns = NS_PER_S / mean_rate_per_s(self._load)
        late_ns = late_after_ns(gap_ns / self._load.share.of)  # a gap of the whole load, however it is shared
        return OpenLoop(self._exchange, self._ledger, self._requests, times_ns, gap_ns, late_ns)

    def _warm_up(self, begin_ns: int) -> None:
        """Open the connections of a closed loop one after another over the first half, and go on to the end.

        Opened all at once, they tend to land on one worker: the first to wake accepts the lot. Without a warm-up
        there is no other way, and wrk does the same. An open loop opens them as it needs them.
        """
        warmup_ns = round(self._load.warmup_s * NS_PER_S)
        if self._open is None:
            self._open_connections(begin_ns, warmup_ns // 2)
        self._turn(begin_ns + warmup_ns)

    def _open_connections(self, begin_ns: int, for_ns: int) -> None:
        """Open them evenly over this time. Where that is too short, those that are open have half of it."""
        now_ns = served_ns = time.monotonic_ns()
        for number, connection in enumerate(self._exchange.connections, start=1):
            self._closed.connections.append(connection)
            self._closed.start(connection, now_ns)
            now_ns = time.monotonic_ns()
            until_ns = begin_ns + for_ns * number // self._load.connections
            if until_ns <= now_ns and number % MOST_OPENED == 0:
                until_ns = now_ns + min(now_ns - served_ns, MOST_SERVED_NS)
            if until_ns > now_ns:
                now_ns = served_ns = self._turn(until_ns)
                if self._stopped:
                    return

    # The quick path -----------------------------------------------------------------------------------------

    def _turn(self, until_ns: int) -> int:
        """Serve what epoll reports until the time has come; return when that was."""
        now = time.monotonic_ns()
        while now < until_ns and not self._stopped:
            overdue_ns = now - min(self._chores_due_ns, self._walk.due_ns)
            if overdue_ns >= 0 and (self._open is None or self._open.dispatch() or overdue_ns > self._chore_ns):
                now = self._do_chores(now)
            bell_ns = min(self._chores_due_ns, self._walk.due_ns, until_ns)
            is_set = now < bell_ns  # or it is the chores that wait, for the open loop to have time for them
            now = self._serve(bell_ns)
            if is_set and now - bell_ns > STALL_NS:
                self._stalled_ns += now - bell_ns
        return now

    def _serve(self, until_ns: int) -> int:
        """Serve what epoll reports until the bell rings, at that time, without looking at anything else."""
        exchange, ledger, open_loop, policy = self._exchange, self._ledger, self._open, self._exchange.policy
        poll, clock, by_fd, batch = exchange.epoll.poll, time.monotonic_ns, exchange.by_fd, BATCH
        known_head, known_whole = ledger.known.heads.get, ledger.known.wholes.get
        record_at, note, kinds = ledger.record, ledger.note, ledger.kinds
        next_request, fixed, first_read = self._requests.__next__, self._fixed, exchange.first_read_bytes
        timeout_ns, head_end, usual_events = exchange.timeout_ns, HEAD_END, USUAL_EVENTS
        sink, discard, trunc = self._sink, DISCARD_BYTES, socket.MSG_TRUNC
        unseen = 1 if ledger.compares_wholes else 0  # at the least, of a body that need not be looked at
        read, write = os.read, os.write  # cheaper to call than a socket's recv and send, and to the same effect
        # Most often the next response is the same as the last one, byte for byte.
        started, rest, last_whole, last_head, last_begun = 0, None, None, NO_HEAD, NO_HEAD
        self._bell.set(until_ns)
        now = clock()
        while now < until_ns:
            before = now
            if open_loop is not None:
                rest = None if open_loop.dispatch() else 0
            for fd, event in poll(rest, batch):
                connection = by_fd[fd]
                left = connection.left
                if left < 0:
                    exchange.advance(connection, event)
                    last_begun = NO_HEAD  # heads may have been forgotten, and with them their hits
                    continue
                try:
                    if left:
                        head = connection.head
                    else:
                        data = read(fd, first_read)
                        if data == last_whole:
                            head = last_head
                        elif len(data) < last_begun.total_bytes and data.startswith(last_begun.raw):
                            connection.head = head = last_begun
                            left = head.total_bytes - len(data)
                        elif (known := known_whole(data)) is not None:
                            last_whole, last_head = data, known
                            head = known
                        else:
                            known = known_head(data[: data.find(head_end) + 4])
                            if known is None or len(data) > known.total_bytes - unseen:
                                self._read(connection, data, first_read, event)
                                last_begun = NO_HEAD
                                continue
                            connection.head = head = last_begun = known
                            left = head.total_bytes - len(data)
                    if left:
                        # One byte more than the body has: a surplus shows at once.
                        recv_into = connection.recv_into
                        got = recv_into(sink, left + 1 if left < discard else discard, trunc)
                        if got != left:
                            self._read_part(connection, left, got, event)
                            continue
                        connection.left = AWAITING
                except BlockingIOError:
                    connection.left = left
                    continue
                except OSError:
                    connection.left = left
                    exchange.lose(connection)
                    continue
                now = clock()
                latency = now - connection.due_ns
                if latency > timeout_ns and policy.is_overdue(connection, now):
                    exchange.time_out(connection, now)
                    continue
                head.hits += 1
                if open_loop is not None:
                    record_at(connection, now)
                    if fixed is None:
                        note(connection, now, head.is_good)
                    open_loop.answered(connection, now)
                else:
                    record = connection.record
                    record(latency)
                    connection.due_ns = now
                    if fixed is None:
                        if kinds:  # as Ledger.note does, without the call
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
                        exchange.lose_writing(connection)
                        continue
                    if sent != request.size:
                        exchange.send_later(connection, memoryview(request.data)[sent:])
                if event > usual_events:
                    exchange.ask_again(connection)
            if now == before:  # nothing was completed
                now = clock()
        ledger.tally.started += started
        return now

    def _read(self, connection: Connection, data: bytes, asked: int, event: int) -> None:
        """Leave a response that is not known to the exchange. When as much came as was asked, there may be more."""
        self._exchange.read(connection, data)
        if len(data) == asked:
            self._exchange.read_on(connection)
        if event > USUAL_EVENTS:
            self._exchange.ask_again(connection)

    def _read_part(self, connection: Connection, left: int, got: int, event: int) -> None:
        """Of a body of which ``left`` bytes were to come, ``got`` have been dropped: too few, too many or none."""
        if got > left:
            self._exchange.fail_protocol(connection, SURPLUS)
            return
        connection.left = left - got
        if not got:
            self._exchange.lose(connection)
        elif got == DISCARD_BYTES or event > USUAL_EVENTS:  # there is more, if only the end
            self._exchange.ask_again(connection)

    # Between the batches ------------------------------------------------------------------------------------

    def _do_chores(self, now_ns: int) -> int:
        """What need not be done per response: looking after connections, samples, and one connection to be checked.
        Returns the time then (ns)."""
        if now_ns >= self._walk.due_ns:
            now_ns = self._walk.go_on(now_ns)
        if now_ns < self._chores_due_ns:
            return now_ns
        self._stopped = self._stop_asked()
        self._choose_one()
        self._ledger.window.sample(now_ns)
        if self._ledger.window.second_is_over(now_ns):
            self._emit(self._ledger.end_second(now_ns))
            gc.collect(0)  # encoding a histogram leaves a reference cycle behind, and nothing else does
        now_ns = time.monotonic_ns()
        self._chores_due_ns = now_ns + self._chore_ns
        return now_ns

    def _choose_one(self) -> None:
        """Have the next response checked on one of the open connections, each in turn."""
        connections = self._exchange.connections
        for _ in range(min(len(connections), MOST_CLOSED)):
            self._check_next = (self._check_next + 1) % len(connections)
            if connections[self._check_next].sock is not None:
                self._exchange.choose(connections[self._check_next])
                return

    def _open_window(self) -> int:
        """Forget the warm-up; the requests in flight are the first of the window. Returns when it began (ns)."""
        begin_ns = time.monotonic_ns()
        self._stalled_ns = 0
        in_flight = self._exchange.policy.in_flight
        is_full = self._open is None and in_flight == self._load.connections
        self._age_ns = self._closed.age_ns(begin_ns) if is_full else None
        self._ledger.open_window(in_flight, begin_ns, self._load.duration_s)
        if self._open:
            self._open.open_window()
        return begin_ns

    def _close_window(self, end_ns: int, effort: CpuUse) -> ProcessResult:
        window = self._ledger.window
        window.sample(end_ns)
        last_second = self._ledger.end_second(end_ns)
        tally, duration_s = self._ledger.tally, (end_ns - window.begin_ns) / NS_PER_S
        return ProcessResult(
            started=tally.started,
            reconnected=tally.reconnected,
            requests=tally.completed,
            ok=tally.ok,
            to_check=self._ledger.to_check,
            checked=tally.checked,
            errors=tally.errors(),
            protocol_reasons=dict(tally.protocol),
            unfinished=self._exchange.policy.in_flight,
            aged_s=self._aged_s(end_ns),
            bytes=tally.bytes,
            statuses=dict(sorted(tally.statuses.items())),
            workers=dict(sorted(tally.workers.items())),
            duration_s=duration_s,
            offered=self._open.offered(end_ns) if self._open else None,
            group_rates_per_s=window.group_rates_per_s.tolist(),
            cpu_s=effort.cpu_s,
            busy=effort.busy(duration_s, self._open.pacer.awake_ns / NS_PER_S if self._open else 0.0),
            stalled_s=max(self._stalled_ns / NS_PER_S, effort.waited_s or 0.0),  # late because it waited is both
            last_second=last_second,
            by_request=[kind.part() for kind in self._ledger.kinds],
            histogram=window.response.encode(),
            service_histogram=window.service.encode(),
        )

    def _aged_s(self, end_ns: int) -> float | None:
        """How much older those on their way are than those were as the window opened, together. None where a connection
        may have had no request for a while: in an open loop, and after failures."""
        errors = self._ledger.tally.errors()
        if self._age_ns is None or errors.failed or errors.timeout:
            return None
        return (self._closed.age_ns(end_ns) - self._age_ns) / NS_PER_S


def _rehearse() -> None:
    """Record and encode once for nothing: the first time takes milliseconds, which requests would have to wait."""
    group = Group()
    window = Window([group], begin_ns=0, duration_s=1.0)
    group.prompt.append(1)
    window.sample(now_ns=1)
    window.end_second(now_ns=1, errors=0)
