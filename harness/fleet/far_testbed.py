"""The testbed of a fleet: every rig makes rounds, each on its own machines; records are written here."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

from pydantic import TypeAdapter

from harness.doctor.check import Check, ok, warn
from harness.fleet.address import FleetError
from harness.fleet.commits import pack_commits
from harness.fleet.file import FleetRig
from harness.fleet.leader import Leader, LostHostError
from harness.fleet.messages import (
    CheckoutOrder,
    FingerprintOrder,
    JobEvent,
    LogWritten,
    Preparation,
    PreparationOrder,
    RigPlan,
    RoundOrder,
    ScenarioOrder,
    Seat,
    SlicesTried,
    TrialBegan,
    TrialMade,
    TrialProgress,
)
from harness.generator.process import Generator
from harness.load.cpus import Placement
from harness.load.spec import Load, is_loopback
from harness.machine.environment import Environment
from harness.measure.interleaving import Tried
from harness.measure.observer import Observer
from harness.measure.preparation import PreparedRun
from harness.measure.progress import Phase, Progress
from harness.measure.testbed import Testbed
from harness.record import (
    Fingerprint,
    Interleaving,
    PlannedTrial,
    Program,
    Revision,
    RigRecord,
    RunFolder,
    SkippedTopology,
    TrialRecord,
)
from harness.scenario import Scenario, Topology
from harness.server.supervised import ServerError

CHECKS: Final = TypeAdapter(list[Check])
MISSING: Final = TypeAdapter(list[SkippedTopology])
PROGRAMS: Final = TypeAdapter(list[Program])
PATIENCE_S: Final = 0.5  # between two looks of the main thread, so that Ctrl-C is heard


class FarTestbed(Testbed):
    """Some rigs of a fleet. What is asked of one machine is asked of the first rig's server, since all are alike."""

    def __init__(self, leader: Leader, rigs: Sequence[FleetRig]) -> None:
        self._leader = leader
        self._rigs = list(rigs)
        self._free: SimpleQueue[FleetRig] = SimpleQueue()
        self._busy: dict[str, FleetRig] = {}
        self._threads = ThreadPoolExecutor(len(self._rigs), "rig")
        self._observing = threading.Lock()
        for rig in self._rigs:
            self._free.put(rig)

    @property
    def lanes(self) -> int:
        """The number of rigs of which no host is lost."""
        return len(self._live)

    def prepare(self, scenario: Scenario, seed: int) -> PreparedRun:
        """Return the run as it is prepared on every rig. Raises FleetError where they differ in that."""
        for rig in self._rigs:
            self._join(rig, scenario)
        order = PreparationOrder(scenario=scenario.with_lanes(len(self._rigs)), seed=seed).model_dump_json(
            by_alias=True
        )
        return self._agree_on("prepare", order, seed)

    def _agree_on(self, verb: str, order: str, seed: int) -> PreparedRun:
        """Return the run as it is prepared on the first rig, where the scenario has the time of all rigs together.
        Raises FleetError where others differ in that."""
        found = {name: Preparation.model_validate_json(text) for name, text in self._ask_servers(verb, order)}
        first = found[self._first]
        scenario = first.scenario.with_time(first.scenario.max_time_s / len(self._rigs))
        if others := [name for name, each in found.items() if each.skipped != first.skipped]:
            raise FleetError(f"{self._first} and {others[0]} can't run the same topologies")
        return PreparedRun(scenario, first.skipped, seed, first.schedule, first.placement, doubts=first.doubts)

    @contextmanager
    def prepare_side_by_side(
        self, scenario: Scenario, repository: Path, sides: tuple[Revision, Revision], seed: int
    ) -> Iterator[PreparedRun]:
        """Have both commits checked out and prepared on every rig, where they stay within the context. Raises
        RevisionError, and FleetError where that fails."""
        packed = pack_commits(repository, sides)
        timed = scenario.with_lanes(len(self._rigs))
        order = CheckoutOrder(scenario=timed, seed=seed, commits=packed).model_dump_json(by_alias=True)
        with ExitStack() as stack:
            for rig in self._rigs:
                self._join(rig, scenario)
                stack.callback(self._remove_checkouts, rig)
            yield replace(self._agree_on("check_out", order, seed), revisions=sides)

    def _remove_checkouts(self, rig: FleetRig) -> None:
        with suppress(LostHostError):
            self._leader.do(rig.server, "remove_checkouts")

    def find_missing(self, scenario: Scenario) -> list[SkippedTopology]:
        """Return the topologies that can't run on one of the servers' machines."""
        for rig in self._rigs:
            self._join(rig, scenario)
        found = self._ask_servers("find_missing", _order_of(scenario))
        return [each for _, text in found for each in MISSING.validate_json(text)]

    def examine_hosts(self, scenario: Scenario | None) -> list[Check]:
        """Return what each machine of the fleet does, how far its clock is ahead, and what may spoil measurements
        there."""
        order = "" if scenario is None else _order_of(scenario)
        return [
            _name_host(check, name)
            for rig in self._rigs
            for name in rig.hosts
            for check in (
                ok("part", rig.describe_part(name)),
                self._leader.check_clock(name),
                *([self._check_way(rig)] if rig.others and name == rig.server else []),
                *CHECKS.validate_json(self._leader.do(name, "run_checkup", order)),
            )
        ]

    def _check_way(self, rig: FleetRig) -> Check:
        """Return whether a server's machine reaches those that generate its load."""
        try:
            seats = self._seat(rig.others, len(rig.others))
            address = self._leader.joined[rig.server].server_address
            self._leader.do(rig.server, "join_rig", RigPlan(seats=seats, address=address).model_dump_json())
        except FleetError as error:
            return warn("generators", str(error), "Open the way from the server's machine to the agents there")
        return ok("generators", f"{', '.join(rig.others)} answer")

    @contextmanager
    def exclusive_run(self) -> Iterator[None]:
        """Have no other run be made on any of the servers' machines within the context."""
        with ExitStack() as stack:
            for rig in self._rigs:
                self._take_lock(rig)
                stack.callback(self._leave_lock, rig)
            yield

    def _take_lock(self, rig: FleetRig) -> None:
        """Have no other run be made on a server's machine. Raises FleetError while one is."""
        boot_id = self._leader.joined[rig.server].facts.boot_id
        before = [each.server for each in self._rigs[: self._rigs.index(rig)]]
        try:
            self._leader.do(rig.server, "lock")
        except FleetError as error:
            if same := [name for name in before if self._leader.joined[name].facts.boot_id == boot_id]:
                raise FleetError(f"{same[0]} and {rig.server} are one machine: a rig needs one of its own") from error
            raise

    def describe_environment(self) -> Environment:
        """Return the first server's machine and its software."""
        return Environment.model_validate_json(self._leader.do(self._first, "describe_environment"))

    def describe_rigs(self) -> list[RigRecord]:
        """Return the rigs."""
        return [
            RigRecord(
                server=rig.server,
                generators=list(rig.others),
                environment=self._leader.joined[rig.server].facts.environment,
            )
            for rig in self._rigs
        ]

    def run_checkup(self, scenario: Scenario) -> list[Check]:
        """Return what may spoil measurements on any of the servers' machines."""
        asked = self._ask_servers("run_checkup", _order_of(scenario))
        found = [(server, check) for server, text in asked for check in CHECKS.validate_json(text)]
        return [_name_host(check, server) if len(self._rigs) > 1 else check for server, check in found]

    def describe_programs(self, scenario: Scenario) -> list[Program]:
        """Return the programs that topologies and services run. Raises FleetError where rigs that should be alike run
        others."""
        asked = self._ask_servers("describe_programs", _order_of(scenario))
        found = {name: PROGRAMS.validate_json(text) for name, text in asked}
        for server, programs in found.items() if not self._leader.fleet.unlike else ():
            if other := sorted(set(map(str, programs)) ^ set(map(str, found[self._first]))):
                raise FleetError(f"{self._first} and {server} don't run the same programs: {'; '.join(other)}")
        return found[self._first]

    def take_fingerprint(self, topologies: Sequence[Topology], programs: Sequence[Program]) -> Fingerprint:
        """Return the fingerprint of what the topologies run."""
        order = FingerprintOrder(topologies=tuple(topologies), programs=tuple(programs)).model_dump_json(by_alias=True)
        return Fingerprint.model_validate_json(self._leader.do(self._first, "take_fingerprint", order))

    def try_slices(self, scenario: Scenario, placement: Placement) -> Tried:
        """Return what a try of slices finds on the first rig."""
        self._join(self._rigs[0], scenario)
        found = self._leader.do(self._first, "try_slices", _order_of(scenario))
        tried = SlicesTried.model_validate_json(found)
        return Tried(tried.objection, tried.least_slice_s)

    @contextmanager
    def open_run(self, prepared: PreparedRun, folder: RunFolder) -> Iterator[PreparedRun]:
        """Have the services of the run up on every rig. Raises ServerError."""
        order = _order_of(prepared.scenario)
        try:
            with ExitStack() as stack:
                for rig in self._rigs:
                    self._join(rig, prepared.scenario)
                    stack.callback(self._close_run, rig, folder)
                    self._leader.do(rig.server, "open_run", order, partial(_write_log, folder, rig.server))
                yield prepared
        except FleetError as error:
            raise ServerError(str(error)) from error

    def start_round(
        self,
        trials: Sequence[PlannedTrial],
        interleaving: Interleaving,
        prepared: PreparedRun,
        folder: RunFolder,
        observer: Observer,
    ) -> Iterable[TrialRecord]:
        """Have a rig that is free make the round, from now on; return its records, each as it was written."""
        made: SimpleQueue[TrialMade | None] = SimpleQueue()
        order = RoundOrder(
            trials=tuple(trials),
            interleaving=interleaving,
            scenario=prepared.scenario,
            known_bodies=folder.known_bodies,
        )
        self._threads.submit(self._make_round, order, made, observer)
        return self._write(made, folder, observer)

    def _make_round(self, order: RoundOrder, made: "SimpleQueue[TrialMade | None]", observer: Observer) -> None:
        """Have the next free rig make the round. Of trials for which a host was lost, the record is a failed one."""
        rig, planned = self._next_rig(), {trial.id: trial for trial in order.trials}
        if rig is None:
            made.put(None)
            return
        self._busy[rig.server] = rig
        began_at = dict.fromkeys(planned, self.now())  # by this machine's clock, as all other times of the run

        def take(event: JobEvent) -> None:
            match event:
                case TrialBegan():
                    began_at[event.trial] = self.now()
                    with self._observing:
                        observer.on_trial(planned[event.trial])
                case TrialProgress():
                    with self._observing:
                        observer.on_progress(Progress(Phase[event.phase], event.second, event.topology))
                case TrialMade():
                    changes = {"rig": rig.server, "started_at": began_at[event.record.trial]}
                    record = event.record.model_copy(update=changes)
                    made.put(event.model_copy(update={"record": record}))
                    planned.pop(record.trial)

        try:
            self._leader.do(rig.server, "make_round", order.model_dump_json(by_alias=True), take)
        except FleetError as error:
            for trial in planned.values():
                failed = TrialRecord.of_failure(trial, began_at[trial.id], str(error), [])
                made.put(TrialMade(record=failed.model_copy(update={"rig": rig.server}), log=b""))
        finally:
            del self._busy[rig.server]
            if self._leader.look_for(rig) is None:
                self._free.put(rig)
            else:
                self._leader.dismiss(rig)
            made.put(None)

    def _next_rig(self) -> FleetRig | None:
        """Wait for a rig that is free; None where all are lost."""
        while self._live:
            try:
                rig = self._free.get(timeout=PATIENCE_S)
            except Empty:
                continue
            if self._leader.find_lost_host(rig) is None:
                return rig
        return None

    def _write(
        self, made: "SimpleQueue[TrialMade | None]", folder: RunFolder, observer: Observer
    ) -> Iterator[TrialRecord]:
        """Yield the records as they are made, each after it and its log were written."""
        while (event := _take(made)) is not None:
            folder.make_log(event.record.trial).write_bytes(event.log)
            written = folder.append(event.record)
            with self._observing:
                observer.on_record(written)
            yield written

    @property
    def server_addresses(self) -> list[str]:
        """The addresses of the servers' machines."""
        return [self._leader.joined[rig.server].server_address for rig in self._rigs]

    def start_generators(self, load: Load) -> Generator:
        """Return a generator on all machines that are there for that, or else on all. Raises FleetError where the load
        would not leave them."""
        is_far = not all(is_loopback(joined.server_address) for joined in self._leader.joined.values())
        if load.target.is_loopback and is_far:
            raise FleetError(f"{load.target.host} is another machine on each of them: give the server's address")
        names = [name for rig in self._rigs for name in rig.others] or list(self._leader.joined)
        return self._leader.start_generator(self._seat(names, load.connections))

    @property
    def _live(self) -> list[FleetRig]:
        return [rig for rig in self._rigs if self._leader.find_lost_host(rig) is None]

    @property
    def _first(self) -> str:
        return self._rigs[0].server

    def _ask_servers(self, verb: str, order: str) -> Iterator[tuple[str, str]]:
        """Have the server's machine of each rig do something; yield its name with the result. Raises FleetError."""
        for rig in self._rigs:
            yield rig.server, self._leader.do(rig.server, verb, order)

    def _join(self, rig: FleetRig, scenario: Scenario) -> None:
        """Tell a server's machine the machines that generate its load."""
        least = min(scenario.load_of(topology).connections for topology in scenario.topologies)
        seats = self._seat(rig.others, least)
        address = self._leader.joined[rig.server].server_address
        self._leader.do(rig.server, "join_rig", RigPlan(seats=seats, address=address).model_dump_json())

    def _seat(self, names: Sequence[str], connections: int) -> tuple[Seat, ...]:
        """Return the seats of these machines for a load over so many connections, of which every process needs one.
        How many processes each has is said by the fleet: the scenario's own number is for a generator beside the
        server. Raises FleetError where there are too few connections."""
        if connections < len(names):
            raise FleetError(f"expected at least as many connections as generators ({len(names)}), got {connections}")
        seats = []
        for joined in (self._leader.joined[name] for name in names):
            processes = joined.count_processes(connections // len(names))
            host, cpus = joined.host, joined.cpus[:processes]
            seats.append(
                Seat(name=host.name, address=joined.address, token=joined.token, processes=processes, cpus=cpus)
            )
        return tuple(seats)

    def _leave_lock(self, rig: FleetRig) -> None:
        try:
            self._leader.do(rig.server, "unlock")
        except LostHostError:
            return  # it has ended

    def _close_run(self, rig: FleetRig, folder: RunFolder) -> None:
        if rig.server in self._busy:  # the round is of no use any more
            self._leader.interrupt(rig.server)
        try:
            self._leader.do(rig.server, "close_run", "", partial(_write_log, folder, rig.server))
        except LostHostError:
            return  # its records say so


def _take(made: "SimpleQueue[TrialMade | None]") -> TrialMade | None:
    """Wait for the next record, such that Ctrl-C ends the wait."""
    while True:
        try:
            return made.get(timeout=PATIENCE_S)
        except Empty:
            continue


def _write_log(folder: RunFolder, server: str, event: JobEvent) -> None:
    if isinstance(event, LogWritten):
        folder.make_log(f"{server}-{event.name}").write_bytes(event.log)


def _order_of(scenario: Scenario) -> str:
    return ScenarioOrder(scenario=scenario).model_dump_json(by_alias=True)


def _name_host(check: Check, host: str) -> Check:
    """Return the check with the name of its host."""
    return check.model_copy(update={"name": f"{host}: {check.name}"})
