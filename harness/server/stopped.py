"""A server that is stopped now and then, with all that is in flight, and goes on where it was."""

import contextlib
import errno
import os
import select
import signal
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from harness.server.supervised import ServerError


@dataclass(frozen=True)
class _PausedProcess:
    """A process, by a descriptor that never means another one (pidfd_open(2)), and the cores on which it may run."""

    pid: int
    fd: int
    cores: frozenset[int]


class StoppedServer:
    """The processes of a server, which is stopped until it is resumed, and again. Leaving the context resumes it. Those
    that work most come first. Raises ServerError where they are another user's, or the kernel is older than Linux 5.3.

    It always goes on on the same ``cores``, as far as its processes may run there: left alone, two servers of one
    process that take turns stay on a core each, and one of the cores is slower. A process may leave that core at once.

    ``idle_pids`` are of those that only supervise others, and stay stopped until one of these has ended: they would be
    told of each stop of a worker (SIGCHLD), and take time from its next turn to look after it.
    """

    def __init__(self, pids: Sequence[int], cores: Sequence[int], idle_pids: Collection[int] = ()) -> None:
        self._cores = cores
        opened = _open_processes(pids)
        self._processes = [process for process in opened if process.pid not in idle_pids]
        self._idle = [process for process in opened if process.pid in idle_pids]
        self._ends = select.poll()
        for process in self._processes:
            self._ends.register(process.fd, select.POLLIN)  # readable when it has ended

    def stop(self) -> int:
        """Stop all processes, supervisors before their workers, of whose stop they are told (SIGCHLD). Return when that
        was, on average over those that take turns (monotonic ns)."""
        if self._idle and not self._ends.poll(0):
            self._send(signal.SIGSTOP, list(self._idle))
        else:
            self._wake_idle()
        return self._send(signal.SIGSTOP, list(reversed(self._processes)))

    def resume(self) -> int:
        """Have all processes go on, but for idle ones. Return when that was, on average over them (monotonic ns)."""
        first = [
            (process, core)
            for number, process in enumerate(self._processes)
            if (core := self._cores[number % len(self._cores)]) in process.cores
        ]
        for process, core in first:
            _allow(process, {core})
        resumed_ns = self._send(signal.SIGCONT, list(self._processes))
        for process, _ in first:
            _allow(process, process.cores)
        return resumed_ns

    def _send(self, signum: signal.Signals, processes: Sequence[_PausedProcess]) -> int:
        """Send each of the processes a signal, and return when, on average (monotonic ns): one that goes on may take
        the core, and keep this thread from sending the next."""
        sent_ns = []
        for process in processes:
            sent_ns.append(time.monotonic_ns())
            try:
                signal.pidfd_send_signal(process.fd, signum)
            except ProcessLookupError:
                self._forget(process)
            except PermissionError as error:
                raise ServerError(f"process {process.pid} of another user can't be stopped between turns") from error
        return sum(sent_ns) // len(sent_ns) if sent_ns else time.monotonic_ns()

    def _forget(self, process: _PausedProcess) -> None:
        """Leave out a process that has ended and was waited for."""
        self._wake_idle()
        self._processes.remove(process)
        self._ends.unregister(process.fd)
        os.close(process.fd)

    def _wake_idle(self) -> None:
        """Let idle processes take turns too."""
        self._processes += self._idle
        for process in self._idle:
            self._ends.register(process.fd, select.POLLIN)
        self._idle.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._wake_idle()
            self.resume()
        finally:
            while self._processes:
                os.close(self._processes.pop().fd)


def _open_processes(pids: Iterable[int]) -> list[_PausedProcess]:
    """Open all of the processes that have not ended, or none."""
    opened = []
    with contextlib.ExitStack() as stack:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):  # it has ended
                cores = frozenset(os.sched_getaffinity(pid))
                opened.append(_PausedProcess(pid, _open_descriptor(pid), cores))
                stack.callback(os.close, opened[-1].fd)
        stack.pop_all()
    return opened


def _open_descriptor(pid: int) -> int:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError) as error:
        if getattr(error, "errno", errno.ENOSYS) not in (errno.ENOSYS, errno.EPERM):
            raise
        raise ServerError("servers can't be stopped between turns: this kernel has no pidfd_open(2)") from error


def _allow(process: _PausedProcess, cores: set[int] | frozenset[int]) -> None:
    with contextlib.suppress(OSError):  # it has ended, or its cores were changed
        os.sched_setaffinity(process.pid, cores)
