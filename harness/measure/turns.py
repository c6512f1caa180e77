"""Slices of several topologies at the same time: they take turns of some milliseconds, and are stopped between them.

Cores of a shared machine change their speed within milliseconds. Slices that follow each other meet other speeds; turns
that are as short as those changes share them out.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from harness.generator.loop import sleep_until
from harness.generator.messages import Turns
from harness.generator.turns import Turn, iter_turns
from harness.load.cpus import list_usable_cpus
from harness.measure.answer_times import are_in_one_line
from harness.measure.sliced_trial import SlicedTrial
from harness.monitor.turns import CpuTimes
from harness.server.stopped import StoppedServer
from harness.units import NS_PER_MS, NS_PER_S

TURN_S: Final = 0.02
TURN_OF_PAIR_S: Final = 0.005  # of two commits, whose difference matters more than how much either serves
GAP_NS: Final = 300_000  # between two turns, in which the one server is stopped and the other goes on
HEAD_START_NS: Final = 20 * NS_PER_MS  # in which every generator gets its order


def take_turns(
    trials: Sequence[SlicedTrial],
    duration_s: float,
    turn_s: float,
    began_s: float,
    seed: str,
    generator_cores: Sequence[int],
) -> None:
    """Measure a slice of each of the trials that have not failed, in turns of so long. The round ``began_s`` (monotonic
    clock). ``seed`` determines the order of the turns. Where the generators have cores of their own, these are
    ``generator_cores``."""
    for trial in trials:
        trial.prepare_slice()
    up = [trial for trial in trials if not trial.has_failed]
    if not up:
        return
    cores = list_usable_cpus()
    with ExitStack() as stack:
        stack.enter_context(_on_core(generator_cores[0] if generator_cores else cores[-1]))
        servers = [stack.enter_context(StoppedServer(trial.busiest_pids, cores, trial.idle_pids)) for trial in up]
        for server in servers:
            server.stop()
        begin_ns, length_ns = time.monotonic_ns() + HEAD_START_NS, round(turn_s * NS_PER_S)
        turns = Turns(length_ns=length_ns, gap_ns=GAP_NS, of=len(up), seed=seed)
        for place, trial in enumerate(up):
            trial.begin_turns(duration_s, begin_ns, turns, place)
        times = _run_turns(iter_turns(turns, begin_ns), up, servers)
    for trial in up:
        trial.end_slice()
    _correct_rates({trial: each.lengthening for trial, each in zip(up, times, strict=True) if not trial.has_failed})
    measured = [trial for trial in up if not trial.has_failed]
    together = CpuTimes.add_up([trial.cpu_times for trial in measured])
    for trial in measured:
        trial.record_slice(began_s, together)


@contextmanager
def _on_core(core: int) -> Iterator[None]:
    """Keep this thread on the core on which the generators are: elsewhere it would take the caches of the server."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


@dataclass
class _TurnTimes:
    """The time of the turns of one server: what they were to last, and what they did."""

    planned_ns: int = 0
    actual_ns: int = 0

    @property
    def lengthening(self) -> float:
        """By how many times longer they were. Where the harness is kept from running, a server gets more or less."""
        return self.actual_ns / self.planned_ns if self.planned_ns else 1.0


def _correct_rates(lengthening: Mapping[SlicedTrial, float]) -> None:
    """Correct the rates of the last slices, whose turns were so many times as long as they were to be. Those with one
    line of requests have the rates of all of it; of equally many workers, all or none: they are compared, and a
    difference must not come of the way of counting."""
    workers = {trial: trial.workers for trial in lengthening}
    several = {
        workers[trial]
        for trial, times in lengthening.items()
        if not are_in_one_line(workers[trial], trial.cores_used / times)
    }
    for trial, times in lengthening.items():
        if workers[trial] not in several:
            trial.count_all()
        trial.correct_rates(times)


def _run_turns(
    turns: Iterator[Turn], trials: Sequence[SlicedTrial], servers: Sequence[StoppedServer]
) -> Sequence[_TurnTimes]:
    """Let one server run at a time, until the slices of all are measured. Return the times of their turns."""
    times = [_TurnTimes() for _ in trials]
    for turn in turns:
        if not any(trial.is_measuring for trial in trials):
            break
        trial, server = trials[turn.place], servers[turn.place]
        sleep_until(turn.begin_ns)
        resumed_ns = server.resume()
        if trial.is_measuring:
            trial.look_for_slice()
        sleep_until(turn.end_ns)
        stopped_ns = server.stop()
        if trial.is_measuring:
            times[turn.place].planned_ns += turn.end_ns - turn.begin_ns
            times[turn.place].actual_ns += stopped_ns - resumed_ns
    return times
