"""The generator seen from the process that asks for it: started, listened to, stopped."""

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

from harness.errors import HarnessError
from harness.generator.merge import Collector
from harness.generator.messages import PART_EVENTS, Begin, PartEvent, ProcessResult
from harness.load.result import Event, LoadResult
from harness.load.spec import Load
from harness.machine.helpers import EXCHANGE_S, end_process, limit_exchanges
from harness.units import NS_PER_MS

SLACK_S: Final = 20.0  # what starting, a last batch and the result may take beyond warm-up and window
HEAD_START_NS: Final = 20 * NS_PER_MS  # from telling the processes to begin until they do, all at once
SPARE_DESCRIPTORS: Final = 64  # what a process needs beside its connections
ONE_THREAD: Final = {"OPENBLAS_NUM_THREADS": "1"}  # or those on the server's cores spin for 0.1 s as NumPy is imported


class GeneratorError(HarnessError):
    """The generator ended without a result, or told nothing for too long, or can't hold that many connections."""


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

    def tell(self, message: bytes) -> None:
        """Raises GeneratorError when it takes nothing."""
        try:
            self.pipe.send_bytes(message)
        except BrokenPipeError:  # it has ended already: what it tells says why
            pass
        except BlockingIOError as error:
            raise GeneratorError(f"the generator took nothing for {EXCHANGE_S:.0f} s") from error

    def told(self) -> PartEvent:
        """The next event. Raises GeneratorError when there will be none."""
        try:
            return PART_EVENTS.validate_json(self.pipe.recv_bytes())
        except BlockingIOError as error:
            raise GeneratorError(f"the generator stopped in the midst of a message for {EXCHANGE_S:.0f} s") from error
        except (EOFError, ConnectionResetError):
            end_process(self.popen, EXCHANGE_S)
            lines = self._said()
            why = lines[-1] if lines else f"exit code {self.popen.returncode}"
            raise GeneratorError(f"the generator ended: {why}") from None

    def _said(self) -> list[str]:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip().splitlines()

    def end(self) -> None:
        end_process(self.popen)
        self._errors.close()
        self.pipe.close()


class Generator:
    """One or more processes that generate one load: started at construction, at work from :meth:`begin` on.

    The kernel ends them with the thread that started them: start it from one that lives as long, such as the main
    one. Starting takes a few tenths of a second (imports), which a caller can let pass beside other work. With
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
        """Offer the load as soon as every process is ready, all at once. Once in a generator's life.

        Raises GeneratorError when a process can't be made ready, and ValueError when the load can't be dealt to them.
        """
        _check_descriptors(load, len(self._processes))
        self._load = load
        for process, share in zip(self._processes, load.shares(len(self._processes)), strict=True):
            process.tell(share.model_dump_json().encode())
        for process in self._processes:
            if not process.pipe.poll(SLACK_S):
                raise GeneratorError(f"the generator was not ready after {SLACK_S:.0f} s")
            process.told()
        begin = Begin(at_ns=time.monotonic_ns() + HEAD_START_NS)
        for process in self._processes:
            process.tell(begin.model_dump_json().encode())

    @property
    def pids(self) -> list[int]:
        """The process ids of the generator."""
        return [process.popen.pid for process in self._processes]

    def events(self, patience_s: float = 1.0) -> Iterator[Event | None]:
        """What the generator tells, the LoadResult last; None whenever it told nothing for ``patience_s``.

        Raises GeneratorError when a process ended without its part or stayed silent for longer than it can be busy.
        """
        assert self._load is not None, "begin comes first"
        collector = Collector(self._load, len(self._processes), self._cpus)
        silent_s, most_s = 0.0, self._load.warmup_s + SLACK_S
        pipes = {process.pipe: index for index, process in enumerate(self._processes)}
        while pipes:
            if ready := wait(list(pipes), patience_s):
                silent_s = 0.0
                for pipe in ready:
                    index = pipes[pipe]  # type: ignore[index]  # wait returns what it was given
                    told = self._processes[index].told()
                    if isinstance(told, ProcessResult):
                        del pipes[pipe]  # type: ignore[arg-type]
                    yield from collector.take(index, told)
            else:
                silent_s += patience_s
                if silent_s > most_s:
                    raise GeneratorError(f"the generator told nothing for {silent_s:.0f} s")
                yield None

    def result(self) -> LoadResult:
        """Wait for the end and return the result; the other events are passed over. Raises GeneratorError."""
        for event in self.events():
            if isinstance(event, LoadResult):
                return event
        raise GeneratorError("the generator ended without a result")

    def stop(self) -> None:
        """Ask it to end the window now; the events go on until the result."""
        for process in self._processes:
            process.tell(b"stop")

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
    """What to do where a process can have so many connections."""
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
