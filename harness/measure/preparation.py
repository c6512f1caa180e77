"""From the scenario to what can be run here: without topologies whose programs are missing, planned and placed."""

import os
import random
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from harness.load.cpus import Placement, apart
from harness.load.spec import Target
from harness.machine.cores import UsableCores
from harness.machine.environment import Environment, differences
from harness.measure.schedule import make_plan
from harness.record import (
    Fingerprint,
    PlannedTrial,
    Program,
    Revision,
    Run,
    RunFolderError,
    SkippedTopology,
    read_fingerprint,
)
from harness.record.fingerprint import WRITTEN_BY_SERVERS
from harness.scenario import Scenario, ScenarioError, Topology
from harness.scenario.secrets import (
    redactor_of,
    variables_of_load,
    variables_of_topology,
    withheld_of,
    withheld_of_load,
)
from harness.scenario.topology import LOOPBACK
from harness.server.fingerprint import take_fingerprint
from harness.server.launch import bindable_socket, what_is_missing
from harness.server.programs import describe_programs
from harness.text.redaction import Redactor

MOST_NAMED: Final = 6  # files, packages or variables in one message


@dataclass(frozen=True)
class PreparedRun:
    """A comparison that can begin: ``scenario`` holds what is left of it when ``skipped`` is taken out."""

    scenario: Scenario
    skipped: list[SkippedTopology]
    seed: int
    plan: tuple[PlannedTrial, ...]
    placement: Placement
    revisions: tuple[Revision, ...] = ()  # base and head, where two commits are compared
    doubts: tuple[str, ...] = ()  # a sentence for each thing that may be another than when the run began


def drawn(seed: int | None = None) -> int:
    """The seed, or one that was never used before."""
    return random.SystemRandom().randrange(2**32) if seed is None else seed


def prepare(scenario: Scenario, seed: int, revisions: tuple[Revision, ...] = ()) -> PreparedRun:
    """Raises ScenarioError when nothing is left to compare, or when a fixed port is taken or a variable missing."""
    _check_variables(scenario)
    _check_names(scenario)
    skipped = list(skipped_topologies(scenario))
    scenario = without(scenario, skipped)
    return PreparedRun(scenario, skipped, seed, make_plan(scenario, seed), place(scenario), revisions)


def prepare_again(run: Run, now: Environment) -> PreparedRun:
    """What is needed to go on with a run. Raises RunFolderError when nothing is missing, or when code or machine are
    not those that it began with, and ScenarioError when its scenario can't be run any more."""
    if run.is_whole:
        raise RunFolderError(f"{run.path}: nothing is missing, the run has ended")
    if run.is_edited:
        raise RunFolderError(f"{run.path}: can't be gone on with: its scenario.json was changed since it began")
    fingerprint = read_fingerprint(run.path)
    if run.is_search:
        raise RunFolderError(f"{run.path}: can't be gone on with: a search for the capacity is made anew")
    if run.scenario.is_of_two_commits:
        raise RunFolderError(f"{run.path}: can't be gone on with: its two checkouts are gone; run harness ab again")
    redactor = redactor_of(run.scenario)  # for what is compared with what was written
    if changed := differences(run.environment, redactor.as_written(now)):
        raise RunFolderError(
            f"{run.path}: can't be gone on with, since this is not what it began with ({'; '.join(changed)})"
        )
    if withheld := _withheld(run.scenario):
        raise RunFolderError(
            f"{run.path}: can't be gone on with: {'; '.join(withheld)} was not written down. In the scenario, a secret"
            " that stands as {env:NAME}, or is named in pass_env, is taken from the environment again; public_env names"
            " what in env may be written"
        )
    _check_variables(run.scenario)
    if missing := [f"{topology.name}: {topology.reason}" for topology in skipped_topologies(run.scenario)]:
        raise RunFolderError(f"{run.path}: can't be gone on with: {'; '.join(missing)}")
    programs = describe_programs(run.scenario.topologies)
    if other := _other_programs(run, programs, redactor):
        raise RunFolderError(f"{run.path}: can't be gone on with: {other}")
    doubts = tuple(_doubts_about_code(run, fingerprint, programs, redactor))
    _check_can_start(run.scenario)
    plan = tuple(run.info.trials)
    return PreparedRun(run.scenario, run.info.skipped, run.info.seed, plan, run.info.placement, doubts=doubts)


def _withheld(scenario: Scenario) -> list[str]:
    """What of it was not written down."""
    of = {topology.name: withheld_of(topology) for topology in scenario.topologies}
    return [
        f"{', '.join(what)} of {where}"
        for where, what in {**of, "the load": withheld_of_load(scenario.load)}.items()
        if what
    ]


