"""Rounds of a search on a virtual testbed, with windows that are long enough to show its law."""

import math
from collections.abc import Sequence
from pathlib import Path

from harness.load.cpus import Placement
from harness.record import PlannedTrial, TrialRecord
from tests.made_runs import LOAD, scenario_of
from tests.rehearsal.testbed import VirtualTestbed


def make_round(trials: Sequence[PlannedTrial], testbed: VirtualTestbed, window_s: float = 30.0) -> list[TrialRecord]:
    """Make the trials of a round; nothing times out."""
    scenario = scenario_of([planned.topology for planned in trials], 1)
    load = LOAD.model_copy(update={"warmup_s": 5.0, "duration_s": window_s, "timeout_s": 60.0})
    scenario = scenario.model_copy(update={"load": load})
    return [testbed.run_trial(planned, scenario, Placement(), Path(), lambda _: None) for planned in trials]


def rate_with(served_per_s: float, slow_s: float, allowed: float) -> float:
    """Return the rate at which the part ``allowed`` of the requests takes longer than this, by the law of M/M/1:
    P(T > t) = exp(−(μ − λ)t)."""
    return served_per_s + math.log(allowed) / slow_s
