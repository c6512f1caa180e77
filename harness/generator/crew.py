"""The processes that generate one load together: started, given their shares, ordered, read from, ended."""

import math
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import repeat
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Final, Protocol

from harness.errors import HarnessError
from harness.generator.messages import PART_EVENTS, Order, PartEvent, ProcessResult, is_last
from harness.load.result import GeneratorHost
from harness.load.spec import Load
from harness.machine.helpers import EXCHANGE_S, end_process, limit_exchanges
from harness.units import NS_PER_MS

START_S: Final = 20.0  # that a process may take until it is ready
HEAD_START_NS: Final = 20 * NS_PER_MS  # from an order to the processes until they carry it out, all at once
SPARE_DESCRIPTORS: Final = 64  # that a process needs beside its connections
ONE_THREAD: Final = {
    "OPENBLAS_NUM_THREADS": "1"
}  # more would spin on the server's cores for 0.1 s as NumPy is imported


class GeneratorError(HarnessError):
    """The generator ended without a result, sent nothing for too long, or can't hold that many connections."""


class Crew(Protocol):
    """The processes that generate one load together, on this machine or on others.

    ``parts`` is the number of parts in which every event comes. ``cpus`` are the cores of this machine to which the
    processes are pinned. ``head_start_ns`` is how long an order has to be sent before its time.
    """

    @property
    def parts(self) -> int:
        """The number of parts of an event."""

    @property
    def cpus(self) -> Sequence[int]:
        """The cores of this machine to which the processes are pinned."""

    @property
    def head_start_ns(self) -> int:
        """The time by which an order has to be sent before it is carried out, by all at once."""

    @property
    def pids(self) -> Sequence[int]:
        """The ids of the processes on this machine."""

    @property
    def is_done(self) -> bool:
        """True once each has sent the last event of the order."""

    def hand_out(self, load: Load) -> None:
        """Hand each its share of the load, and wait until all are ready. Raises GeneratorError and ValueError."""

    def order(self, order: Order) -> None:
        """Send all an order, for a time of this machine's monotonic clock. Raises GeneratorError."""

    def receive(self, patience_s: float) -> Sequence[tuple[int, PartEvent]]:
        """Return the events that have come, each with the index of its part; none where nothing came for so long.
        Raises GeneratorError when there will be none."""

    def stop(self) -> None:
        """Ask them to end the window now."""

    def describe_hosts(self, parts: Sequence[ProcessResult]) -> list[GeneratorHost]:
        """Return what each of the other machines did; empty where there are none. Raises GeneratorError."""

    def end(self) -> None:
        """End the processes."""