def _other_programs(run: Run, programs: Sequence[Program], redactor: Redactor) -> str | None:
    """In what the programs differ from those that the run began with; None when they are the same."""
    before, now = run.info.programs, [redactor.as_written(program) for program in programs]
    if not before:
        return "it was begun by an older harness, which did not record the programs that it ran"
    gone, new = (", ".join(map(str, those)) for those in (set(before) - set(now), set(now) - set(before)))
    return f"its programs were {gone or 'fewer'}, and are now {new or 'fewer'}" if gone or new else None


def _doubts_about_code(
    run: Run, before: Fingerprint | None, programs: Sequence[Program], redactor: Redactor
) -> Iterator[str]:
    """Yield what may be another than when the run began, and is not known to be. Raises RunFolderError naming what its
    commands run that has changed."""
    if before is None:
        raise RunFolderError(
            f"{run.path}: can't be gone on with: it was begun by an older harness, which did not record the state of"
            " what its commands run"
        )
    now = redactor.as_written(take_fingerprint(run.scenario.topologies, programs))
    changes = list(before.changes(now))
    if code := [name for name in changes if not WRITTEN_BY_SERVERS.fullmatch(name)]:
        raise RunFolderError(f"{run.path}: can't be gone on with: what its commands run has changed: {_few(code)}")
    if changes:
        yield f"Changed since the run began, as by a server that writes there: {_few(changes)}."
    if unseen := sorted({*before.unseen, *now.unseen}):
        yield f"Too large to be looked at as a whole for changes: {_few(unseen)}."
    if handed_on := sorted({name for topology in run.scenario.topologies for name in topology.pass_env}):
        yield f"Handed on as they are now, which was not recorded when the run began: {_few(handed_on)}."


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def skipped_topologies(scenario: Scenario) -> Iterator[SkippedTopology]:
    """The topologies whose programs are not on this machine, with what to install."""
    for topology in scenario.topologies:
        if reason := what_is_missing(topology):
            yield SkippedTopology(name=topology.name, reason=reason)


def without(scenario: Scenario, skipped: list[SkippedTopology]) -> Scenario:
    """The scenario less what can't be run here. Raises ScenarioError when that leaves nothing to compare."""
    names = {topology.name for topology in skipped}
    if scenario.is_of_two_commits:  # of one alone there is nothing to say
        names = {each.name for pair in scenario.pairs if names & {each.name for each in pair} for each in pair}
    left = [topology.name for topology in scenario.topologies if topology.name not in names]
    if len(left) < min(2, len(scenario.topologies)):
        reasons = "; ".join(f"{topology.name}: {topology.reason}" for topology in skipped)
        raise ScenarioError(f"{scenario.name}: nothing left to compare ({reasons})")
    scenario = scenario.only(left)
    _check_can_start(scenario)
    return scenario


def place(scenario: Scenario) -> Placement:
    """Where generator and server run: the same for all topologies, or where they run would be compared too.

    ``auto`` processes are as many as there are cores that the largest topology leaves free, and one at the least. Where
    workers are taken as found, nobody knows how many cores they need, and all are shared.
    """
    cores, workers = UsableCores.here(), max(topology.workers or 1 for topology in scenario.topologies)
    asked, most = scenario.load.processes, min(cores.count - workers, scenario.load.connections)
    processes = max(1, most) if asked == "auto" else asked
    if any(topology.workers_as_found for topology in scenario.topologies):
        return Placement(processes=processes)
    return apart(cores, processes, workers)


def _check_variables(scenario: Scenario) -> None:
    """Raise ScenarioError where the environment does not have what {env:NAME} stands for, or it fits nowhere there."""
    named = {topology.name: variables_of_topology(topology) for topology in scenario.topologies}
    for where, names in {**named, "load": variables_of_load(scenario.load)}.items():
        if missing := sorted({name for name in names if name not in os.environ}):
            listed = ", ".join(f"{{env:{name}}}" for name in missing)
            raise ScenarioError(f"{where}: the environment does not have what {listed} stands for: export it")
    try:
        scenario.load.at(Target(host=LOOPBACK, port=1), seed=0)
    except ValueError as error:
        raise ScenarioError(f"load: {error}") from error


def _check_names(scenario: Scenario) -> None:
    """Raise ScenarioError where a secret is in a name, which files are called after."""
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
        _check_environment(topology)


def _check_environment(topology: Topology) -> None:
    if missing := [name for name in topology.pass_env if name not in os.environ]:
        raise ScenarioError(
            f"{topology.name}: pass_env names {', '.join(missing)}, which the environment does not have: export it, or"
            " say it in env"
        )


def _check_fixed_port(topology: Topology) -> None:
    if topology.port is None:
        return
    with bindable_socket(topology.host) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((topology.host, topology.port))
        except OSError as error:
            where = f"port {topology.port} of {topology.host}"
            raise ScenarioError(
                f"{topology.name}: {where}: {error.strerror}; end who has it, or leave the port open: {{port}} in"
                " command or env, and no port = N"
            ) from error
