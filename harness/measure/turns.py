"""Slices of several topologies at the same time: they take turns of some milliseconds, and are stopped between them.

Cores of a shared machine change their speed within milliseconds. Slices that follow each other meet other speeds; turns
that are as short as those changes share them out.
"""

import time
from collections.abc import Sequence
from typing import Final

from harness.generator.messages import Turns
from harness.load.cpus import list_usable_cpus
from harness.measure.sliced_trial import SlicedTrial
from harness.monitor.turns import CpuTimes
from harness.units import NS_PER_MS, NS_PER_S

TURN_S: Final = 0.005
GAP_NS: Final = 300_000  # between two turns, in which the one server is stopped and the other goes on
HEAD_START_NS: Final = 20 * NS_PER_MS  # in which every generator gets its order, and stops its server


def take_turns(trials: Sequence[SlicedTrial], duration_s: float, turn_s: float, began_s: float, seed: str) -> None:
    """Measure a slice of each of the trials that have not failed, in turns of so long. The round ``began_s`` (monotonic
    clock). ``seed`` determines the order of the turns."""
    for trial in trials:
        trial.prepare_slice()
    up = [trial for trial in trials if not trial.has_failed]
    cores, begin_ns = tuple(list_usable_cpus()), time.monotonic_ns() + HEAD_START_NS
    for place, trial in enumerate(up):
        turns = Turns(
            begin_ns=begin_ns,
            length_ns=round(turn_s * NS_PER_S),
            gap_ns=GAP_NS,
            of=len(up),
            place=place,
            seed=seed,
            pids=tuple(trial.busiest_pids),
            cores=cores,
        )
        trial.begin_slice(duration_s, turns)
    for trial in up:
        trial.wait_for_slice()
    for trial in up:
        trial.end_slice()
    measured = [trial for trial in up if not trial.has_failed]
    together = CpuTimes.add_up([trial.cpu_times for trial in measured])
    for trial in measured:
        trial.record_slice(began_s, together)
