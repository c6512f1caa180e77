"""The search for the capacity: rounds of trials, each recorded on disk, until the answers are precise enough."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from harness.analysis.capacity import Capacity
from harness.measure.capacity.search import CLOSED_LOOP_TRIALS, is_found, next_rates
from harness.measure.observer import Observer
from harness.measure.preparation import PreparedRun
from harness.measure.schedule import trial_s
from harness.measure.services import carry_out
from harness.measure.testbed import Testbed
from harness.record import EndReason, Interleaving, PlannedTrial, RunFolder, RunInfo, TrialRecord
from harness.scenario import Objective, Topology
from harness.stats.sequential import SINGLE_LOOK

DEFAULT_PRECISION: Final = 0.05  # of a scenario that asks for none
MAX_CLOSED_ATTEMPTS: Final = 3  # trials in a closed loop; where all of them fail, the topology is given up


def search(
    prepared: PreparedRun,
    objectives: Sequence[Objective],
    results: Path,
    command: str,
    observer: Observer,
    testbed: Testbed | None = None,
) -> Path:
    """Make rounds of trials until the capacity of every topology is known to the scenario's precision, or its time is
    up; return the run folder. Ctrl-C ends the search early and keeps what was measured. ``command`` is the command line
    that repeats this run, for the record. Without a ``testbed``, this machine is it.

    Raises RunFolderError when a record can't be written, and BusyError while another run goes on on this machine.
    """
    testbed = testbed or Testbed.here()
    with testbed.exclusive_run():
        environment, checks = testbed.describe_environment(), testbed.run_checkup(prepared.scenario)
        observer.on_checks(checks)
        info = RunInfo(
            seed=prepared.seed,
            started_at=testbed.now(),
            command=command,
            trials=[],
            looks=SINGLE_LOOK.after,
            placement=prepared.placement,
            skipped=prepared.skipped,
            checks=checks,
            objectives=list(objectives),
            programs=testbed.describe_programs(prepared.scenario),
            rigs=testbed.describe_rigs(),
        )
        folder = RunFolder.create(results, info, prepared.scenario, environment)
        opened = testbed.open_run(prepared, folder)
        carry_out(opened, folder, lambda up: (_search(up, objectives, folder, observer, testbed), None))
        return folder.path


def _search(
    prepared: PreparedRun, objectives: Sequence[Objective], folder: RunFolder, observer: Observer, testbed: Testbed
) -> EndReason:
    scenario, records = prepared.scenario, list[TrialRecord]()
    dice, began_s, block = random.Random(prepared.seed), testbed.monotonic_s(), 0
    while True:
        found = [Capacity.of(topology, records, objectives) for topology in scenario.topologies]
        if block:
            observer.on_capacities(block, found)
        if not testbed.lanes:
            return "machines lost"
        block += 1
        trials = schedule_round(block, found, scenario.precision or DEFAULT_PRECISION, dice)
        if not trials:
            return "sure" if all(each.saturation is not None for each in found) else "given up"
        each_s = (testbed.monotonic_s() - began_s) / len(records) if records else trial_s(scenario.load)
        if block > 1 and testbed.monotonic_s() - began_s + each_s * len(trials) > scenario.max_time_s:
            return "out of time"
        records += testbed.start_round(trials, Interleaving(), prepared, folder, observer)


def schedule_round(
    block: int, found: Sequence[Capacity], precision: float, dice: random.Random
) -> tuple[PlannedTrial, ...]:
    """Return the trials of the next round, in random order, of each topology whose capacity is not precise enough yet:
    first in a closed loop alone, then in a closed loop and at rates. Empty when all are precise enough."""
    offers = [(each.topology, rate) for each in found for rate in _next_offers(block, each, precision)]
    return tuple(
        _planned_trial(block, position, topology, rate, dice.getrandbits(32))
        for position, (topology, rate) in enumerate(dice.sample(offers, k=len(offers)), start=1)
    )


def _next_offers(block: int, found: Capacity, precision: float) -> list[float | None]:
    if found.saturation is None:
        return [None] if block <= MAX_CLOSED_ATTEMPTS else []
    closed: list[float | None] = [None] if len(found.ceilings) < CLOSED_LOOP_TRIALS else []
    return closed if is_found(found, precision) else [*closed, *next_rates(found)]


def _planned_trial(block: int, position: int, topology: Topology, rate: float | None, seed: int) -> PlannedTrial:
    return PlannedTrial(
        id=f"r{block:03d}-{position:02d}-{topology.name}",
        block=block,
        position=position,
        seed=seed,
        topology=topology,
        rate_per_s=rate,
    )
