"""The preparation of a run: topologies whose programs are missing are left out, trials scheduled and cores assigned."""

import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from harness.load.cpus import Placement, separate_cores
from harness.load.spec import Target
from harness.machine.cores import UsableCores
from harness.machine.environment import Environment, find_differences
from harness.machine.host import Host
from harness.machine.limits import LimitError, open_group
from harness.measure.interleaving import check_interleaving
from harness.measure.schedule import make_schedule
from harness.record import (
    Fingerprint,
    PlannedTrial,
    Program,
    Revision,
    RigRecord,
    Run,
    RunFolderError,
    SkippedTopology,
    read_fingerprint,
)
from harness.record.fingerprint import WRITTEN_BY_SERVERS
from harness.scenario import Scenario, ScenarioError, Topology
from harness.scenario.secrets import (
    commands_of,
    redactor_of,
    variables_of_command,
    variables_of_load,
    withheld_of,
    withheld_of_load,
)
from harness.scenario.topology import LOOPBACK
from harness.server.launch import check_port_is_free, explain_missing_programs, folder_of, limits_of
from harness.server.service import (
    UpService,
    find_missing_event_program,
    find_missing_hook_program,
    find_missing_program,
)
from harness.text.redaction import Redactor

MAX_NAMED: Final = 6  # files, packages or variables in one message


@dataclass(frozen=True)
class PreparedRun:
    """A run that can begin. ``scenario`` has the topologies that can run here, without those that are ``skipped``;
    ``services`` are those that are up."""

    scenario: Scenario
    skipped: list[SkippedTopology]
    seed: int
    schedule: tuple[PlannedTrial, ...]
    placement: Placement
    revisions: tuple[Revision, ...] = ()  # base and head, where two commits are compared
    services: tuple[UpService, ...] = ()
    doubts: tuple[str, ...] = ()  # a sentence for each thing that may make the figures less than they seem


def seed_or_random(seed: int | None = None) -> int:
    """Return the seed, or without one a random one."""
    return random.SystemRandom().randrange(2**32) if seed is None else seed


def prepare(scenario: Scenario, seed: int, revisions: tuple[Revision, ...] = ()) -> PreparedRun:
    """Prepare a run of the scenario. Raises ScenarioError when nothing is left to compare, a fixed port is taken or a
    variable of the environment is missing."""
    _check_variables(scenario)
    _check_names(scenario)
    check_interleaving(scenario)
    skipped = list(skipped_topologies(scenario))
    scenario = without_skipped(scenario, skipped)
    return PreparedRun(scenario, skipped, seed, make_schedule(scenario, seed), choose_placement(scenario), revisions)


class Machine(Protocol):
    """The machine on which a run is resumed, as far as it has to be what it was: this one, or those of a fleet."""

    def find_missing(self, scenario: Scenario) -> list[SkippedTopology]:
        """Return the topologies that can't run. Raises ScenarioError where others can't start."""

    def describe_programs(self, scenario: Scenario) -> list[Program]:
        """Return the programs that topologies and services run, with their versions."""

    def take_fingerprint(self, topologies: Sequence[Topology], programs: Sequence[Program]) -> Fingerprint:
        """Return the fingerprint of what the topologies run."""

    def describe_rigs(self) -> list[RigRecord]:
        """Return the machines of a fleet; none where this one makes the rounds."""


def find_missing(scenario: Scenario) -> list[SkippedTopology]:
    """Return the topologies that can't run on this machine, with what to install. Raises ScenarioError where a variable
    is missing, or where none is missing and one can't start."""
    _check_variables(scenario)
    missing = list(skipped_topologies(scenario))
    if not missing:
        _check_can_start(scenario)
    return missing