class LocalCrew:
    """The processes of this machine, each a part. With ``cpus``, each is pinned to one of them, in turn.

    The kernel ends the processes with the thread that started them, which therefore must live as long, as the main
    thread does. Starting takes a few tenths of a second (imports), during which the caller can do other work.
    """

    def __init__(self, processes: int, cpus: Sequence[int] = ()) -> None:
        self.cpus = [cpus[index % len(cpus)] for index in range(processes)] if cpus else []
        self._processes: list[_Process] = []
        self._order: Order | None = None
        self._awaited: dict[Connection, int] = {}
        try:
            for cpu in self.cpus or repeat(None, processes):
                self._processes.append(_Process(cpu))
        except BaseException:
            self.end()
            raise

    @property
    def parts(self) -> int:
        """The number of processes."""
        return len(self._processes)

    @property
    def head_start_ns(self) -> int:
        """The time by which an order has to be sent before it is carried out; none where there is one process."""
        return HEAD_START_NS if self.parts > 1 else 0

    @property
    def pids(self) -> list[int]:
        """The ids of the processes."""
        return [process.popen.pid for process in self._processes]

    @property
    def is_done(self) -> bool:
        """True once each process has sent the last event of the order."""
        return not self._awaited

    def hand_out(self, load: Load) -> None:
        """Hand each process its share of the load, and wait until all are ready. Raises GeneratorError, and ValueError
        when the load can't be shared among so many processes."""
        self.hand_out_shares(load.shares(self.parts), load.connections)

    def hand_out_shares(self, shares: Sequence[Load], connections: int) -> None:
        """Hand each process its share of a load of so many connections, and wait until all are ready. Raises
        GeneratorError."""
        _check_descriptors(shares, connections)
        for process, share in zip(self._processes, shares, strict=True):
            process.send(share.model_dump_json().encode())
        for process in self._processes:
            if not process.pipe.poll(START_S):
                raise GeneratorError(f"the generator was not ready after {START_S:.0f} s")
            process.receive()

    def order(self, order: Order) -> None:
        """Send all processes an order. Raises GeneratorError."""
        self._order = order
        self._awaited = {process.pipe: index for index, process in enumerate(self._processes)}
        for process in self._processes:
            process.send(order.model_dump_json().encode())

    def receive(self, patience_s: float) -> Sequence[tuple[int, PartEvent]]:
        """Return the next event of each process that has sent one; none where nothing came for so long. Raises
        GeneratorError when a process ends before its last event."""
        assert self._order is not None, "an order comes first"
        received = []
        for pipe in wait(list(self._awaited), patience_s):
            index = self._awaited[pipe]  # type: ignore[index]  # wait returns what it was given
            event = self._processes[index].receive()
            if is_last(self._order, event):
                del self._awaited[pipe]  # type: ignore[arg-type]
            received.append((index, event))
        return received

    def stop(self) -> None:
        """Ask the processes to end the window now. The events go on until the last."""
        for process in self._processes:
            process.send(b"stop")

    def describe_hosts(self, parts: Sequence[ProcessResult]) -> list[GeneratorHost]:
        """Return nothing: there is no other machine."""
        return []

    def end(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.end()


class _Process:
    """One process of the generator and the pipe to it."""

    def __init__(self, cpu: int | None) -> None:
        self.pipe, child = Pipe()
        limit_exchanges(self.pipe)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed in end)
        with child:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "harness.generator", str(child.fileno()), str(os.getpid())],
                pass_fds=[child.fileno()],
                env=os.environ | ONE_THREAD,
                stdin=subprocess.DEVNULL,
                stderr=self._errors,
                start_new_session=True,  # a Ctrl-C at the terminal is the parent's to handle
            )
        try:
            if cpu is not None:
                os.sched_setaffinity(self.popen.pid, {cpu})
        except OSError:
            self.end()
            raise

    def send(self, message: bytes) -> None:
        """Send the process a message. Raises GeneratorError when it takes nothing."""
        try:
            self.pipe.send_bytes(message)
        except BrokenPipeError:  # it has ended already: receive() raises with the reason
            pass
        except BlockingIOError as error:
            raise GeneratorError(f"the generator took nothing for {EXCHANGE_S:.0f} s") from error

    def receive(self) -> PartEvent:
        """Return the next event of the process. Raises GeneratorError when there will be none."""
        try:
            return PART_EVENTS.validate_json(self.pipe.recv_bytes())
        except BlockingIOError as error:
            raise GeneratorError(f"the generator stopped in the midst of a message for {EXCHANGE_S:.0f} s") from error
        except (EOFError, ConnectionResetError):
            end_process(self.popen, EXCHANGE_S)
            lines = self._read_errors()
            why = lines[-1] if lines else f"exit code {self.popen.returncode}"
            raise GeneratorError(f"the generator ended: {why}") from None

    def _read_errors(self) -> list[str]:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip().splitlines()

    def end(self) -> None:
        end_process(self.popen)
        self._errors.close()
        self.pipe.close()


def _advise_processes(connections: int, connections_each: int) -> str:
    """Return what to do if a process can have so many connections."""
    if connections_each < 1:
        return "allow more"
    return f"allow more, or give it {math.ceil(connections / connections_each)} processes"


def _check_descriptors(shares: Sequence[Load], connections: int) -> None:
    """Raise GeneratorError when the system does not allow as many open files as the load needs."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = max(share.connections for share in shares) + SPARE_DESCRIPTORS
    if most != resource.RLIM_INFINITY and needed > most:
        raise GeneratorError(
            f"{connections} connections need {needed} open files in a process, and the system allows {most}"
            f" (ulimit -Hn): {_advise_processes(connections, most - SPARE_DESCRIPTORS)}"
        )
