"""A server that is stopped now and then, with all that is in flight, and goes on where it was."""

import contextlib
import errno
import os
import signal
from collections.abc import Iterator, Sequence
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
    """

    def __init__(self, pids: Sequence[int], cores: Sequence[int]) -> None:
        self._cores = cores
        self._processes = list(_open_processes(pids))

    def stop(self) -> None:
        """Stop all processes, supervisors before their workers, of whose stop they are told (SIGCHLD)."""
        self._send(signal.SIGSTOP, list(reversed(self._processes)))

    def resume(self) -> None:
        """Have all processes go on."""
        first = [
            (process, core)
            for number, process in enumerate(self._processes)
            if (core := self._cores[number % len(self._cores)]) in process.cores
        ]
        for process, core in first:
            _allow(process, {core})
        self._send(signal.SIGCONT, list(self._processes))
        for process, _ in first:
            _allow(process, process.cores)

    def _send(self, signum: signal.Signals, processes: Sequence[_PausedProcess]) -> None:
        for process in processes:
            try:
                signal.pidfd_send_signal(process.fd, signum)
            except ProcessLookupError:
                self._processes.remove(process)
                os.close(process.fd)
            except PermissionError as error:
                raise ServerError(f"process {process.pid} of another user can't be stopped between turns") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.resume()
        finally:
            while self._processes:
                os.close(self._processes.pop().fd)


def _open_processes(pids: Sequence[int]) -> Iterator[_PausedProcess]:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # it has ended
            yield _PausedProcess(pid, _open_descriptor(pid), frozenset(os.sched_getaffinity(pid)))


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