def prepare_again(run: Run, now: Environment, machine: Machine) -> PreparedRun:
    """Prepare a run to be resumed. Raises RunFolderError when no trial is missing, or when code or machine are others
    than when the run began, and ScenarioError when its scenario can't be run any more."""
    if run.is_whole:
        raise RunFolderError(f"{run.path}: nothing is missing, the run has ended")
    if run.is_edited:
        raise RunFolderError(f"{run.path}: can't be gone on with: its scenario.json was changed since it began")
    fingerprint = read_fingerprint(run.path)
    if run.is_search:
        raise RunFolderError(f"{run.path}: can't be gone on with: a search for the capacity is made anew")
    if run.scenario.is_of_two_commits:
        raise RunFolderError(f"{run.path}: can't be gone on with: its two checkouts are gone; run its command again")
    redactor = redactor_of(run.scenario)  # for what is compared with what was written
    if (made_on := _rig_names(run.info.rigs)) != (others := _rig_names(machine.describe_rigs())):
        raise RunFolderError(
            f"{run.path}: can't be gone on with here: it was made on {made_on or 'one machine, without --fleet'}, not"
            f" on {others or 'one machine, without --fleet'}"
        )
    if changed := find_differences(run.environment, redactor.as_written(now)):
        raise RunFolderError(
            f"{run.path}: can't be gone on with, since this is not what it began with ({'; '.join(changed)})"
        )
    for before, rig in zip(run.info.rigs, machine.describe_rigs(), strict=True):
        if changed := find_differences(before.environment, redactor.as_written(rig.environment)):
            raise RunFolderError(
                f"{run.path}: can't be gone on with, since {rig.server} is not what it was ({'; '.join(changed)})"
            )
    if withheld := _find_withheld(run.scenario):
        raise RunFolderError(
            f"{run.path}: can't be gone on with: {'; '.join(withheld)} was not written down. In the scenario, a secret"
            " that stands as {env:NAME}, or is named in pass_env, is taken from the environment again; public_env names"
            " what in env may be written"
        )
    if missing := [f"{topology.name}: {topology.reason}" for topology in machine.find_missing(run.scenario)]:
        raise RunFolderError(f"{run.path}: can't be gone on with: {'; '.join(missing)}")
    programs = machine.describe_programs(run.scenario)
    if other := _describe_changed_programs(run, programs, redactor):
        raise RunFolderError(f"{run.path}: can't be gone on with: {other}")
    doubts = tuple(_doubts_about_code(run, fingerprint, programs, redactor, machine))
    schedule = tuple(run.info.trials)
    return PreparedRun(run.scenario, run.info.skipped, run.info.seed, schedule, run.info.placement, doubts=doubts)


def _rig_names(rigs: Sequence[RigRecord]) -> str:
    return "; ".join(" with ".join([f"the fleet's {rig.server}", *rig.generators]) for rig in rigs)


def _find_withheld(scenario: Scenario) -> list[str]:
    """Return the parts of the scenario that were not written down, by the place where each belongs."""
    of = {where: withheld_of(command) for where, command in commands_of(scenario).items()}
    return [
        f"{', '.join(what)} of {where}"
        for where, what in {**of, "the load": withheld_of_load(scenario.load)}.items()
        if what
    ]


def _describe_changed_programs(run: Run, programs: Sequence[Program], redactor: Redactor) -> str | None:
    """Return the differences between the programs and those that the run began with; None when they are the same."""
    before, now = run.info.programs, [redactor.as_written(program) for program in programs]
    if not before:
        return "it was begun by an older harness, which did not record the programs that it ran"
    gone, new = (", ".join(map(str, those)) for those in (set(before) - set(now), set(now) - set(before)))
    return f"its programs were {gone or 'fewer'}, and are now {new or 'fewer'}" if gone or new else None


def _doubts_about_code(
    run: Run, before: Fingerprint | None, programs: Sequence[Program], redactor: Redactor, machine: Machine
) -> Iterator[str]:
    """Yield a sentence for each thing that may have changed since the run began, without being known to have. Raises
    RunFolderError naming the files and packages that have changed and that the run's commands use."""
    if before is None:
        raise RunFolderError(
            f"{run.path}: can't be gone on with: it was begun by an older harness, which did not record the state of"
            " what its commands run"
        )
    now = redactor.as_written(machine.take_fingerprint(run.scenario.topologies, programs))
    changes = list(before.changes(now))
    if code := [name for name in changes if not WRITTEN_BY_SERVERS.fullmatch(name)]:
        raise RunFolderError(f"{run.path}: can't be gone on with: what its commands run has changed: {_join_few(code)}")
    if changes:
        yield f"Changed since the run began, as by a server that writes there: {_join_few(changes)}."
    if unseen := sorted({*before.unseen, *now.unseen}):
        yield f"Too large to be looked at as a whole for changes: {_join_few(unseen)}."
    if handed_on := sorted({name for topology in run.scenario.topologies for name in topology.pass_env}):
        yield f"Handed on as they are now, which was not recorded when the run began: {_join_few(handed_on)}."


