"""The events of a trial: each is carried out at its time in the measured window, while the load goes on."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.record import EventRecord
from harness.scenario.event import Event
from harness.server.launch import Server, build_environment
from harness.server.process_tree import ProcessTree
from harness.server.service import UpService, common_values, fill_all, run_command, values_of
from harness.server.supervised import ServerError


class EventRunner:
    """The events of one trial, carried out one after the other in a thread of their own once :meth:`begin` is called.

    ``records`` are those that were carried out so far.
    """

    def __init__(
        self,
        events: Sequence[Event],
        server: Server,
        process_tree: ProcessTree,
        services: Sequence[UpService],
        topology: str,
        log: Path,
    ) -> None:
        self.records: list[EventRecord] = []
        self._events = sorted(events, key=lambda event: event.at_s)
        self._server, self._process_tree, self._services = server, process_tree, services
        self._topology, self._log = topology, log
        self._killed: set[int] = set()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._failure: str | None = None
        self._has_begun = False

    @property
    def has_begun(self) -> bool:
        """True once an event was due, after which the server may be gone for a while, or for good."""
        return self._has_begun

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Carry them out from now on. Raises ServerError on leaving where one failed, or was held up by those before
        it."""
        self._began_s = time.monotonic()
        self._thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            self._thread.join()
        if self._failure is not None:
            raise ServerError(self._failure)
        if late := self._events[len(self.records) :]:
            raise ServerError(f"event {late[0].what}: the window was over before those before it were")

    def _run(self) -> None:
        for event in self._events:
            if self._is_over.wait(max(0.0, self._began_s + event.at_s - time.monotonic())):
                return
            at_s = time.monotonic() - self._began_s
            self._has_begun = True
            self._process_tree.note_event()
            try:
                what = self._carry_out(event)
            except (ServerError, OSError) as error:
                self._failure = f"event {event.what}: {error}"
                return
            self.records.append(EventRecord(at_s=at_s, took_s=time.monotonic() - self._began_s - at_s, what=what))

    def _carry_out(self, event: Event) -> str:
        """Carry out the event, and return what was done. Raises ServerError and OSError."""
        if event.signal is not None:
            os.kill(self._launched_pid(), signal.Signals[f"SIG{event.signal}"])
            return f"SIG{event.signal} to process {self._launched_pid()}"
        if event.kill is not None:
            pid = self._choose_victim(event.kill)
            os.kill(pid, signal.SIGKILL)
            return f"SIGKILL to {event.kill} {pid}"
        if event.stop is not None:
            self._stop_service(event.stop)
            return f"{event.stop} was stopped"
        return self._run_command(event)

    def _launched_pid(self) -> int:
        pid = self._server.main_pid
        if pid is None:
            raise ServerError("no process was launched, or it has ended")
        return pid

    def _choose_victim(self, role: str) -> int:
        """Return a process of the role, of those that are there and were not killed before."""
        there = (process.pid for process in self._process_tree.list_alive() if process.role == role)
        pid = next((pid for pid in there if pid not in self._killed), None)
        if pid is None:
            raise ServerError(f"the server has no {role}, or no more of them")
        self._killed.add(pid)
        return pid

    def _stop_service(self, name: str) -> None:
        service = next((each for each in self._services if each.name == name), None)
        if service is None or service.process is None:
            raise ServerError(f"{name} was not started by the harness")
        service.process.stop()

    def _run_command(self, event: Event) -> str:
        target = self._server.target
        values = {
            **common_values(),
            **values_of(self._services),
            "host": target.host,
            "port": str(target.port),
            "pid": str(self._launched_pid()),
            "topology": self._topology,
        }
        words = fill_all(event.run, values)
        run_command("run", words, build_environment(()), os.getcwd(), self._log, event.timeout_s)
        return " ".join(event.run)
