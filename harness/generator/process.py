"""The generator as seen from the process that uses it: started, read from, stopped."""

import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import repeat
from multiprocessing import Pipe
from multiprocessing.connection import wait
from types import TracebackType
from typing import Final, Self

from pydantic import BaseModel

from harness.errors import HarnessError
from harness.generator.merge import Collector
from harness.generator.messages import (
    PART_EVENTS,
    Begin,
    Order,
    PartEvent,
    PartSlice,
    Paused,
    ProcessResult,
    Reopen,
    RunSlice,
    WarmUp,
)
from harness.generator.slices import MeasuredSlice, join_slices
from harness.load.result import Event, LoadResult, Second
from harness.load.spec import Load
from harness.machine.helpers import EXCHANGE_S, end_process, limit_exchanges
from harness.units import NS_PER_MS

SLACK_S: Final = 20.0  # that starting, a last batch and the result may take beyond warm-up and window
HEAD_START_NS: Final = 20 * NS_PER_MS  # from sending Begin to the processes until they begin, all at once
SPARE_DESCRIPTORS: Final = 64  # that a process needs beside its connections
ONE_THREAD: Final = {
    "OPENBLAS_NUM_THREADS": "1"
}  # more would spin on the server's cores for 0.1 s as NumPy is imported


class GeneratorError(HarnessError):
    """The generator ended without a result, sent nothing for too long, or can't hold that many connections."""


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


