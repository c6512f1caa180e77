"""The race of the topologies of a run: which of them are shown to be behind the best, and get no more rounds."""

from collections.abc import Callable, Sequence
from math import log, log1p, log2

from harness.analysis.comparison import margin_of
from harness.analysis.metrics import ERRORS, Metric, metrics_of
from harness.analysis.trials import Trial, Trials, trials_of
from harness.record import TrialRecord
from harness.scenario import Scenario, Topology
from harness.stats.race import MIN_ROUNDS, Race, Standing, race, spend_in_race, spend_once


def race_topologies(scenario: Scenario, trials: Trials, names: Sequence[str]) -> Race:
    """Return the race of these topologies by the deciding metric. It is looked at after every round from the third on
    or, where topologies get all rounds whatever they show, after the last alone.

    A topology may lack what the workers that the leader has more are worth, and at least the margin. Those of which
    more requests fail than of the baseline's lead nobody.
    """
    metric = metrics_of(scenario)[0]
    last = max((trial.block for name in names for trial in trials[name]), default=0)
    looks = range(MIN_ROUNDS, last + 1) if scenario.is_race else [last] if last >= MIN_ROUNDS else []
    logs = {name: take_logs(metric, trials[name]) for name in names}
    spend = spend_in_race if scenario.is_race else spend_once
    return race(logs, looks, _allow(scenario, metric, trials), _may_lead(scenario, trials), spend)


def find_dropped(scenario: Scenario, records: Sequence[TrialRecord]) -> tuple[Standing, ...]:
    """Return the topologies that get no more rounds after these records, the first to go first. The baseline always
    does, since the others are compared with it."""
    if not scenario.is_race:
        return ()
    trials = trials_of(records, [topology.name for topology in scenario.topologies])
    baselines = {topology.name for topology in scenario.topologies if topology.baseline}
    dropped = [each for group in scenario.groups for each in _race_group(scenario, trials, group).dropped]
    return tuple(
        sorted((each for each in dropped if each.candidate not in baselines), key=lambda each: each.after_round)
    )


def is_race_over(scenario: Scenario, records: Sequence[TrialRecord]) -> bool:
    """Check whether more rounds would not tell the topologies apart that lead."""
    trials = trials_of(records, [topology.name for topology in scenario.topologies])
    baseline = trials[scenario.baseline.name]
    margin = margin_of(metrics_of(scenario)[0], baseline, scenario.margin) if baseline else scenario.margin
    return all(_race_group(scenario, trials, group).is_over(margin) for group in scenario.groups)


def _race_group(scenario: Scenario, trials: Trials, group: Sequence[Topology]) -> Race:
    return race_topologies(scenario, trials, [topology.name for topology in group])


def take_logs(metric: Metric, trials: Sequence[Trial]) -> dict[int, float]:
    """Return the logarithms of the sound figures of one topology by round, greater where it is better."""
    sign = 1 if metric.more_is_better else -1
    figures = {trial.block: metric.of(trial) for trial in trials if metric.is_sound(trial)}
    return {block: sign * log(figure) for block, figure in figures.items() if figure}


def _allow(scenario: Scenario, metric: Metric, trials: Trials) -> Callable[[str, str], float]:
    workers = {topology.name: topology.workers or 1 for topology in scenario.topologies}
    baseline = trials[scenario.baseline.name]
    margin = log1p(margin_of(metric, baseline, scenario.margin)) if baseline else log1p(scenario.margin)

    def allow(candidate: str, leader: str) -> float:
        doublings = log2(workers[leader] / workers[candidate])
        return max(margin, doublings * log1p(scenario.worth))

    return allow


def _may_lead(scenario: Scenario, trials: Trials) -> Callable[[str, int], bool]:
    baseline_of = {name: baseline.name for name, baseline in scenario.baseline_of.items()}

    def error_share(name: str, until: int) -> float:
        shares = [trial.error_share for trial in trials[name] if trial.block <= until]
        return sum(shares) / len(shares) if shares else 0.0

    margin = ERRORS.margin if isinstance(ERRORS.margin, float) else 0.0
    return lambda name, until: error_share(name, until) - error_share(baseline_of.get(name, name), until) <= margin
