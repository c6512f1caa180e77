"""Every topology against its baseline, by every metric, with verdicts that are reached together."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf, log
from typing import Final, TypeVar

from harness.analysis.metrics import ERRORS, Metric, Scale, metrics_of, metrics_of_answer
from harness.analysis.rotations import core_speed_slope, pace_us_of
from harness.analysis.slices import find_drift
from harness.analysis.trials import Trial, Trials, have_equal_workers, trials_of
from harness.record import TrialRecord
from harness.scenario import Scenario
from harness.stats.estimate import Estimate, bootstrap_interval, difference_of, mean_over_trials, share_over_trials
from harness.stats.evidence import Differences, Evidence, Ratios, Shares
from harness.stats.paired import Paired
from harness.stats.power import minimum_detectable_effect, rounds_to_settle
from harness.stats.sequential import InterimLooks
from harness.stats.verdict import Judgement, Verdict, judge

MAX_EFFECT: Final = 1.0  # a greater minimum detectable effect means no more than that nothing could be detected
MIN_ROUNDS: Final = 4  # with fewer, the scatter can hardly be estimated
PRECISE_ENOUGH: Final = 1.5  # margins, of an open comparison on which no first sentence depends: ±3 % of a throughput

Key = TypeVar("Key")


@dataclass(frozen=True)
class Pairs:
    """The rounds in which both topologies have a sound figure of the metric. ``before`` are the baseline's figures,
    ``after`` the other's, round by round; the evidence is how much better the latter are (greater is better).
    ``rounds`` are their numbers; empty where figures of two runs are compared, which share none."""

    metric: Metric
    before: tuple[float, ...]
    after: tuple[float, ...]
    evidence: Evidence
    rounds: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.evidence)

    @cached_property
    def change(self) -> Estimate:
        """The change: the figure as a multiple of the baseline's or, of a metric compared by differences, the one less
        the other."""
        estimate = self.evidence.estimate
        if self.metric.more_is_better:
            return estimate
        return estimate.inverse() if self.metric.scale is Scale.RATIO else estimate.negate()

    @cached_property
    def figure_before(self) -> Estimate:
        """The baseline's figure over these rounds."""
        return mean_of(self.metric, self.before)

    @cached_property
    def figure_after(self) -> Estimate:
        """The other topology's figure: the baseline's figure with the change applied, at equal core speed where the
        change is."""
        found, before = mean_of(self.metric, self.after), self.figure_before.value
        if self.metric.scale is Scale.RATIO:
            return found.times(before * self.change.value / found.value)
        return replace(found, value=before + self.change.value)


@dataclass(frozen=True)
class Comparison:
    """One topology against its baseline by one metric."""

    topology: str
    pairs: Pairs
    judgement: Judgement

    @property
    def metric(self) -> Metric:
        """The metric by which they are compared."""
        return self.pairs.metric

    @property
    def verdict(self) -> Verdict:
        """The verdict; :meth:`Metric.word` has it in the metric's own word."""
        return self.judgement.verdict

    @property
    def change(self) -> Estimate:
        """The change: the figure as a multiple of the baseline's or, of a metric compared by differences, the one less
        the other."""
        return self.pairs.change

    @property
    def is_settled(self) -> bool:
        """True if the verdict is not inconclusive."""
        return self.verdict is not Verdict.INCONCLUSIVE

    @property
    def logs(self) -> Paired | None:
        """The log-ratios of the rounds, greater where it is better; None of a metric that is compared by
        differences."""
        return self.pairs.evidence.pairs if isinstance(self.pairs.evidence, Ratios) else None

    @property
    def is_at_equal_core_speed(self) -> bool:
        """True if the cores' own changes of speed are taken out of the change."""
        return self.logs is not None and self.logs.is_adjusted

    @cached_property
    def bootstrap(self) -> tuple[float, float] | None:
        """The ends of the ratio's interval by the bootstrap, as a check on the other interval; None of a difference."""
        ends = bootstrap_interval(self.logs) if self.logs else None
        return ends if ends is None or self.metric.more_is_better else (1 / ends[1], 1 / ends[0])

    @property
    def minimum_detectable_effect(self) -> float | None:
        """The smallest relative difference that so many rounds would have shown nine times out of ten (0.03 is 3 %).
        None where that is more than 100 %, or where there are too few rounds to estimate it."""
        if self.logs is None or len(self.logs) < MIN_ROUNDS:
            return None
        found = minimum_detectable_effect(self.logs.at_equal_pace, self.judgement.level or self.judgement.last_level)
        return found if found <= MAX_EFFECT else None

    @property
    def more_rounds(self) -> int | None:
        """The number of further rounds that would probably settle it; None where that is unknown or more than a
        thousand."""
        if self.logs is None or len(self.logs) < MIN_ROUNDS:
            return None
        margin = self.pairs.evidence.margin
        return rounds_to_settle(self.logs.at_equal_pace, margin, self.judgement.last_level)


