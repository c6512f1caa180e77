"""Trials and scenarios of the small servers, with short loads."""

from collections.abc import Callable
from pathlib import Path

from harness.load.cpus import Placement
from harness.measure.progress import Phase, Progress, Watch
from harness.measure.trial import run_trial
from harness.record import PlannedTrial, TrialRecord
from harness.scenario import Scenario, Topology
from tests.made_runs import LOAD


def scenario(
    *topologies: Topology,
    rounds: int = 1,
    start_timeout_s: float = 20.0,
    workers_may_change: bool = True,
    warmup_s: float = 0.1,
) -> Scenario:
    """A comparison of the topologies, of which the first is the baseline."""
    load = LOAD.model_copy(update={"connections": 4, "threads": 2, "warmup_s": warmup_s, "duration_s": 0.3})
    return Scenario.model_validate(
        {
            "name": "test",
            "rounds": rounds,
            "start_timeout": start_timeout_s,
            "workers_may_change": workers_may_change,
            "load": load,
            "topologies": [
                topology.model_copy(update={"baseline": topology is topologies[0]}) for topology in topologies
            ],
        }
    )


def ignore(_: Progress) -> None:
    """Take no interest."""


def when_measuring(act: Callable[[], object]) -> Watch:
    """Do something once, as the measured window begins."""
    waiting = [act]

    def watch(progress: Progress) -> None:
        if progress.phase is Phase.MEASURING and waiting:
            waiting.pop()()

    return watch


def try_out(
    topology: Topology,
    log: Path,
    watch: Watch = ignore,
    start_timeout_s: float = 20.0,
    workers_may_change: bool = True,
    warmup_s: float = 0.1,
) -> TrialRecord:
    """Make one trial."""
    planned = PlannedTrial(id="r01-01-test", block=1, position=1, seed=1, topology=topology)
    around = scenario(
        topology, start_timeout_s=start_timeout_s, workers_may_change=workers_may_change, warmup_s=warmup_s
    )
    return run_trial(planned, around, Placement(), log, watch)
