"""The load loop: one epoll loop in plain Python, whose quick path costs what wrk costs."""

import gc
import resource
import select
import socket
import time
from array import array
from collections.abc import Callable
from typing import Final

from harness.generator.connection import AWAITING, CONNECTING, READING, SENDING, WAITING, Connection
from harness.generator.framing import HEAD_END, BodyKind, Head, HeadCache, ProtocolError, ResponseReader
from harness.generator.load import Load
from harness.generator.request import request_bytes
from harness.generator.result import Event, LoadResult, Measured, Measuring
from harness.generator.tally import Tally
from harness.generator.window import SAMPLE_NS, Window
from harness.units import NS_PER_MS, NS_PER_S

FIRST_READ_BYTES: Final = 1024  # holds a usual head; the rest of a large body stays in the kernel
READ_BYTES: Final = 64 * 1024
DISCARD_BYTES: Final = 1 << 20  # the most body bytes dropped in one call


class LoadLoop:
    """A closed loop over ``load``. :meth:`run` blocks for warm-up and window and tells ``emit`` what happens;
    when ``stop_asked`` it ends the window, and what was measured until then is the result.

    The quick path, in :meth:`_turn`, serves responses whose head is known byte for byte and tells the length of
    the body: that body is dropped inside the kernel (MSG_TRUNC, see tcp(7)). Everything else (connecting, short
    writes, new heads, chunks, bodies that are checked, every failure) goes through the methods below it.

    Latency runs from the moment the request was due: a connection that must be opened first is part of it.
    """

    def __init__(self, load: Load, emit: Callable[[Event], None], stop_asked: Callable[[], bool]) -> None:
        self._load = load
        self._emit = emit
        self._stop_asked = stop_asked
        self._request = request_bytes(load)
        self._family, self._address = _resolve(load)
        self._timeout_ns = round(load.timeout_s * NS_PER_S)
        self._chore_ns = min(SAMPLE_NS, max(self._timeout_ns // 4, 5 * NS_PER_MS))
        self._epoll = select.epoll()
        self._heads = HeadCache()
        self._tally = Tally()
        self._groups = [array("q") for _ in range(load.threads)]
        self._connections: list[Connection] = []
        self._sink = memoryview(bytearray(DISCARD_BYTES))  # never written: MSG_TRUNC drops the bytes in the kernel
        self._by_fd: dict[int, Connection] = {}
        self._window = Window(self._groups, time.monotonic_ns())
        self._check_next = 0
        self._stopped = False

    def run(self) -> LoadResult:
        """Warm up, measure, and return what was measured."""
        gc.collect()
        gc.freeze()
        gc.disable()
        self._warm_up(time.monotonic_ns())
        begin_ns, begin_cpu_s = self._open_window(), _cpu_s()
        self._emit(Measuring())
        end_ns = self._turn(begin_ns + round(self._load.duration_s * NS_PER_S))
        cpu_s = _cpu_s() - begin_cpu_s
        self._emit(Measured())
        return self._close_window(end_ns, cpu_s)

    def _warm_up(self, begin_ns: int) -> None:
        """Open the connections one after another over the first half of the warm-up, and go on to its end.

        Opened all at once, they tend to land on one worker: the first to wake accepts the lot. Without a warm-up
        there is no other way, and wrk does the same.
        """
        warmup_ns = round(self._load.warmup_s * NS_PER_S)
        for number in range(self._load.connections):
            connection = Connection(self._groups[number % self._load.threads].append)
            self._connections.append(connection)
            self._start_anew(connection, time.monotonic_ns())
            self._turn(begin_ns + warmup_ns // 2 * (number + 1) // self._load.connections)
            if self._stopped:
                return
        self._turn(begin_ns + warmup_ns)

    # The quick path -----------------------------------------------------------------------------------------

    def _turn(self, until_ns: int) -> int:
        """Serve what epoll reports until the time has come; return when that was."""
        poll, clock, by_fd, heads = self._epoll.poll, time.monotonic_ns, self._by_fd, self._heads.by_bytes
        request, request_size, timeout_ns = self._request, len(self._request), self._timeout_ns
        sink, discard, trunc = self._sink, DISCARD_BYTES, socket.MSG_TRUNC
        head_end, first_read = HEAD_END, FIRST_READ_BYTES
        now = chores_due = clock()
        while now < until_ns and not self._stopped:
            if now >= chores_due:
                self._do_chores(now)
                chores_due = now + self._chore_ns
            started = 0
            for fd, _ in poll((min(chores_due, until_ns) - now) / NS_PER_S):
                connection = by_fd[fd]
                left = connection.left
                if left < 0:
                    self._advance(connection)
                    continue
                try:
                    if left:
                        head = connection.head
                    else:
                        data = connection.recv(first_read)
                        known = heads.get(data[: data.find(head_end) + 4])
                        if known is None or len(data) > known.total_bytes:
                            self._read(connection, data)
                            continue
                        head = connection.head = known
                        left = connection.left = head.total_bytes - len(data)
                    if left:
                        # One byte more than the body has: a surplus shows at once.
                        got = connection.recv_into(sink, left + 1 if left < discard else discard, trunc)
                        if not got:
                            self._fail_read(connection)
                            continue
                        left = connection.left = left - got
                        if left:
                            if left < 0:
                                self._fail_protocol(connection)
                            continue
                except BlockingIOError:
                    continue
                except OSError:
                    self._fail_read(connection)
                    continue
                now = clock()
                latency = now - connection.started_ns
                if latency > timeout_ns:
                    self._time_out(connection, now)
                    continue
                head.hits += 1
                connection.record(latency)
                connection.started_ns = now
                started += 1
                try:
                    sent = connection.send(request)
                except BlockingIOError:
                    sent = 0
                except OSError:
                    self._fail_write(connection)
                    continue
                if sent != request_size:
                    self._send_later(connection, request[sent:])
            self._tally.started += started
            now = clock()
        return now

    # The careful path ---------------------------------------------------------------------------------------

    def _advance(self, connection: Connection) -> None:
        """The socket of a connection off the quick path is ready: do what it was waiting for."""
        if connection.left == CONNECTING:
            if connection.connect_error():
                self._fail_connect(connection)
            else:
                self._epoll.modify(connection.fd, select.EPOLLIN)
                self._send(connection, self._request)
        elif connection.left == SENDING:
            self._epoll.modify(connection.fd, select.EPOLLIN)
            self._send(connection, connection.unsent)
        else:
            try:
                data = connection.recv(READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                self._fail_read(connection)
                return
            self._read(connection, data)

    def _read(self, connection: Connection, data: bytes) -> None:
        """Follow the response with a reader; back to the quick path as soon as only a body is left to skip."""
        reader = connection.reader or ResponseReader(self._load.method, hashing=False)
        try:
            complete = reader.feed(data) if data else reader.end()
        except ProtocolError:
            self._fail_protocol(connection)
            return
        if complete and reader.head:
            self._complete(connection, reader, reader.head)
        elif not data:
            self._fail_read(connection)
        elif reader.head and reader.head.tells_all and not reader.hashing and reader.began_with_head:
            connection.head, connection.left = self._known(reader.head), reader.body_left
            connection.reader = None
        else:
            connection.left, connection.reader = READING, reader

    def _complete(self, connection: Connection, reader: ResponseReader, head: Head) -> None:
        """Count the response, and go on with the next request, on a new connection if this one ends here."""
        now_ns = time.monotonic_ns()
        latency_ns = now_ns - connection.started_ns
        if latency_ns > self._timeout_ns:
            self._time_out(connection, now_ns)
            return
        connection.record(latency_ns)
        body_is_bad = head.body_kind is not BodyKind.NONE and reader.body_sha256 != self._load.expect_body_sha256
        self._tally.serve(head, reader.received_bytes, body_is_bad=reader.hashing and body_is_bad)
        if not head.keep_alive or head.body_kind is BodyKind.UNTIL_CLOSE:
            self._start_anew(connection, now_ns)
            return
        if head.tells_all:
            self._known(head)
        connection.reader = None
        connection.started_ns = now_ns
        self._tally.started += 1
        self._send(connection, self._request)

    def _send(self, connection: Connection, data: bytes) -> None:
        try:
            sent = connection.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._fail_write(connection)
            return
        if sent < len(data):
            self._send_later(connection, data[sent:])
        else:
            connection.left = READING if connection.reader else AWAITING

    def _send_later(self, connection: Connection, unsent: bytes) -> None:
        connection.unsent, connection.left = unsent, SENDING
        self._epoll.modify(connection.fd, select.EPOLLOUT)

    def _start_anew(self, connection: Connection, now_ns: int) -> None:
        """Begin a request on a new connection, whose first response is read in full and checked."""
        self._by_fd.pop(connection.fd, None)
        connection.close()
        connection.started_ns = now_ns
        self._tally.started += 1
        try:
            connection.open(self._family, self._address)
        except OSError:
            self._fail_connect(connection)
            return
        self._check(connection)
        self._by_fd[connection.fd] = connection
        self._epoll.register(connection.fd, select.EPOLLOUT)

    def _check(self, connection: Connection) -> None:
        connection.reader = ResponseReader(self._load.method, hashing=self._load.expect_body_sha256 is not None)

    def _known(self, head: Head) -> Head:
        """The cache's own copy of the head, so that every response that began with it is counted in one place."""
        known = self._heads.by_bytes.get(head.raw)
        if known is None:
            if self._heads.full:
                self._tally.collect(self._heads.by_bytes.values())
                self._heads.forget(connection.head for connection in self._connections if connection.left > 0)
            self._heads.add(head)
            known = head
        return known

    # The four ways to fail, and time ------------------------------------------------------------------------

    def _fail_connect(self, connection: Connection) -> None:
        """Count it, and leave the connection to the next chores: a dead server is not to be hammered."""
        self._tally.connect += 1
        self._by_fd.pop(connection.fd, None)
        connection.close()

    def _fail_read(self, connection: Connection) -> None:
        self._tally.read += 1
        self._start_anew(connection, time.monotonic_ns())

    def _fail_write(self, connection: Connection) -> None:
        self._tally.write += 1
        self._start_anew(connection, time.monotonic_ns())

    def _fail_protocol(self, connection: Connection) -> None:
        self._tally.protocol += 1
        self._start_anew(connection, time.monotonic_ns())

    def _time_out(self, connection: Connection, now_ns: int) -> None:
        """Keep how long it had waited as a latency of at least that, and replace the connection."""
        self._tally.timed_out += 1
        self._window.late.append(now_ns - connection.started_ns)
        self._start_anew(connection, now_ns)

    # Between the batches ------------------------------------------------------------------------------------

    def _do_chores(self, now_ns: int) -> None:
        """What need not be done per response: time-outs, retries, samples, and one connection to be checked."""
        self._stopped = self._stop_asked()
        for connection in self._connections:
            if connection.left == WAITING:
                self._start_anew(connection, now_ns)
            elif now_ns - connection.started_ns > self._timeout_ns:
                self._time_out(connection, now_ns)
        self._check_next = (self._check_next + 1) % len(self._connections)
        chosen = self._connections[self._check_next]
        if chosen.left == AWAITING:
            self._check(chosen)
            chosen.left = READING
        self._window.sample(now_ns)
        if self._window.second_is_over(now_ns):
            self._emit(self._window.end_second(now_ns, self._errors()))

    def _errors(self) -> int:
        self._tally.collect(self._heads.by_bytes.values())
        return self._tally.errors().total

    def _open_window(self) -> int:
        """Forget the warm-up; the requests in flight are the first of the window. Returns when it began (ns)."""
        self._tally.collect(self._heads.by_bytes.values())
        self._tally = Tally(started=self._in_flight())
        begin_ns = time.monotonic_ns()
        self._window = Window(self._groups, begin_ns)
        return begin_ns

    def _close_window(self, end_ns: int, cpu_s: float) -> LoadResult:
        self._window.sample(end_ns)
        self._window.end_second(end_ns, self._errors())
        tally, load, duration_s = self._tally, self._load, (end_ns - self._window.begin_ns) / NS_PER_S
        return LoadResult(
            url=load.url,
            threads=load.threads,
            connections=load.connections,
            started=tally.started,
            requests=tally.completed,
            ok=tally.ok,
            errors=tally.errors(),
            unfinished=self._in_flight(),
            asked_duration_s=load.duration_s,
            duration_s=duration_s,
            requests_per_s=tally.completed / duration_s,
            bytes=tally.bytes,
            bytes_per_s=tally.bytes / duration_s,
            latency_ms=self._window.histogram.summary(),
            group_requests_per_s=self._window.group_rates(),
            statuses=dict(sorted(tally.statuses.items())),
            workers=dict(sorted(tally.workers.items())),
            generator_cpu_s=cpu_s,
            series=self._window.series,
            histogram=self._window.histogram.encode(),
        )

    def _in_flight(self) -> int:
        return sum(connection.left != WAITING for connection in self._connections)


def _resolve(load: Load) -> tuple[socket.AddressFamily, tuple[str, int]]:
    """The first address of the host. Raises OSError when the name is not known."""
    family, _, _, _, address = socket.getaddrinfo(load.host, load.port, type=socket.SOCK_STREAM)[0]
    return family, (str(address[0]), int(address[1]))


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