Comparisons = Mapping[tuple[str, str], Comparison]  # by the names of topology and metric


def compare_topologies(scenario: Scenario, looks: InterimLooks, records: Sequence[TrialRecord]) -> Comparisons:
    """Return every comparison of the records: see :func:`compare_trials`."""
    trials = trials_of(records, [topology.name for topology in scenario.topologies])
    return compare_trials(scenario, looks, trials)


def compare_trials(scenario: Scenario, looks: InterimLooks, trials: Trials) -> Comparisons:
    """Return every comparison that has at least one round."""
    pairs: dict[tuple[str, str], Pairs] = {}
    for baseline, topology in scenario.pairs:
        before, after = trials[baseline.name], trials[topology.name]
        for metric in metrics_of(scenario):
            if found := pair_up(before, after, metric, scenario.margin, have_equal_workers(before, after)):
                pairs[topology.name, metric.name] = found
    judgements = judge_together(pairs, looks, metrics_of_answer(scenario))
    unsettled = {
        topology.name
        for baseline, topology in scenario.pairs
        if find_drift(scenario.margin, trials[baseline.name], trials[topology.name])
    }
    return {
        (topology, name): _compare(topology, pairs[topology, name], judgement, is_settled=topology not in unsettled)
        for (topology, name), judgement in judgements.items()
    }


def judge_together(
    pairs: Mapping[Key, Pairs], looks: InterimLooks, decisive: Collection[Metric] = ()
) -> dict[Key, Judgement]:
    """Return the verdicts on all of these pairs. The answer depends on those by the ``decisive`` metrics."""
    evidence = {key: each.evidence for key, each in pairs.items()}
    return judge(evidence, looks, {key for key, each in pairs.items() if each.metric in decisive})


def _compare(topology: str, pairs: Pairs, judgement: Judgement, is_settled: bool) -> Comparison:
    """Return the comparison. A topology that went on changing beside its baseline is equivalent to nothing."""
    if judgement.verdict is Verdict.EQUIVALENT and pairs.metric.is_of_speed and not is_settled:
        judgement = replace(judgement, verdict=Verdict.INCONCLUSIVE)
    return Comparison(topology, pairs, judgement)


def judge_pair(
    baseline: Sequence[Trial], trials: Sequence[Trial], metric: Metric, margin: float, looks: InterimLooks
) -> Judgement | None:
    """Return the verdict on two topologies, of which neither need be the baseline; None when no round has both."""
    found = pair_up(baseline, trials, metric, margin, at_equal_core_speed=False)
    return judge({metric.name: found.evidence}, looks)[metric.name] if found else None


def pair_up(
    baseline: Sequence[Trial], trials: Sequence[Trial], metric: Metric, margin: float, at_equal_core_speed: bool
) -> Pairs | None:
    """Return the rounds in which both have a sound figure of the metric; None where there is none.

    ``margin`` holds where the metric has none of its own. ``at_equal_core_speed`` takes the cores' own changes of speed
    out of the change.
    """
    of_baseline = {trial.block: trial for trial in baseline if metric.is_sound(trial)}
    both = [
        (of_baseline[trial.block], trial)
        for trial in sorted(trials, key=lambda trial: trial.block)
        if trial.block in of_baseline and metric.is_sound(trial) and trial.rig == of_baseline[trial.block].rig
    ]
    rounds = [
        (before, was, after, now)
        for before, after in both
        if (was := metric.of(before)) is not None and (now := metric.of(after)) is not None
        if metric.scale is not Scale.RATIO or (was > 0 and now > 0)  # a figure of zero has no ratio
    ]
    if not rounds:
        return None
    figures = [(was, now) for _, was, _, now in rounds]
    before, after = (tuple(each) for each in zip(*figures, strict=True))
    kept = margin_of(metric, [trial for trial, *_ in rounds], margin)
    rigs = tuple(trial.rig for trial, *_ in rounds if trial.rig is not None)
    numbers = tuple(trial.block for trial, *_ in rounds)
    if metric.scale is Scale.RATIO:
        gains = _gains(metric, before, after, _log_ratio)
        pairs = (
            _at_equal_core_speed(metric, gains, [(one, other) for one, _, other, _ in rounds], rigs)
            if at_equal_core_speed
            else Paired(gains, rigs=rigs)
        )
        return Pairs(metric, before, after, Ratios(pairs, kept), numbers)
    if metric.scale is Scale.SHARE:
        good_before, good_after = (tuple(1 - share for share in shares) for shares in (before, after))
        return Pairs(metric, before, after, Shares(good_before, good_after, kept), numbers)
    differences = Differences(_gains(metric, before, after, _difference), kept, rigs)
    return Pairs(metric, before, after, differences, numbers)


