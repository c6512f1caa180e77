"""A server that is stopped between its turns: it does nothing meanwhile, and is left as it was."""

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psutil
import pytest

from harness.server.stopped import StoppedServer
from harness.server.supervised import ServerError
from tests.server.polling import wait_until

CORES: Final = tuple(sorted(os.sched_getaffinity(0)))
SPINS: Final = "while True: pass"


@contextmanager
def spinning() -> Iterator[psutil.Popen]:
    with psutil.Popen([sys.executable, "-c", SPINS], stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def test_a_stopped_server_uses_no_time_and_goes_on_where_it_may_run() -> None:
    with spinning() as process, StoppedServer([process.pid], CORES) as server:
        allowed = os.sched_getaffinity(process.pid)
        server.stop()
        wait_until(lambda: process.status() == psutil.STATUS_STOPPED, "it to be stopped")
        used = process.cpu_times()
        time.sleep(0.05)
        assert process.cpu_times() == used
        server.resume()
        wait_until(lambda: process.status() != psutil.STATUS_STOPPED, "it to go on")
        assert os.sched_getaffinity(process.pid) == allowed
        wait_until(lambda: process.cpu_times() != used, "it to work")


def test_in_the_end_it_goes_on() -> None:
    with spinning() as process:
        files = len(os.listdir("/proc/self/fd"))
        with StoppedServer([process.pid], CORES) as server:
            server.stop()
            wait_until(lambda: process.status() == psutil.STATUS_STOPPED, "it to be stopped")
        wait_until(lambda: process.status() != psutil.STATUS_STOPPED, "it to go on")
        assert len(os.listdir("/proc/self/fd")) == files


def test_it_always_goes_on_on_the_same_core_within_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, set[int]]] = []
    with spinning() as process:
        monkeypatch.setattr(os, "sched_setaffinity", lambda pid, cores: asked.append((pid, set(cores))))
        StoppedServer([process.pid], [CORES[-1]]).resume()
        assert asked == [(process.pid, {CORES[-1]}), (process.pid, set(CORES))]
        asked.clear()
        StoppedServer([process.pid], [max(CORES) + 1]).resume()  # one on which it may not run
        assert asked == []


def test_a_process_that_has_ended_is_left_out_whoever_has_its_id_now() -> None:
    with spinning() as process, StoppedServer([process.pid], CORES) as server:
        process.kill()
        process.wait()
        server.stop()
        server.resume()
    with StoppedServer([process.pid], CORES) as nobody:
        nobody.stop()


def refuse(*_: object) -> None:
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


def test_one_of_another_user_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with spinning() as process:
        files = len(os.listdir("/proc/self/fd"))
        monkeypatch.setattr(signal, "pidfd_send_signal", refuse)
        with (
            pytest.raises(ServerError, match=f"process {process.pid} of another user can't be stopped between turns"),
            StoppedServer([process.pid], CORES) as server,
        ):
            server.stop()
        monkeypatch.undo()
        assert len(os.listdir("/proc/self/fd")) == files


@pytest.mark.parametrize("error", [OSError(errno.ENOSYS, "no such call"), AttributeError("pidfd_open")])
def test_a_kernel_without_descriptors_of_processes_is_told(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(_pid: int) -> int:
        raise error

    monkeypatch.setattr(os, "pidfd_open", fail)
    with pytest.raises(ServerError, match=r"this kernel has no pidfd_open\(2\)"):
        StoppedServer([os.getpid()], CORES)


def test_another_error_is_not_taken_for_an_old_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_pid: int) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(os, "pidfd_open", fail)
    with pytest.raises(OSError, match="Too many open files"):
        StoppedServer([os.getpid()], CORES)


def test_what_was_opened_is_closed_where_another_process_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    files, open_descriptor = len(os.listdir("/proc/self/fd")), os.pidfd_open

    def fail_for_the_second(pid: int) -> int:
        if pid != os.getpid():
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return open_descriptor(pid)

    monkeypatch.setattr(os, "pidfd_open", fail_for_the_second)
    with pytest.raises(OSError, match="Too many open files"):
        StoppedServer([os.getpid(), os.getppid()], CORES)
    assert len(os.listdir("/proc/self/fd")) == files


def is_stopped(process: psutil.Popen) -> bool:
    return bool(process.status() == psutil.STATUS_STOPPED)


def test_an_idle_process_stays_stopped_until_another_one_ends() -> None:
    with (
        spinning() as worker,
        spinning() as idle,
        StoppedServer([worker.pid, idle.pid], CORES, idle_pids={idle.pid}) as server,
    ):
        server.stop()
        wait_until(lambda: is_stopped(worker) and is_stopped(idle), "both to be stopped")
        server.resume()
        wait_until(lambda: not is_stopped(worker), "the worker to go on")
        assert is_stopped(idle)
        worker.kill()
        wait_until(lambda: worker.status() == psutil.STATUS_ZOMBIE, "the worker to end")
        server.stop()
        server.resume()
        wait_until(lambda: not is_stopped(idle), "the other to go on")
        worker.wait()  # who has ended is forgotten, and the other takes turns
        server.stop()
        wait_until(lambda: is_stopped(idle), "the other to be stopped")


def test_in_the_end_an_idle_process_goes_on() -> None:
    with spinning() as idle:
        files = len(os.listdir("/proc/self/fd"))
        with StoppedServer([idle.pid], CORES, idle_pids={idle.pid}) as server:
            server.stop()
            wait_until(lambda: is_stopped(idle), "it to be stopped")
        wait_until(lambda: not is_stopped(idle), "it to go on")
        assert len(os.listdir("/proc/self/fd")) == files


def test_the_time_of_a_turn_is_that_of_its_processes_on_average(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first to go on keeps this thread from the second for 400 ns, and is stopped as much later."""
    with spinning() as first, spinning() as second, StoppedServer([first.pid, second.pid], CORES) as server:
        times_ns = iter([1000, 1400, 6000, 6800])
        monkeypatch.setattr(time, "monotonic_ns", lambda: next(times_ns))
        resumed_ns, stopped_ns = server.resume(), server.stop()
        monkeypatch.undo()
    assert (resumed_ns, stopped_ns) == (1200, 6400)


def test_supervisors_are_stopped_before_their_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    with spinning() as worker, spinning() as supervisor, StoppedServer([worker.pid, supervisor.pid], CORES) as server:
        monkeypatch.setattr(signal, "pidfd_send_signal", lambda fd, signum: sent.append((fd, signum)))
        server.stop()
        server.resume()
        monkeypatch.undo()
    (first, _), (second, _), (third, _), (fourth, _) = sent
    assert [signum for _, signum in sent] == [signal.SIGSTOP, signal.SIGSTOP, signal.SIGCONT, signal.SIGCONT]
    assert (first, second) == (fourth, third)
