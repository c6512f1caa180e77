"""The choice between slices and whole trials: slices wherever they are sound, by what a try shows."""

import os
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Final, Literal

import psutil

from harness.errors import HarnessError
from harness.generator.crew import GeneratorError
from harness.generator.process import StartGenerator, start_here
from harness.load.cpus import Placement, list_usable_cpus
from harness.load.spec import Load
from harness.machine.cgroup import read_memory_limit_bytes
from harness.machine.host import Host
from harness.measure.answer_times import SLOW_IN_SLICE, AnswerTimes, are_in_one_line, were_cores_busy
from harness.measure.schedule import SHORTEST_SLICE_S
from harness.measure.turns import TURN_OF_PAIR_S, TURN_S
from harness.monitor.family import FamilyReading, read_family
from harness.monitor.machine import read_machine
from harness.record import Interleaving
from harness.scenario import Scenario, ScenarioError, Topology
from harness.server.launch import Server
from harness.server.probing import time_unloaded_s
from harness.server.process_tree import ProcessTree
from harness.server.question import Question
from harness.server.readiness import wait_until_ready
from harness.server.supervised import ServerError
from harness.units import duration_text, size_text

WARMUP_S: Final = 0.2
LOADED_S: Final = 0.3  # for which each server is loaded, to see how long its answers take
SLICES_S: Final = (  # of which the shortest that is long enough is taken
    SHORTEST_SLICE_S, 0.1, 0.15, 0.25, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0
)  # fmt: skip
UNTRIED_SLICE_S: Final = 0.5
IDLE_S: Final = 0.3  # for which nobody asks the servers, to see whether they are busy nevertheless
MAX_IDLE_CORES: Final = 0.1  # used by one of them meanwhile
TRY_SEED: Final = 0  # of the requests that are sent to see whether a server is ready


@dataclass(frozen=True)
class Tried:
    """The outcome of a try: the reason for which slices would not be sound, if there is one, and how long they have to
    be, at the least (seconds). In turns that is ``least_turned_s``: None where servers may not be stopped in the midst
    of their work, or one of them would lose more by it than another."""

    objection: str | None
    least_slice_s: float = UNTRIED_SLICE_S
    least_turned_s: float | None = None


def choose_interleaving(scenario: Scenario, attempt: Callable[[], Tried]) -> Interleaving:
    """Return how the trials of a round are interleaved: as the scenario says or, if that is "auto", in turns or in
    slices where they are sound; with "both", the slices may be in turns too. Where that, or the length of slices, does
    not follow from the scenario, an ``attempt`` tells."""
    is_free, around = scenario.interleave == "auto", find_surroundings(scenario)
    turn_s = _turn_s(scenario) if scenario.interleave == "turns" else None
    why = (find_objection(scenario) or around) if is_free else None
    if why or scenario.interleave == "trials":
        return Interleaving(why=why)
    kind: Literal["slices", "both"] = "both" if scenario.interleave == "both" else "slices"
    if not is_free and (scenario.slice_s or around):
        return Interleaving(kind=kind, slice_s=scenario.slice_s or UNTRIED_SLICE_S, turn_s=turn_s)
    tried = attempt()
    if is_free and tried.objection:
        return Interleaving(why=tried.objection)
    least_s = tried.least_slice_s
    if scenario.interleave in ("auto", "both") and tried.least_turned_s:
        turn_s = _turn_s(scenario)
    if turn_s:
        least_s = tried.least_turned_s or least_s
    return Interleaving(kind=kind, slice_s=_slice_s(scenario, least_s), turn_s=turn_s)


def choose_slice_s(least_s: float) -> float:
    """Return how long slices are (seconds), if they have to be so long at the least."""
    return next((each for each in SLICES_S if each >= least_s), SLICES_S[-1])


def _turn_s(scenario: Scenario) -> float:
    """Return how long a turn lasts (seconds)."""
    return TURN_OF_PAIR_S if scenario.is_of_pairs else TURN_S


def _slice_s(scenario: Scenario, least_s: float) -> float:
    """Return how long slices are (seconds): as the scenario says or, if it leaves that, no longer than the window."""
    return scenario.slice_s or min(choose_slice_s(least_s), scenario.load.duration_s)


def check_interleaving(scenario: Scenario) -> None:
    """Raise ScenarioError when the scenario asks for slices that can't be made."""
    if scenario.interleave in ("turns", "slices", "both") and (why := find_objection(scenario)):
        raise ScenarioError(f"interleave: expected 'auto' or 'trials', got '{scenario.interleave}', but {why}")


