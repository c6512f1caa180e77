"""The agent: the one process of the harness on a host of a fleet. It does what its leader says, and nothing without.

What it starts lives as long as the leader is heard. When that is over, the agent ends at once, in whatever state: the
guardians of its servers, and the kernel for the processes of its generator, then end all the rest.
"""

import asyncio
import os
import queue
import secrets
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from harness.errors import HarnessError
from harness.fleet.address import check_address, get_address_host
from harness.fleet.facts import HostFacts
from harness.fleet.keys import security_of
from harness.fleet.wire import ANSWER_S, CallError, Json, RefusedError, Wire
from harness.load.spec import is_loopback

if TYPE_CHECKING:
    from harness.fleet.crew import HostCrews

LEASE_S: Final = 5.0  # without a word of the leader
LOOK_S: Final = 0.5
JOIN_S: Final = 120.0  # that there may be no leader yet
RETRY_S: Final = 0.5
INTERRUPTED: Final = "interrupted"


class _Job:
    """Something that takes the main thread a while, and the events that it has told so far."""

    def __init__(self, verb: str, order: str) -> None:
        self.verb, self.order = verb, order
        self._events: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._outcome: Json = {}

    @property
    def is_under_way(self) -> bool:
        """True from when it was begun until its outcome is known."""
        return bool(self.verb) and not self._outcome

    def emit(self, event: BaseModel) -> None:
        """Tell an event."""
        self._events.put(event.model_dump_json(by_alias=True))

    def end(self, outcome: Json) -> None:
        """Tell the outcome, after all events."""
        self._outcome = outcome
        self._events.put(None)

    def take(self, patience_s: float) -> Json:
        """Return the events that were told since the last time, and the outcome if it is over; nothing where nothing
        was told for so long."""
        told: list[str] = []
        try:
            while (event := self._events.get(timeout=0 if told else patience_s)) is not None:
                told.append(event)
        except queue.Empty:
            return {"events": told}
        return {"events": told, "outcome": self._outcome}


def _print_state(text: str) -> None:
    print(f"harness agent: {text}", file=sys.stderr, flush=True)


class Agent:
    """The agent of a host, under its name in the fleet file. It takes calls from its leader alone, and from the agents
    to which that has given its token."""

    def __init__(self, name: str, leader: str, address: str, keys: Path | None) -> None:
        check_address(leader, is_encrypted=keys is not None)
        if keys is None and (far := [each for each in (get_address_host(leader), address) if not is_loopback(each)]):
            raise CallError(f"expected --keys, since {far[0]} is not this machine")
        self._name, self._leader, self._address = name, leader, address
        self._wire = Wire(security_of(keys, "agent"))
        self._token = secrets.token_hex(32)
        self._heard_s = time.monotonic()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._job = _Job("", "")
        self._crews: HostCrews | None = None
        self._crew_thread = ThreadPoolExecutor(1, "crew")
        self._waiting = ThreadPoolExecutor(4, "waiting")

    def run(self) -> None:
        """Join the leader's fleet, and do what it says until it ends it. To be called by the main thread, with which
        the processes of a generator would end. Raises CallError where the leader refuses, or can't be reached."""
        with self._wire:
            contact = self._wire.listen(self._address, 0, self._take)
            facts = HostFacts.gather(self._name).model_dump_json()
            self._join(contact=contact, secret=self._token, facts=facts)
            self._heard_s = time.monotonic()
            threading.Thread(target=self._keep_lease, name="lease", daemon=True).start()
            try:
                self._work()
            finally:
                self._crew_thread.submit(self._end_crews).result()

    def _join(self, **arguments: str) -> None:
        """Join the leader's fleet, as soon as there is a leader. Raises CallError."""
        deadline_s, said = time.monotonic() + JOIN_S, ""
        while True:
            try:
                self._wire.call(self._leader, "join", "", ANSWER_S, **arguments)
            except RefusedError:
                raise
            except CallError as error:
                if time.monotonic() > deadline_s:
                    raise CallError(f"no leader at {self._leader} for {JOIN_S:.0f} s: {error}") from error
                if str(error) != said:
                    said = str(error)
                    _print_state(f"waiting for a leader at {self._leader}: {said}")
                time.sleep(RETRY_S)
            else:
                _print_state(f"joined the leader at {self._leader}")
                return

    def _work(self) -> None:
        """Do one job after the other, until there is none to come."""
        job = self._next_job()
        if job is None:
            return
        from harness.fleet.host_run import HostRun  # it brings SciPy: a host that only generates load need not have it

        host_run = HostRun(self._wire)
        try:
            while job is not None:
                try:
                    job.end({"result": host_run.verbs[job.verb](job.order, job.emit)})
                except HarnessError as error:
                    job.end({"failed": host_run.redact(str(error))})
                except KeyboardInterrupt:
                    job.end({"failed": INTERRUPTED})
                except Exception as error:  # a fault of the harness: the host goes on, and the leader is told
                    traceback.print_exc()
                    job.end({"failed": host_run.redact(f"{type(error).__name__}: {error}")})
                job = self._next_job()
        finally:
            host_run.close()

    def _next_job(self) -> _Job | None:
        """Wait for a job; None where there is none to come."""
        while True:
            try:
                return self._jobs.get()
            except KeyboardInterrupt:  # meant for a job that has just ended
                continue

    def _keep_lease(self) -> None:
        """End this process when the leader has not been heard for too long."""
        while time.monotonic() - self._heard_s < LEASE_S:
            time.sleep(LOOK_S)
        os._exit(1)

    async def _take(self, message: Json) -> Json:
        """Answer a call. Raises CallError."""
        if not secrets.compare_digest(str(message["token"]), self._token):
            raise CallError(f"{self._name} belongs to another leader")
        verb, arguments = message["verb"], message["arguments"]
        match verb:
            case "clock":
                return {"now_ns": time.monotonic_ns()}
            case "renew":
                self._heard_s = time.monotonic()
                return {}
            case "start":
                self._job = _Job(arguments["job"], arguments["order"])
                self._jobs.put(self._job)
                return {}
            case "poll":
                return await self._in(self._waiting, self._job.take, arguments["patience_s"])
            case "interrupt":
                self._interrupt()
                return {}
            case "end":
                self._jobs.put(None)
                if self._job.is_under_way:
                    self._interrupt()
                return {}
            case _ if verb.startswith("crew_"):
                return await self._in(self._crew_thread, partial(self._call_crew, verb, **arguments))
        raise CallError(f"{self._name} has no verb {verb}")

    def _call_crew(self, verb: str, **arguments: Any) -> Json:
        """Have a crew of this machine do something."""
        if self._crews is None:
            from harness.fleet.crew import HostCrews  # it brings the models of loads: an idle agent need not have them

            self._crews = HostCrews()
        return self._crews.call(verb, **arguments)

    def _end_crews(self) -> None:
        if self._crews is not None:
            self._crews.end()

    @staticmethod
    def _interrupt() -> None:
        """Interrupt the main thread, as Ctrl-C does."""
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    @staticmethod
    async def _in(threads: ThreadPoolExecutor, what: Callable[..., Json], *arguments: Any) -> Json:
        return await asyncio.get_running_loop().run_in_executor(threads, what, *arguments)