def mean_of(metric: Metric, figures: Sequence[float]) -> Estimate:
    """Return the metric's mean over trials (at least one figure): geometric where figures are compared by ratios."""
    if metric.scale is Scale.SHARE:
        return share_over_trials(figures)
    if metric.scale is Scale.DIFFERENCE:
        return difference_of(figures)
    return mean_over_trials(figures)


def has_converged(comparisons: Comparisons, scenario: Scenario, expected: Collection[str]) -> bool:
    """Return True if the comparisons say as much as a run with automatic rounds is made for.

    All ``expected`` topologies have to be compared by the deciding metric. What the first sentence depends on
    (:func:`decisive_comparisons`) has to have a verdict, everything else a verdict or an interval of
    ``PRECISE_ENOUGH``. Where the scenario asks for a ``precision``, that is enough for all of them: for the deciding
    metric as it stands, for the others in proportion to their margins.
    """
    deciding = metrics_of(scenario)[0].name
    if not all((topology, deciding) in comparisons for topology in expected):
        return False
    if scenario.precision is None:
        enough, decisive = PRECISE_ENOUGH, decisive_comparisons(comparisons, scenario)
    else:
        enough, decisive = scenario.precision / scenario.margin, {}
    return all(
        each.is_settled or (key not in decisive and (each.pairs.evidence.precision or inf) <= enough)
        for key, each in comparisons.items()
    )


def decisive_comparisons(comparisons: Comparisons, scenario: Scenario) -> Comparisons:
    """Return the comparisons whose verdicts decide what the first sentence of the report answers.

    Of pairs, such as two commits, these are all by the deciding metric and by CPU per request: the speed and its price.
    Otherwise the question is what to run: it is open in all by the deciding metric as long as no topology is shown to
    be better, and then in those whose interval reaches as high as that of the best; in a sweep, over each number of
    connections.
    """
    metrics = metrics_of_answer(scenario)
    if scenario.is_of_pairs:
        return {key: each for key, each in comparisons.items() if each.metric in metrics}
    found = {each.topology: each for each in comparisons.values() if each.metric in metrics}
    by_group = ([found[each.name] for each in group if each.name in found] for group in scenario.groups)
    decisive = [each for group in by_group for each in _find_decisive(comparisons, group)]
    return {(each.topology, each.metric.name): each for each in decisive}


def _find_decisive(comparisons: Comparisons, group: Sequence[Comparison]) -> Iterator[Comparison]:
    """Yield those of the group whose interval reaches as high as that of its best."""
    better = [
        each.pairs.evidence.estimate.low or -inf
        for each in group
        if each.verdict is Verdict.BETTER and not fails_more(comparisons, each.topology)
    ]
    best = max(better, default=-inf)
    yield from (each for each in group if (each.pairs.evidence.estimate.high or inf) >= best)


def fails_more(comparisons: Comparisons, topology: str) -> bool:
    """Return True if more of its requests failed than of the baseline's, by the verdict or by more than the margin."""
    errors = comparisons.get((topology, ERRORS.name))
    if errors is None:
        return False
    return errors.verdict is Verdict.WORSE or errors.change.value > errors.pairs.evidence.margin


def margin_of(metric: Metric, baseline: Sequence[Trial], margin: float) -> float:
    """Return the margin within which the metric counts as equal, given trials of the baseline; ``margin`` where the
    metric has none of its own."""
    if metric.margin is None:
        return margin
    if isinstance(metric.margin, float):
        return metric.margin
    return sum(map(metric.margin, baseline)) / len(baseline)


def _gains(
    metric: Metric, before: Sequence[float], after: Sequence[float], by: Callable[[float, float], float]
) -> tuple[float, ...]:
    """Return how much better each figure is than the one before it."""
    return tuple(
        by(was, now) if metric.more_is_better else by(now, was) for was, now in zip(before, after, strict=True)
    )


def _log_ratio(was: float, now: float) -> float:
    return log(now / was)


def _difference(was: float, now: float) -> float:
    return now - was


def _at_equal_core_speed(
    metric: Metric, gains: tuple[float, ...], rounds: Sequence[tuple[Trial, Trial]], rigs: tuple[str, ...]
) -> Paired:
    """Return the paired figures with how much faster the cores were in the second trial of each round; without, where
    one is unknown."""
    paces_us = [(pace_us_of(one, metric), pace_us_of(other, metric)) for one, other in rounds]
    known = [log(one_us / other_us) for one_us, other_us in paces_us if one_us and other_us]
    if len(known) < len(rounds):
        return Paired(gains, rigs=rigs)
    return Paired(gains, tuple(known), core_speed_slope(metric, rounds), rigs)