def find_objection(scenario: Scenario) -> str | None:
    """Return the reason, as far as the scenario shows it, for which slices can't be made; None if there is none."""
    if scenario.load.arrivals is not None:
        return "an offered rate needs whole trials, in which its queue can build up"
    if scenario.events:
        return "events are carried out in the window of each trial"
    if len(scenario.groups[0]) < 2:
        return "one topology alone has none to take turns with"
    if around := [name for name in ("before_trial", "after_trial") if name in scenario.hooks.by_name]:
        return f"hooks are run around each trial ({', '.join(around)}), and between slices there is no moment for them"
    if own := [service.name for service in scenario.services if service.scope == "trial"]:
        return f"each trial has {' and '.join(own)} of its own"
    places = Counter(place for topology in _select_together(scenario) if (place := _fixed_place(topology)))
    return next(
        (
            f"{place} is fixed, and can't be used by several topologies at once"
            for place, times in places.items()
            if times > 1
        ),
        None,
    )


def find_surroundings(scenario: Scenario) -> str | None:
    """Return the reason for which slices can't be tried before the run: topologies need services, or what ``setup``
    does; None where they don't. What a topology leaves a service to do would also count against the next one."""
    if shared := " and ".join(service.name for service in scenario.services):
        return f"all topologies use {shared}, which may still be busy for one while another is asked"
    return "servers may need what setup does, and slices are tried before it" if scenario.hooks.setup else None


def _select_together(scenario: Scenario) -> Sequence[Topology]:
    """Return the topologies that would be up at the same time: those of one group, over the most connections."""
    return max(scenario.groups, key=lambda group: group[0].connections or 0)


def _fixed_place(topology: Topology) -> str | None:
    if topology.unix_socket is not None:
        is_shared = topology.side is None or os.path.isabs(topology.unix_socket)
        return f"the Unix socket {topology.unix_socket}" if is_shared else None
    return f"port {topology.port}" if topology.port is not None else None


@dataclass(frozen=True)
class _UpServer:
    """A server that was launched for the try."""

    name: str
    server: Server
    process_tree: ProcessTree
    times: AnswerTimes
    cores: float  # that it used under load

    def read_family(self) -> FamilyReading:
        """Return the counters of its processes."""
        return read_family(self.server.guardian_pid)

    def can_be_stopped(self) -> bool:
        """Return whether its processes may be stopped in the midst of their work: they are ours, and wait for nothing
        that goes on meanwhile, such as a timer. Where requests are in line for busy cores, they don't."""
        return self.times.queued and all(_is_ours(process) for process in self.read_family().processes)

    @property
    def least_turned_s(self) -> float:
        """The shortest slices (seconds) in turns."""
        return self.times.least_turned_s(are_in_one_line(self.process_tree.workers().found, self.cores))

    def has_busy_supervisor(self) -> bool:
        """Return whether a supervisor has to take turns too. It is told of each stop of its workers, which takes more
        of their time the more they are."""
        supervisors = {pid for pid, role in self.process_tree.roles().items() if role == "supervisor"}
        return not supervisors <= self.process_tree.find_idle_supervisors()


def try_slices(scenario: Scenario, placement: Placement, start_generator: StartGenerator = start_here) -> Tried:
    """Launch the topologies that would take turns together, load each for a moment, and return what was found."""
    return _try(scenario, _select_together(scenario), placement, start_generator)


def _try(
    scenario: Scenario, topologies: Sequence[Topology], placement: Placement, start_generator: StartGenerator
) -> Tried:
    """Launch the topologies, all at once, load one after the other, and return what was found.

    A topology that can't be launched even alone is no reason against slices: its trials fail in either way.
    """
    with tempfile.TemporaryDirectory(prefix="harness-") as folder, ExitStack() as stack:
        up: list[_UpServer] = []
        for topology in topologies:
            try:
                log = Path(folder, f"{len(up)}.log")
                up.append(_launch(scenario, topology, placement, start_generator, log, stack))
            except (ServerError, GeneratorError) as error:
                stack.close()
                return _try_without(scenario, topologies, topology, placement, start_generator, error)
            if short := _describe_short_memory(up):
                return Tried(short)
        objection = next(_iter_objections(scenario, up), None)
        can_take_turns = (
            placement.processes == 1
            and all(each.can_be_stopped() for each in up)
            and (scenario.is_of_pairs or not any(each.has_busy_supervisor() for each in up))
        )
        least_turned_s = max(each.least_turned_s for each in up) if can_take_turns else None
        tried = Tried(objection, _find_least_slice_s(up), least_turned_s)
        with ThreadPoolExecutor(len(up)) as threads:  # some take a second to stop
            list(threads.map(lambda each: each.server.stop(), up))
        return tried


def _try_without(
    scenario: Scenario,
    topologies: Sequence[Topology],
    failed: Topology,
    placement: Placement,
    start_generator: StartGenerator,
    error: HarnessError,
) -> Tried:
    """Return the objection where the topology that failed beside the others can be launched alone; try the others
    otherwise."""
    others = [topology for topology in topologies if topology is not failed]
    try:
        with tempfile.TemporaryDirectory(prefix="harness-") as folder, ExitStack() as stack:
            _launch(scenario, failed, placement, start_generator, Path(folder, "0.log"), stack)
    except (ServerError, GeneratorError):
        return _try(scenario, others, placement, start_generator) if others else Tried(None)
    beside = ", ".join(topology.name for topology in others)
    return Tried(f"{failed.name} can't be up at the same time as {beside}: {error}")


