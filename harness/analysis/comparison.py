"""Every topology against the baseline, by every metric, judged together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log

from harness.analysis.measured import Measured, Trials, median_workers, trials_of
from harness.analysis.metrics import Metric, metrics_of
from harness.record import TrialRecord
from harness.scenario import Scenario
from harness.stats.estimate import Estimate, bootstrap_interval
from harness.stats.paired import Paired
from harness.stats.power import rounds_to_settle, smallest_effect
from harness.stats.sequential import Looks
from harness.stats.verdict import Judgement, Rules, Verdict, judge


@dataclass(frozen=True)
class Comparison:
    """One topology against its baseline by one metric. ``pairs`` are the log-ratios, greater where it is better."""

    topology: str
    metric: Metric
    pairs: Paired
    judgement: Judgement
    margin: float

    @property
    def verdict(self) -> Verdict:
        """In one word, which :meth:`Metric.word` has in the metric's own."""
        return self.judgement.verdict

    @property
    def ratio(self) -> Estimate:
        """How many times the baseline's figure."""
        return self.judgement.ratio if self.metric.more_is_better else self.judgement.ratio.inverse()

    @property
    def is_settled(self) -> bool:
        """Whether there is a verdict."""
        return self.verdict is not Verdict.INCONCLUSIVE

    @cached_property
    def bootstrap(self) -> tuple[float, float] | None:
        """The ends of the ratio's interval by the bootstrap, to check the other by."""
        ends = bootstrap_interval(self.pairs)
        return ends if ends is None or self.metric.more_is_better else (1 / ends[1], 1 / ends[0])

    @property
    def smallest_effect(self) -> float | None:
        """The least relative difference that so many blocks would have shown nine times out of ten (0.03 is 3 %)."""
        level = self.judgement.level or self.judgement.last_level
        return smallest_effect(self.pairs.at_equal_pace, level) if len(self.pairs) > 1 else None

    @property
    def more_rounds(self) -> int | None:
        """How many more blocks would probably settle it; None when that can't be told or is more than a thousand."""
        if len(self.pairs) < 2:
            return None
        return rounds_to_settle(self.pairs.at_equal_pace, self.margin, self.judgement.last_level)


Comparisons = Mapping[tuple[str, str], Comparison]  # by the names of topology and metric


def rules_of(scenario: Scenario, looks: Looks) -> Rules:
    """By what a run of the scenario is judged."""
    return Rules(scenario.margin, looks)


def compare_topologies(scenario: Scenario, looks: Looks, records: Sequence[TrialRecord]) -> Comparisons:
    """Every comparison of the records: see :func:`compare_trials`."""
    trials = trials_of(records, [topology.name for topology in scenario.topologies])
    return compare_trials(scenario, looks, trials)


def compare_trials(scenario: Scenario, looks: Looks, all_trials: Trials) -> Comparisons:
    """Every comparison that has at least one block. Trials in which the generator was the limit support none."""
    pairs: dict[tuple[str, str], Paired] = {}
    metrics = metrics_of(scenario.load)
    for baseline, topology in scenario.pairs:
        before, trials = all_trials[baseline.name], all_trials[topology.name]
        for metric in metrics:
            if found := paired(before, trials, metric, are_alike(before, trials)):
                pairs[topology.name, metric.name] = found
    judgements = judge(pairs, rules_of(scenario, looks))
    by_name = {metric.name: metric for metric in metrics}
    return {
        (topology, name): Comparison(topology, by_name[name], pairs[topology, name], judgement, scenario.margin)
        for (topology, name), judgement in judgements.items()
    }


def judge_pair(
    baseline: Sequence[Measured], trials: Sequence[Measured], metric: Metric, rules: Rules
) -> Judgement | None:
    """The verdict on two topologies of which neither need be the baseline; None when no block holds both."""
    found = paired(baseline, trials, metric, are_alike=False)
    return judge({metric.name: found}, rules)[metric.name] if found else None


def are_alike(one: Sequence[Measured], other: Sequence[Measured]) -> bool:
    """Return whether two topologies had equally many workers in their trials, and so keep as many cores busy.

    Then the pace of the cores is none of their own doing.

    Where a core is half of a real one, more workers slow each other down, and that belongs to the comparison.
    """
    return bool(one) and bool(other) and median_workers(one) == median_workers(other)


def paired(baseline: Sequence[Measured], trials: Sequence[Measured], metric: Metric, are_alike: bool) -> Paired | None:
    """How much better the trials are than those of the baseline, block by block where both count, and between alike
    ones how much faster the cores were; None when there is no such block."""
    before = {trial.block: trial for trial in baseline if trial.supports_verdicts}
    logs, paces = list[float](), list[float]()
    for trial in sorted(trials, key=lambda trial: trial.block):
        other = before.get(trial.block)
        if other is None or not trial.supports_verdicts:
            continue
        was, now = metric.of(other), metric.of(trial)
        if was and now:  # a figure of zero has no ratio
            logs.append(log(now / was) if metric.more_is_better else log(was / now))
            if other.pace_us and trial.pace_us:
                paces.append(log(other.pace_us / trial.pace_us))
    if not logs:
        return None
    return Paired(tuple(logs), tuple(paces) if are_alike and len(paces) == len(logs) else None)


def is_sure(comparisons: Comparisons, precision: float, expected: int) -> bool:
    """Whether all ``expected`` comparisons are there, and each has a verdict or is as precise as asked."""
    return len(comparisons) >= expected and all(
        each.is_settled or (each.judgement.precision or float("inf")) <= precision for each in comparisons.values()
    )
