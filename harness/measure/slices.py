"""The sliced round: all its topologies are up at once, and the load alternates between them in short slices.

The machine changes its speed within seconds, and for minutes. What is measured a fraction of a second apart has met the
same machine: such changes cancel out of the ratios (duet benchmarking, Bulej et al., ICPE 2020, which loads both at the
same time; taking turns keeps the two from disturbing each other).
"""

import random
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from harness.generator.process import StartGenerator, start_here
from harness.load.cpus import Placement, list_usable_cpus
from harness.measure.launch import AfterWarmup, launch_topology
from harness.measure.progress import Watch
from harness.measure.schedule import count_rotations
from harness.measure.sliced_trial import SlicedTrial
from harness.measure.turns import take_turns
from harness.monitor import CoreSpeedProbe
from harness.record import PlannedTrial, TrialRecord
from harness.scenario import Scenario
from harness.server.service import UpService


def run_sliced_trials(
    trials: Sequence[PlannedTrial],
    scenario: Scenario,
    placement: Placement,
    logs: Mapping[str, Path],
    watch: Watch,
    known_bodies: Collection[str],
    services: Sequence[UpService] = (),
    after_warmup: AfterWarmup | None = None,
    start_generator: StartGenerator = start_here,
    turn_s: float | None = None,
) -> list[TrialRecord]:
    """Make the trials of one round together and return their records. Where a server or a generator fails, its record
    is a failed or an invalid one, and the others go on.

    ``logs`` are the servers' logs, by the ids of the trials, ``known_bodies`` the digests of the bodies that earlier
    trials found to be always the same, and ``services`` those up beside the servers. ``after_warmup`` is called
    when a topology is warm. ``watch`` is called with the state of a trial whenever it changes. With ``turn_s``, slices
    of all topologies are measured at the same time, in turns of so long (see :mod:`harness.measure.turns`).
    """
    with CoreSpeedProbe(placement.server or list_usable_cpus()) as core_speed, ExitStack() as stack:
        made, bodies = [], set(known_bodies)
        for planned in trials:
            log = logs[planned.id]
            start = partial(
                launch_topology, planned, scenario, placement, log, bodies, core_speed, services, start_generator
            )
            made.append(SlicedTrial(planned, log, watch, stack.enter_context(ExitStack()), start, after_warmup))
        for trial in made:
            trial.start()
            if (digest := trial.body_sha256) is not None:
                bodies.add(digest)
        if turn_s is not None:
            core_speed.end()  # which servers in turns share evenly, and whose measurement takes a core from them
        _measure_in_slices(made, scenario, placement, turn_s)
        for trial in made:
            trial.examine()
        with ThreadPoolExecutor(len(made)) as threads:  # some take a second to stop
            list(threads.map(SlicedTrial.stop, made))
        return [trial.record() for trial in made]


def _measure_in_slices(
    trials: Sequence[SlicedTrial], scenario: Scenario, placement: Placement, turn_s: float | None
) -> None:
    """Give each topology that is up one slice in every rotation: one after the other, in an order drawn anew, or all at
    the same time, in turns."""
    dice = random.Random(f"slices {trials[0].planned.seed} {trials[0].planned.block}")
    rotations, began_s = count_rotations(scenario), time.monotonic()
    for _ in range(rotations):
        duration_s, order = scenario.load.duration_s / rotations, dice.sample(trials, k=len(trials))
        if turn_s is not None:
            take_turns(order, duration_s, turn_s, began_s, str(dice.random()), placement.generator)
            continue
        for trial in order:
            trial.prepare_slice()
            trial.run_slice(duration_s)
            trial.end_slice()
            trial.record_slice(began_s)