def _launch(
    scenario: Scenario,
    topology: Topology,
    placement: Placement,
    start_generator: StartGenerator,
    log: Path,
    stack: ExitStack,
) -> _UpServer:
    """Launch a topology, to be stopped with the stack, and load it for a moment. Raises ServerError and
    GeneratorError."""
    generator = stack.enter_context(start_generator(placement))
    server = stack.enter_context(Server(topology, log, placement.server))
    load = scenario.load_of(topology).at(server.target, TRY_SEED)
    load = load.with_expectation(load.expect.without_body())  # to check bodies takes a second
    wait_until_ready(server, load, topology.workers, scenario.start_timeout_s, scenario.load.ready_path)
    deque(generator.warm_up(load.with_warmup(WARMUP_S)), maxlen=0)
    process_tree = stack.enter_context(ProcessTree(server, topology.workers))
    stolen_s, before, begun_s = _read_stolen_s(placement), read_family(server.guardian_pid), time.monotonic()
    measured = generator.run_slice(LOADED_S)
    elapsed_s, after = time.monotonic() - begun_s, read_family(server.guardian_pid)
    process_tree.look()
    available_s = elapsed_s - (_read_stolen_s(placement) - stolen_s)
    times = AnswerTimes.of(
        measured, elapsed_s, _time_unloaded_s(load), is_busy=were_cores_busy(before, after, available_s)
    )
    cores = (after.account.cpu_s - before.account.cpu_s) / measured.elapsed_s
    return _UpServer(topology.name, server, process_tree, times, cores)


def _read_stolen_s(placement: Placement) -> float:
    """Return for how long others had one of the cores that the server can use, on average; 0 where that is not told, as
    in containers that number their cores anew (lxcfs)."""
    cores = set(placement.server or list_usable_cpus())
    stolen_s = [core.steal_s for core in read_machine(Host.here()).cores if core.cpu in cores]
    return fmean(stolen_s) if stolen_s else 0.0


def _time_unloaded_s(load: Load) -> float | None:
    """Return how long an answer takes without load (seconds), that to the slowest of several requests. None where they
    can't all be sent again."""
    took_s = [time_unloaded_s(each) for each in Question.of_mix(load) or (Question.of_load(load),)]
    return max(filter(None, took_s)) if None not in took_s else None


def _is_ours(process: psutil.Process) -> bool:
    """Return whether signals may be sent to the process (kill(2)), and descriptors of processes are known to the
    kernel."""
    try:
        return hasattr(os, "pidfd_open") and os.geteuid() in (0, process.uids().real)
    except psutil.NoSuchProcess:
        return True


def _describe_short_memory(up: Sequence[_UpServer]) -> str | None:
    """Return that the memory is short, if less is free than the servers that are up use: under load they may need twice
    of it, and more are to come."""
    used_bytes = sum(reading.rss_bytes for each in up for reading in each.read_family().processes.values())
    limit_bytes = read_memory_limit_bytes(Host.here())
    available_bytes = psutil.virtual_memory().available
    free_bytes = available_bytes if limit_bytes is None else min(available_bytes, limit_bytes - used_bytes)
    if free_bytes >= used_bytes:
        return None
    return (
        f"there is not enough memory for all topologies at once: {', '.join(each.name for each in up)} use"
        f" {size_text(used_bytes)}, and {size_text(max(0, free_bytes))} are free"
    )


def _find_least_slice_s(up: Sequence[_UpServer]) -> float:
    """Return how long slices have to be at the least, for all servers (seconds)."""
    return max(each.times.least_slice_s for each in up)


def _iter_objections(scenario: Scenario, up: Sequence[_UpServer]) -> Iterator[str]:
    """Yield each reason, by what the servers do, for which slices would not be sound."""
    slice_s = _slice_s(scenario, _find_least_slice_s(up))
    for each in up:
        if SLOW_IN_SLICE * each.times.slow_s > slice_s:
            yield (
                f"one answer in a hundred of {each.name} takes {duration_text(each.times.slow_s)} under load, which is"
                f" long for slices of {duration_text(slice_s)} (slice)"
            )
    before = [each.read_family() for each in up]
    time.sleep(IDLE_S)
    for each, first in zip(up, before, strict=True):
        cores = (each.read_family().account.cpu_s - first.account.cpu_s) / IDLE_S
        if cores > MAX_IDLE_CORES:
            yield f"{each.name} kept {cores:.2f} cores busy while nobody asked it"