class Generator:
    """One or more processes that generate one load. They are started at construction, and begin with :meth:`begin`.

    The kernel ends the processes with the thread that started them, which therefore must live as long, as the main
    thread does. Starting takes a few tenths of a second (imports), during which the caller can do other work. With
    ``cpus``, each process is pinned to one of them, in turn. Leaving the context ends the processes.
    """

    def __init__(self, processes: int = 1, cpus: Sequence[int] = ()) -> None:
        self._cpus = [cpus[index % len(cpus)] for index in range(processes)] if cpus else []
        self._processes: list[_Process] = []
        self._load: Load | None = None
        try:
            for cpu in self._cpus or repeat(None, processes):
                self._processes.append(_Process(cpu))
        except BaseException:
            self._end()
            raise

    def begin(self, load: Load) -> None:
        """Start the load in all processes at the same time, as soon as every one is ready. To be called once.

        Raises GeneratorError when a process does not become ready, and ValueError when the load can't be shared among
        so many processes.
        """
        self._load_up(load)
        self._order(Begin(at_ns=time.monotonic_ns() + HEAD_START_NS))

    def warm_up(self, load: Load) -> Iterator[Event | None]:
        """Start the load, which is to pause after its warm-up and to go on in slices. To be called once, instead of
        :meth:`begin`. Yield the events until it pauses, None whenever nothing came for a second.

        Raises GeneratorError when a process does not become ready or ends, and ValueError when the load can't be shared
        among so many processes.
        """
        self._load_up(load)
        self._order(WarmUp(at_ns=time.monotonic_ns() + HEAD_START_NS))
        return self._merge(self._receive_until(Paused))

    def reopen(self) -> int:
        """Have the connections opened again that the server has closed in the pause; return how many there were.

        Raises GeneratorError when a process ends.
        """
        self._order(Reopen(at_ns=time.monotonic_ns()))
        received = [each[1] for each in self._receive_until(Paused) if each]
        return sum(event.opened for event in received if isinstance(event, Paused))

    def run_slice(self, duration_s: float) -> MeasuredSlice:
        """Measure one slice and return it. Raises GeneratorError when a process ends, or is silent for longer than it
        can be busy."""
        head_start_ns = HEAD_START_NS if len(self._processes) > 1 else 0
        self._order(RunSlice(at_ns=time.monotonic_ns() + head_start_ns, duration_s=duration_s))
        received = [each for each in self._receive_until(PartSlice) if each]
        parts = {index: event for index, event in received if isinstance(event, PartSlice)}
        seconds = [event for event in self._merge(iter(received)) if isinstance(event, Second)]
        return MeasuredSlice.of([parts[index] for index in sorted(parts)], seconds)

    def join(self, slices: Sequence[MeasuredSlice]) -> LoadResult:
        """Return the result of all slices (at least one) together."""
        assert self._load is not None, "warm_up comes first"
        return join_slices(self._load, slices, self._cpus)

    def _load_up(self, load: Load) -> None:
        """Hand each process its share of the load, and wait until all are ready."""
        _check_descriptors(load, len(self._processes))
        self._load = load
        for process, share in zip(self._processes, load.shares(len(self._processes)), strict=True):
            process.send(share.model_dump_json().encode())
        for process in self._processes:
            if not process.pipe.poll(SLACK_S):
                raise GeneratorError(f"the generator was not ready after {SLACK_S:.0f} s")
            process.receive()

    def _order(self, order: Order) -> None:
        for process in self._processes:
            process.send(order.model_dump_json().encode())

    @property
    def pids(self) -> list[int]:
        """The process ids of the generator."""
        return [process.popen.pid for process in self._processes]

    def events(self, patience_s: float = 1.0) -> Iterator[Event | None]:
        """Yield the events of the generator, the LoadResult last; None whenever nothing came for ``patience_s``.

        Raises GeneratorError when a process ends without its result, or is silent for longer than it can be busy.
        """
        return self._merge(self._receive_until(ProcessResult, patience_s))

    def _merge(self, received: Iterator[tuple[int, PartEvent] | None]) -> Iterator[Event | None]:
        """Yield each event once every process has sent its part."""
        assert self._load is not None, "begin comes first"
        collector = Collector(self._load, len(self._processes), self._cpus)
        for each in received:
            if each is None:
                yield None
            else:
                yield from collector.take(*each)

    def _receive_until(self, last: type[BaseModel], patience_s: float = 1.0) -> Iterator[tuple[int, PartEvent] | None]:
        """Yield what the processes send, each with its index, until every one has sent its ``last`` event."""
        assert self._load is not None, "begin comes first"
        silent_s, most_s = 0.0, self._load.warmup_s + SLACK_S
        pipes = {process.pipe: index for index, process in enumerate(self._processes)}
        while pipes:
            if ready := wait(list(pipes), patience_s):
                silent_s = 0.0
                for pipe in ready:
                    index = pipes[pipe]  # type: ignore[index]  # wait returns what it was given
                    event = self._processes[index].receive()
                    if isinstance(event, last):
                        del pipes[pipe]  # type: ignore[arg-type]
                    yield index, event
            else:
                silent_s += patience_s
                if silent_s > most_s:
                    raise GeneratorError(f"the generator told nothing for {silent_s:.0f} s")
                yield None

    def result(self) -> LoadResult:
        """Wait for the end and return the result; the other events are discarded. Raises GeneratorError."""
        for event in self.events():
            if isinstance(event, LoadResult):
                return event
        raise GeneratorError("the generator ended without a result")

    def stop(self) -> None:
        """Ask the generator to end the window now. The events go on until the result."""
        for process in self._processes:
            process.send(b"stop")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        for process in self._processes:
            process.end()


def _advise_processes(load: Load, connections_each: int) -> str:
    """Return what to do if a process can have so many connections."""
    if connections_each < 1:
        return "allow more"
    return f"allow more, or give it {math.ceil(load.connections / connections_each)} processes"


def _check_descriptors(load: Load, processes: int) -> None:
    """Raise GeneratorError when the system does not allow as many open files as the load needs."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = max(share.connections for share in load.shares(processes)) + SPARE_DESCRIPTORS
    if most != resource.RLIM_INFINITY and needed > most:
        raise GeneratorError(
            f"{load.connections} connections need {needed} open files in a process, and the system allows {most}"
            f" (ulimit -Hn): {_advise_processes(load, most - SPARE_DESCRIPTORS)}"
        )
