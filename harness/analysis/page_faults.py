"""Launches of one server that differ since the kernel had to do more for some: their modes, and what all of them pay.

A server's malloc may give the memory of a response back to the kernel when it is freed, and take it again for the next
one, page by page, or not, by chance. A launch stays in its mode for as long as it lives.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from statistics import fmean
from typing import Final

import numpy as np

from harness.analysis.trials import Trial, Trials
from harness.stats.modes import Modes, find_modes
from harness.units import NS_PER_MS

FAULT_NS: Final = 500  # of CPU at least; on a virtual machine servers gained 3 to 6 µs for each that they were spared
MIN_FAULTS: Final = 10.0  # a request, in every launch
MIN_SHARE: Final = 0.005  # of the CPU


@dataclass(frozen=True)
class FaultCost:
    """Minor page faults for each request that every launch paid: the least and the most of any. They take at least this
    ``share`` of the server's CPU."""

    least: float
    most: float
    share: float


def modes_of(topology: str, trials: Trials) -> Modes | None:
    """Return the modes of the launches of one topology, by page faults, with what they cost in CPU for each request;
    None where none are shown, or where page faults are unknown.

    Where the CPU scatters less beside that of the other topologies in the same round, it is taken so: that removes the
    drift of the machine. The choice knows nothing of the page faults.
    """
    figures, logs_by_round = _known_faults(trials[topology]), _logs_of_cpu(trials[topology])
    if len(figures) < 2 or len(logs_by_round) < len(figures):
        return None
    others = [_logs_of_cpu(found) for name, found in trials.items() if name != topology]
    logs = np.array(list(logs_by_round.values()))
    beside = logs - [_round_level(number, others) for number in logs_by_round]
    return find_modes(figures, np.exp(min(logs, beside, key=np.std)).tolist())


def fault_cost_of(trials: Sequence[Trial]) -> FaultCost | None:
    """Return what all launches of one topology pay for page faults; None where that is little or unknown."""
    figures, cpu_ms = _known_faults(trials), [trial.cpu_ms_per_good or 0.0 for trial in trials]
    if not figures or min(figures) < MIN_FAULTS or min(cpu_ms) <= 0:
        return None
    share = sum(figures) * FAULT_NS / NS_PER_MS / sum(cpu_ms)
    return FaultCost(min(figures), max(figures), share) if share >= MIN_SHARE else None


def _known_faults(trials: Sequence[Trial]) -> list[float]:
    """Return the page faults for each request in each trial; empty where they are unknown in one of them."""
    known = [found for trial in trials if (found := trial.lasting_faults_per_request) is not None]
    return known if len(known) == len(trials) else []


def _logs_of_cpu(trials: Sequence[Trial]) -> dict[int, float]:
    """Return the logarithm of the CPU for each good response, by round; without trials that used none."""
    cpu_ms = {trial.block: trial.cpu_ms_per_good or 0.0 for trial in trials}
    return {number: log(used_ms) for number, used_ms in cpu_ms.items() if used_ms > 0}


def _round_level(number: int, others: Sequence[Mapping[int, float]]) -> float:
    """Return by how much the other topologies took more CPU in a round than they usually do, as a logarithm; zero where
    no other was measured in it."""
    deviations = [logs[number] - fmean(logs.values()) for logs in others if number in logs]
    return fmean(deviations) if deviations else 0.0
