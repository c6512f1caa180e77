"""The leader of a fleet: it starts the agents or waits for them, refuses those that don't fit, and keeps them alive."""

import asyncio
import contextlib
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from pydantic import TypeAdapter, ValidationError

from harness.doctor.check import Check, ok, warn
from harness.fleet.address import FleetError, get_address_host
from harness.fleet.clocks import MOST_BOUND_NS, ClockOffset, measure_clock
from harness.fleet.facts import HostFacts
from harness.fleet.far_crew import FarCrew
from harness.fleet.file import Fleet, FleetHost, FleetRig
from harness.fleet.keys import security_of
from harness.fleet.messages import JobEvent, Seat
from harness.fleet.wire import ANSWER_S, CallError, Json, Wire
from harness.generator.process import Generator
from harness.load.cpus import parse_cpu_list
from harness.machine.helpers import end_process
from harness.units import NS_PER_MS, NS_PER_S

JOIN_S: Final = 60.0  # until all agents have joined
RENEW_S: Final = 1.0
POLL_S: Final = 0.5
END_S: Final = 10.0  # that an agent gets to end what it has
END_CALL_S: Final = 2.0
MUCH_S: Final = 600.0  # for an order or for events that carry much, such as logs and commits
SSH: Final = ("ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-T")
EVENTS: Final[TypeAdapter[JobEvent]] = TypeAdapter(JobEvent)


class LostHostError(FleetError):
    """A host that is not heard any more. The message says which, and since when."""


@dataclass
class JoinedHost:
    """A host whose agent has joined. ``lost`` says how it was lost; None as long as it is heard."""

    host: FleetHost
    address: str
    token: str
    facts: HostFacts
    lost: str | None = None
    calling: threading.Lock = field(default_factory=threading.Lock)

    @property
    def loss(self) -> LostHostError:
        """The error that says how it was lost."""
        return LostHostError(f"{self.host.name} was lost: {self.lost}")

    def lose(self, error: FleetError | CallError) -> LostHostError:
        """Take it for lost, for this reason unless it was lost before; return the error that says so."""
        self.lost = self.lost or str(error)
        return self.loss

    def check_heard(self) -> None:
        """Raise LostHostError if it is lost."""
        if self.lost is not None:
            raise self.loss

    @property
    def server_address(self) -> str:
        """The address at which its servers listen: as its table says, or else that of its agent."""
        return self.host.address or get_address_host(self.address)

    @property
    def cpus(self) -> tuple[int, ...]:
        """The cores to which its generator's processes are pinned; none where they are not."""
        return parse_cpu_list(self.host.cpus) if self.host.cpus else ()

    def count_processes(self, most: int) -> int:
        """Return how many processes its generator has: as its table says, but no more than ``most``."""
        if self.cpus:
            return min(len(self.cpus), most)
        usual = max(1, len(self.facts.cpus) - 1)
        return min(usual if self.host.processes == "auto" else self.host.processes, most)


