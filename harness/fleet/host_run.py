"""The run of a leader on a server's machine, by its agent: it is prepared there and opened, and its rounds are made.

A trial is made there as one is made without a fleet: the server, its processes and their counters are on the same
machine as what observes them. Only its generator may be elsewhere.
"""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pydantic import BaseModel, SerializeAsAny, TypeAdapter

from harness.doctor.checkup import run_checkup
from harness.fleet.commits import unpack_commits
from harness.fleet.far_crew import FarCrew
from harness.fleet.messages import (
    CheckoutOrder,
    FingerprintOrder,
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
from harness.fleet.wire import CallError, Wire
from harness.generator.process import Generator
from harness.load.cpus import Placement
from harness.load.spec import WILDCARD_ADDRESSES
from harness.machine.environment import describe_environment
from harness.machine.host import Host
from harness.machine.lock import exclusive_run
from harness.measure.base_and_head import prepare_side_by_side
from harness.measure.observer import Observer
from harness.measure.preparation import PreparedRun, choose_placement, find_missing, prepare
from harness.measure.progress import Progress
from harness.measure.testbed import Testbed
from harness.record import PlannedTrial, RunFolder
from harness.record.trial import LOGS
from harness.scenario import Scenario, ScenarioError, Topology
from harness.scenario.secrets import redactor_of
from harness.server.fingerprint import take_fingerprint
from harness.server.programs import describe_programs
from harness.text.redaction import Redactor

HERE_ALONE: Final = ("127.0.0.1", "::1", "localhost")
Emit = Callable[[BaseModel], None]


class _Apart(Testbed):
    """This machine for the server, and others for the generator."""

    def __init__(self, wire: Wire, seats: Sequence[Seat]) -> None:
        self._wire, self._seats = wire, seats

    def start_generator(self, placement: Placement) -> Generator:
        """Return a generator on the other machines."""
        return Generator(FarCrew(self._wire, self._seats))


class _Reporter(Observer):
    """An observer that tells the leader what happens."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit

    def on_trial(self, planned: PlannedTrial) -> None:
        """Tell the trial that begins."""
        self._emit(TrialBegan(trial=planned.id))

    def on_progress(self, progress: Progress) -> None:
        """Tell the state of the trial."""
        self._emit(TrialProgress(phase=progress.phase.name, second=progress.second, topology=progress.topology))


@dataclass(frozen=True)
class _OpenRun:
    """A run whose services are up until ``services`` is closed, and the folder of its logs on this machine."""

    prepared: PreparedRun
    folder: RunFolder
    services: ExitStack


class HostRun:
    """The runs of one leader on this machine, one after the other. Its methods are called by the main thread, one at a
    time, with an order of the leader as JSON, and return JSON. They raise HarnessError."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._rig = RigPlan(seats=(), address="")
        self._lock = ExitStack()
        self._checkouts = ExitStack()
        self._roots: dict[str, str] = {}  # of the commits that are checked out, by side
        self._placement = Placement()
        self._redactor = Redactor(())
        self._open: _OpenRun | None = None
        self.verbs: dict[str, Callable[[str, Emit], str]] = {
            "join_rig": self._join_rig,
            "reach_seats": self._reach_seats,
            "lock": self._take_lock,
            "unlock": self._leave_lock,
            "prepare": self._prepare,
            "check_out": self._check_out,
            "remove_checkouts": self._remove_checkouts,
            "find_missing": self._find_missing,
            "describe_environment": lambda _, __: describe_environment().model_dump_json(),
            "run_checkup": self._run_checkup,
            "describe_programs": self._describe_programs,
            "take_fingerprint": self._take_fingerprint,
            "try_slices": self._try_slices,
            "open_run": self._open_run,
            "make_round": self._make_round,
            "close_run": self._close_run,
        }

    def redact(self, text: str) -> str:
        """Return the text without the secrets of the scenario, of which this machine may know some that the leader does
        not."""
        return self._redactor.redact(text)

    def close(self) -> None:
        """End what is open."""
        with self._lock, self._checkouts:
            self._close()

    def _join_rig(self, order: str, emit: Emit) -> str:
        self._rig = RigPlan.model_validate_json(order)
        return self._reach_seats("", emit)

    def _reach_seats(self, order: str, emit: Emit) -> str:
        """Call the machines that generate the load. Raises CallError naming the one that does not answer."""
        for seat in self._rig.seats:
            try:
                self._wire.call(seat.address, "clock", seat.token)
            except CallError as error:
                raise CallError(f"{seat.name} can't be reached from here: {error}") from error
        return ""

    def _take_lock(self, order: str, emit: Emit) -> str:
        self._lock.enter_context(exclusive_run())
        return ""

    def _leave_lock(self, order: str, emit: Emit) -> str:
        self._lock.close()
        return ""

    def _prepare(self, order: str, emit: Emit) -> str:
        given = PreparationOrder.model_validate_json(order)
        self._examine(given.scenario)
        return self._describe(prepare(given.scenario, given.seed))

    def _check_out(self, order: str, emit: Emit) -> str:
        given = CheckoutOrder.model_validate_json(order)
        self._examine(given.scenario)
        self._checkouts.close()
        try:
            folder = unpack_commits(given.commits, given.scenario.name)
        except OSError as error:
            raise CallError(f"the commits can't be checked out: {error.strerror}") from error
        with ExitStack() as stack:
            commits = given.commits
            sides = prepare_side_by_side(given.scenario, folder, commits.sides, given.seed, commits.ignored)
            prepared = stack.enter_context(sides)
            self._checkouts = stack.pop_all()
        sided = (topology.side for topology in prepared.scenario.topologies)
        self._roots = {side.commit: side.root for side in sided if side is not None}
        return self._describe(prepared)

    def _remove_checkouts(self, order: str, emit: Emit) -> str:
        self._roots = {}
        self._checkouts.close()
        return ""

    def _examine(self, scenario: Scenario) -> None:
        """Note the secrets of the scenario. Raises ScenarioError where generators elsewhere can't reach a server."""
        self._redactor = redactor_of(scenario)
        for topology in scenario.topologies if self._rig.seats else ():
            _check_reachable(topology)

    def _describe(self, prepared: PreparedRun) -> str:
        """Return the prepared run as JSON."""
        self._keep_placement(prepared.placement)
        return Preparation(
            scenario=prepared.scenario,
            skipped=prepared.skipped,
            schedule=prepared.schedule,
            placement=self._placement,
            doubts=prepared.doubts,
        ).model_dump_json(by_alias=True)

    def _find_missing(self, order: str, emit: Emit) -> str:
        scenario = ScenarioOrder.model_validate_json(order).scenario
        self._examine(scenario)
        missing = find_missing(scenario)
        if not missing:
            self._keep_placement(choose_placement(scenario))
        return _list_json(missing)

    def _keep_placement(self, placement: Placement) -> None:
        """Keep the placement, which is that of this machine's cores: others may have other ones."""
        elsewhere = sum(seat.processes for seat in self._rig.seats)
        self._placement = Placement(processes=elsewhere) if elsewhere else placement

    def _run_checkup(self, order: str, emit: Emit) -> str:
        scenario = ScenarioOrder.model_validate_json(order).scenario if order else None
        return _list_json(run_checkup(Host.here(), scenario))

    def _describe_programs(self, order: str, emit: Emit) -> str:
        scenario = ScenarioOrder.model_validate_json(order).scenario
        return _list_json(describe_programs(scenario.topologies, scenario.services))

    def _take_fingerprint(self, order: str, emit: Emit) -> str:
        given = FingerprintOrder.model_validate_json(order)
        return take_fingerprint(given.topologies, given.programs).model_dump_json()

    def _try_slices(self, order: str, emit: Emit) -> str:
        given = ScenarioOrder.model_validate_json(order)
        tried = self._testbed.try_slices(self._reachable(given.scenario), self._placement)
        objection = None if tried.objection is None else self.redact(tried.objection)
        return SlicesTried(objection=objection, least_slice_s=tried.least_slice_s).model_dump_json()

    def _open_run(self, order: str, emit: Emit) -> str:
        self._close()
        given = ScenarioOrder.model_validate_json(order)
        path = Path(tempfile.mkdtemp(prefix="harness-run-"))
        (path / LOGS).mkdir()
        folder = RunFolder(path, redactor_of(given.scenario))
        self._redactor = folder.redactor
        prepared = PreparedRun(self._reachable(given.scenario), [], 0, (), self._placement)
        services = ExitStack()
        try:
            up = services.enter_context(self._testbed.open_run(prepared, folder))
        except BaseException:
            _send_logs(folder, emit)
            shutil.rmtree(path, ignore_errors=True)
            raise
        self._open = _OpenRun(up, folder, services)
        return ""

    def _make_round(self, order: str, emit: Emit) -> str:
        given = RoundOrder.model_validate_json(order)
        if self._open is None:
            raise CallError("no run is open")
        up, folder = self._open.prepared, self._open.folder
        prepared = replace(up, scenario=self._reachable(given.scenario))
        topologies = {topology.name: topology for topology in prepared.scenario.topologies}
        trials = [
            planned.model_copy(update={"topology": topologies[planned.topology.name]}) for planned in given.trials
        ]
        folder.expect_bodies(given.known_bodies)
        testbed = self._testbed
        for record in testbed.start_round(trials, given.interleaving, prepared, folder, _Reporter(emit)):
            log = folder.logs / f"{record.trial}.log"
            emit(TrialMade(record=record, log=log.read_bytes() if log.exists() else b""))
            log.unlink(missing_ok=True)
        return ""

    def _close_run(self, order: str, emit: Emit) -> str:
        self._close(emit)
        return ""

    def _close(self, emit: Emit | None = None) -> None:
        """Stop the services of the run that is open, if one is, and remove its folder, of which the logs are sent where
        there is somebody to take them."""
        opened, self._open = self._open, None
        if opened is None:
            return
        try:
            opened.services.close()
        finally:
            if emit is not None:
                _send_logs(opened.folder, emit)
            shutil.rmtree(opened.folder.path, ignore_errors=True)

    @property
    def _testbed(self) -> Testbed:
        return _Apart(self._wire, self._rig.seats) if self._rig.seats else Testbed.here()

    def _reachable(self, scenario: Scenario) -> Scenario:
        """Return the scenario with the checkouts of this machine, and with servers that the generators find: at this
        machine's address, if they are elsewhere and these would be here alone."""
        return scenario.with_topologies(tuple(self._listen_outside(self._move(each)) for each in scenario.topologies))

    def _move(self, topology: Topology) -> Topology:
        """Return the topology in the checkout of its commit on this machine."""
        if topology.side is None or topology.side.commit not in self._roots:
            return topology
        return topology.on_root(self._roots[topology.side.commit])

    def _listen_outside(self, topology: Topology) -> Topology:
        if not self._rig.seats or topology.host not in (*HERE_ALONE, *WILDCARD_ADDRESSES):
            return topology
        return topology.model_copy(update={"host": self._rig.address})


def _check_reachable(topology: Topology) -> None:
    """Raise ScenarioError where other machines can't reach the server, as far as the topology shows it."""
    if topology.listens_on_unix_socket:
        raise ScenarioError(f"{topology.name}: a Unix socket can't be reached by generators on other machines")
    words = [word for command in topology.commands for word in command]
    if found := next(
        (host for host in HERE_ALONE for word in words if word == host or f"{host}:{{port}}" in word), None
    ):
        raise ScenarioError(
            f"{topology.name}: its command has {found}, where generators on other machines can't reach it: write"
            " {host}"
        )


def _send_logs(folder: RunFolder, emit: Emit) -> None:
    """Send the logs that are left, of services and hooks."""
    for log in sorted(folder.logs.glob("*.log")):
        emit(LogWritten(name=log.stem, log=log.read_bytes()))


def _list_json(models: Sequence[BaseModel]) -> str:
    return TypeAdapter(list[SerializeAsAny[BaseModel]]).dump_json(list(models)).decode()