def _join_few(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more


def skipped_topologies(scenario: Scenario) -> Iterator[SkippedTopology]:
    """Yield the topologies whose programs are not on this machine, with what to install."""
    for topology in scenario.topologies:
        if reason := explain_missing_programs(topology):
            yield SkippedTopology(name=topology.name, reason=reason)


def without_skipped(scenario: Scenario, skipped: list[SkippedTopology]) -> Scenario:
    """Return the scenario without the topologies that are skipped. Raises ScenarioError when that leaves nothing to
    compare."""
    names = {topology.name for topology in skipped}
    if scenario.is_of_pairs:  # of one alone there is nothing to say
        names = {each.name for pair in scenario.groups if names & {each.name for each in pair} for each in pair}
    left = [topology.name for topology in scenario.topologies if topology.name not in names]
    if len(left) < min(2, len(scenario.topologies)):
        by_reason = {each.reason: [one.name for one in skipped if one.reason == each.reason] for each in skipped}
        reasons = "; ".join(f"{', '.join(those)}: {reason}" for reason, those in by_reason.items())
        raise ScenarioError(f"{scenario.name}: nothing left to compare ({reasons})")
    scenario = scenario.only(left)
    _check_can_start(scenario)
    return scenario


def choose_placement(scenario: Scenario) -> Placement:
    """Return the cores of generator and server. They are the same for all topologies, so that the placement is not a
    part of what is compared.

    With ``auto``, the generator has as many processes as there are cores that the largest topology leaves free, and at
    least one. Where the number of workers is not declared, the cores that they need are unknown, and all cores are
    shared.
    """
    cores, workers = UsableCores.here(), max(topology.workers or 1 for topology in scenario.topologies)
    least = min(scenario.load_of(topology).connections for topology in scenario.topologies)
    asked, most = scenario.load.processes, min(cores.count - workers, least)
    processes = max(1, most) if asked == "auto" else asked
    if any(topology.workers_as_found for topology in scenario.topologies):
        return Placement(processes=processes)
    return separate_cores(cores, processes, workers)


def _check_variables(scenario: Scenario) -> None:
    """Raise ScenarioError where the environment lacks a variable that {env:NAME} stands for, or its value can't be sent
    in the place where it stands."""
    named = {where: variables_of_command(command) for where, command in commands_of(scenario).items()}
    for where, names in {**named, "load": variables_of_load(scenario.load)}.items():
        if missing := sorted({name for name in names if name not in os.environ}):
            listed = ", ".join(f"{{env:{name}}}" for name in missing)
            raise ScenarioError(f"{where}: the environment does not have what {listed} stands for: export it")
    try:
        scenario.load.at(Target(host=LOOPBACK, port=1), seed=0)
    except ValueError as error:
        raise ScenarioError(f"load: {error}") from error


def _check_names(scenario: Scenario) -> None:
    """Raise ScenarioError where a name contains a secret: files are named after it."""
    redactor = redactor_of(scenario)
    names = {"scenario": [scenario.name], "topology": [topology.name for topology in scenario.topologies]}
    for what, those in names.items():
        if secret := [redactor.redact(name) for name in those if redactor.redact(name) != name]:
            raise ScenarioError(
                f"{what} {secret[0]}: expected a name without what is not written down, such as a secret, or a value in"
                " pass_env or in env that public_env does not name: files are called after it"
            )


def _check_can_start(scenario: Scenario) -> None:
    for topology in scenario.topologies:
        _check_fixed_port(topology)
    for topology in scenario.topologies:
        try:
            with open_group(limits_of(topology), Host.here()):
                pass
        except LimitError as error:
            raise ScenarioError(f"topology {topology.name}: cpus and memory: {error}") from error
    for where, command in commands_of(scenario).items():
        _check_environment(where, command.pass_env)
        folder = folder_of(command) if isinstance(command, Topology) else command.cwd
        if command.cwd != "." and not os.path.isdir(folder):
            raise ScenarioError(f"{where}: cwd: {folder}: there is no such folder")

    for service in scenario.services:
        if program := find_missing_program(service):
            raise ScenarioError(f"service {service.name}: {program} not found on PATH; install {program}")
    for name, hook in scenario.hooks.by_name.items():
        if program := find_missing_hook_program(hook):
            raise ScenarioError(f"hooks.{name}: {program} not found on PATH; install {program}")
    for number, event in enumerate(scenario.events):
        if program := find_missing_event_program(event):
            raise ScenarioError(f"event[{number}]: {program} not found on PATH; install {program}")


def _check_environment(where: str, names: Sequence[str]) -> None:
    if missing := [name for name in names if name not in os.environ]:
        raise ScenarioError(
            f"{where}: pass_env names {', '.join(missing)}, which the environment does not have: export it, or"
            " say it in env"
        )


def _check_fixed_port(topology: Topology) -> None:
    if topology.port is None:
        return
    try:
        check_port_is_free(topology.host, topology.port)
    except OSError as error:
        where = f"port {topology.port} of {topology.host}"
        raise ScenarioError(
            f"{topology.name}: {where}: {error.strerror}; end who has it, or leave the port open: {{port}} in"
            " command or env, and no port = N"
        ) from error