class Leader:
    """The hosts of a fleet, from when all have joined until the context is left, which ends their agents."""

    def __init__(self, fleet: Fleet, folder: Path) -> None:
        self.fleet = fleet
        keys = None if fleet.keys is None else folder / fleet.keys
        self._wire = Wire(security_of(keys, "leader"))
        self._facts = HostFacts.gather("leader")
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        self._refused: list[str] = []
        self._news = threading.Condition()
        self._is_closing = False
        self.joined: dict[str, JoinedHost] = {}

    def __enter__(self) -> Self:
        self._wire.__enter__()
        try:
            table = self.fleet.leader
            try:
                self.address = self._wire.listen(table.address, table.port, self._take)
            except CallError as error:
                raise FleetError(f"leader.address: {error}") from error
            self._start_agents()
            self._wait_for_all()
            self._check_alike()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._news:
            self._is_closing = True
            there = list(self.joined.values())
        for joined in there:
            self._end(joined)
        deadline_s = time.monotonic() + END_S
        for process in self._started.values():
            end_process(process, max(0.0, deadline_s - time.monotonic()))
        self._wire.__exit__(kind, error, trace)

    def do(self, name: str, verb: str, order: str = "", on_event: Callable[[JobEvent], None] | None = None) -> str:
        """Have a host do something that takes a while, and return its result. Raises FleetError where it fails, and
        LostHostError where the host is lost."""
        joined = self.joined[name]
        with joined.calling:
            try:
                self._ask_patiently(joined, "start", job=verb, order=order)
                while "outcome" not in (told := self._take_events(joined, on_event)):
                    continue
            except BaseException:
                self.interrupt(name)  # nobody waits for it any more
                raise
        outcome = told["outcome"]
        if "failed" in outcome:
            raise FleetError(f"{name}: {outcome['failed']}")
        return str(outcome["result"])

    def _take_events(self, joined: JoinedHost, on_event: Callable[[JobEvent], None] | None) -> Json:
        """Return what a job has told since the last time, after its events were handed on."""
        told = self._ask_patiently(joined, "poll", patience_s=POLL_S)
        for event in told["events"]:
            if on_event is not None:
                on_event(EVENTS.validate_json(event))
        return told

    def interrupt(self, name: str) -> None:
        """Interrupt what a host does, as Ctrl-C would."""
        with contextlib.suppress(LostHostError):
            self._ask(self.joined[name], "interrupt")

    def check_clock(self, name: str) -> Check:
        """Return how far the clock of a host is ahead of this machine's, and how long a message takes there and
        back."""
        clock = self.measure_clock(name)
        what = (
            f"known to ±{clock.bound_ns / NS_PER_MS:.2f} ms, {abs(clock.offset_ns) / NS_PER_S:,.3f} s"
            f" {'ahead of' if clock.offset_ns > 0 else 'behind'} the leader's; there and back in"
            f" {clock.round_trip_ns / NS_PER_MS:.2f} ms"
        )
        if clock.bound_ns <= MOST_BOUND_NS:
            return ok("clock", what)
        return warn("clock", what, "Measure in long windows, or bring the machines nearer to each other")

    def measure_clock(self, name: str) -> ClockOffset:
        """Return how far the clock of a host is ahead of this machine's. Raises LostHostError."""
        joined = self.joined[name]
        joined.check_heard()
        try:
            return self._wire.run(
                measure_clock(lambda: self._wire.ask(joined.address, "clock", joined.token, ANSWER_S, {}))
            )
        except CallError as error:
            raise joined.lose(error) from error

    def start_generator(self, seats: Sequence[Seat]) -> Generator:
        """Return a generator on these machines, whose processes are being started. Raises GeneratorError."""
        return Generator(FarCrew(self._wire, seats))

    def find_lost_host(self, rig: FleetRig) -> str | None:
        """Return which host of the rig is lost, and how; None while all are heard."""
        found = (self.joined[name] for name in rig.hosts)
        return next((str(each.loss) for each in found if each.lost is not None), None)

    def look_for(self, rig: FleetRig) -> str | None:
        """Call all hosts of the rig, and return which is lost, and how; None where all answer."""
        for name in rig.hosts:
            with contextlib.suppress(LostHostError):
                self._ask(self.joined[name], "renew")
        if rig.others and self.find_lost_host(rig) is None:
            try:
                self.do(rig.server, "reach_seats")
            except FleetError as error:
                self.joined[rig.server].lost = str(error)
        return self.find_lost_host(rig)

    def dismiss(self, rig: FleetRig) -> None:
        """End the agents of a rig that is of no use any more, and so all that they have started."""
        for name in rig.hosts:
            self._end(self.joined[name])

    def _end(self, joined: JoinedHost) -> None:
        """End an agent, unless it is lost and has ended by itself."""
        with contextlib.suppress(CallError):
            self._wire.call(joined.address, "end", joined.token, END_CALL_S)

    def _ask(self, joined: JoinedHost, verb: str, **arguments: Any) -> Json:
        joined.check_heard()
        try:
            return self._wire.call(joined.address, verb, joined.token, ANSWER_S, **arguments)
        except CallError as error:
            raise joined.lose(error) from error

    def _ask_patiently(self, joined: JoinedHost, verb: str, **arguments: Any) -> Json:
        """Return the answer to a call that may carry much, as long as the host is heard meanwhile."""
        joined.check_heard()
        answer = self._wire.start(self._wire.ask(joined.address, verb, joined.token, MUCH_S, arguments))
        while True:
            try:
                return answer.result(POLL_S)
            except TimeoutError:
                if joined.lost is not None:
                    answer.cancel()
                    raise joined.loss from None
            except CallError as error:
                raise joined.lose(error) from error

    def _start_agents(self) -> None:
        for host in self.fleet.hosts:
            if host.ssh is not None:
                self._started[host.name] = subprocess.Popen(
                    [*SSH, host.ssh, shlex.join(agent_command(host, self.address, self.fleet.keys is not None))],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )

    def _wait_for_all(self) -> None:
        """Wait until every host has joined. Raises FleetError naming those that did not, and what is known of them."""
        deadline_s = time.monotonic() + JOIN_S
        with self._news:
            while missing := [host for host in self.fleet.hosts if host.name not in self.joined]:
                if self._refused or time.monotonic() > deadline_s:
                    raise FleetError("\n".join(self._refused or [self._explain_missing(host) for host in missing]))
                if ended := [host for host in missing if self._has_ended(host)]:
                    raise FleetError("\n".join(map(self._explain_missing, ended)))
                self._news.wait(POLL_S)

    def _has_ended(self, host: FleetHost) -> bool:
        return host.name in self._started and self._started[host.name].poll() is not None

    def _explain_missing(self, host: FleetHost) -> str:
        process = self._started.get(host.name)
        if process is None:
            command = shlex.join(agent_command(host, self.address, self.fleet.keys is not None))
            why = "its agent says why, if it was started"
            return f"{host.name} has not joined after {JOIN_S:.0f} s: {why}; on it: {command}"
        if process.poll() is None:
            return f"{host.name} has not joined after {JOIN_S:.0f} s, though ssh {host.ssh} goes on"
        said = (process.stderr.read() if process.stderr else b"").decode(errors="replace").strip().splitlines()
        return (
            f"{host.name}: ssh {host.ssh} ended with exit code {process.returncode}: {said[-1] if said else 'silent'}"
        )

    async def _take(self, message: Json) -> Json:
        """Answer an agent that joins. Raises CallError where it does not fit."""
        if message["verb"] != "join":
            raise CallError("the leader only takes hosts that join")
        given = message["arguments"]
        try:
            facts = HostFacts.model_validate_json(given["facts"])
        except ValidationError as error:
            raise CallError("refused: another version of the harness") from error
        with self._news:
            there = self.joined.get(facts.name)
            if there is not None and there.token == given["secret"]:
                return {}  # it did not hear the answer to its first call
            if objection := self._find_objection(facts):
                if there is None and not self._is_closing:
                    self._refused.append(f"{facts.name} was refused: {objection}")
                self._news.notify()
                raise CallError(f"refused: {objection}")
            host = self.fleet.host(facts.name)
            self.joined[facts.name] = JoinedHost(host, given["contact"], given["secret"], facts)
            self._wire.start(self._renew(self.joined[facts.name]))
            self._news.notify()
        return {}

    def _find_objection(self, facts: HostFacts) -> str | None:
        if facts.name not in {host.name for host in self.fleet.hosts}:
            return f"the fleet has no host called {facts.name}"
        if self._is_closing:
            return "the leader ends"
        if facts.name in self.joined:
            return f"{facts.name} has joined already"
        if software := ", ".join(facts.find_other_software(self._facts)):
            return software
        asked = self.fleet.host(facts.name).cpus
        if asked and (missing := [cpu for cpu in parse_cpu_list(asked) if cpu not in facts.cpus]):
            there = ", ".join(map(str, facts.cpus))
            return f"cpus = '{asked}' names core {missing[0]}, and it may use {there}"
        return None

    async def _renew(self, joined: JoinedHost) -> None:
        """Let the agent hear from its leader, again and again, until it is lost."""
        while joined.lost is None:
            try:
                await self._wire.ask(joined.address, "renew", joined.token, ANSWER_S, {})
            except CallError as error:
                joined.lose(error)
                return
            await asyncio.sleep(RENEW_S)

    def _check_alike(self) -> None:
        """Raise FleetError where rigs make rounds of one run on machines that are unlike."""
        if self.fleet.unlike:
            return
        first, *others = self.fleet.rigs
        if found := [line for rig in others for line in self._find_unlikeness(first, rig)]:
            allow = "unlike = true in the fleet file allows it, and reports say so"
            raise FleetError("\n".join([*found, f"rounds on unlike machines don't repeat each other: {allow}"]))

    def _find_unlikeness(self, one: FleetRig, other: FleetRig) -> Iterator[str]:
        pairs: Sequence[tuple[str, str]] = list(zip(one.hosts, other.hosts, strict=True))
        for name, twin in pairs:
            for difference in self.joined[name].facts.find_unlikeness(self.joined[twin].facts):
                yield f"{name} and {twin}: {difference}"


def agent_command(host: FleetHost, leader: str, has_keys: bool) -> list[str]:
    """Return the command that starts the agent of a host, on that host."""
    words = [host.python, "-m", "harness", "agent", leader, "--name", host.name]
    words += ["--listen", host.address or "ADDRESS"]
    return [*words, "--root", host.root, *(["--keys", host.keys] if has_keys else [])]
