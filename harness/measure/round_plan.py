"""The plan for the rounds to come: how many rotations each of them has, and after which of them the data are judged.

The first rounds, until the first look, are a pilot. They show what a round costs and how it scatters, and from both
follows how the rest of the time is spent best (:mod:`harness.stats.pilot`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from harness.analysis.metrics import CPU, THROUGHPUT
from harness.analysis.race import find_dropped
from harness.analysis.rotations import rotation_logs
from harness.analysis.trials import Trials, trials_of
from harness.measure.schedule import count_rotations, pilot_rotations, slice_s
from harness.record import Interleaving, TrialRecord
from harness.scenario import Scenario
from harness.stats.pilot import Pilot, RoundCosts, plan_rotations, replan_looks
from harness.stats.sequential import SINGLE_LOOK, InterimLooks


@dataclass(frozen=True)
class ResumedFrom:
    """The records of a run that began at ``began_at`` before it is resumed, and when it was resumed before."""

    began_at: datetime
    records: Sequence[TrialRecord]
    resumed_at: Sequence[datetime] = ()

    @property
    def elapsed_s(self) -> float:
        """The time that the records took, until the last of them began (seconds)."""
        return self.count_time_s(self.records[-1].started_at) if self.records else 0.0

    def count_time_s(self, until: datetime) -> float:
        """Return for how long the run was under way until a moment (seconds): without its pauses, each taken to begin
        with the last trial before it."""
        starts = [record.started_at for record in self.records]
        paused_s = sum(
            (moment - max(start for start in starts if start < moment)).total_seconds()
            for moment in self.resumed_at
            if min(starts) < moment < until
        )
        return (until - self.began_at).total_seconds() - paused_s


@dataclass(frozen=True)
class RoundPlan:
    """The looks of a run, the number of rotations in a sliced round, and how long a round takes (seconds): None until
    that is known."""

    looks: InterimLooks
    rotations: int
    round_s: float | None = None

    @classmethod
    def first(cls, scenario: Scenario, interleaving: Interleaving, looks: InterimLooks = SINGLE_LOOK) -> Self:
        """Return the plan for the first rounds of a run with these looks."""
        has_slices = interleaving.kind == "slices"
        return cls(looks, pilot_rotations(scenario) if has_slices else count_rotations(scenario))

    def apply(self, scenario: Scenario) -> Scenario:
        """Return the scenario with windows of so many rotations."""
        if self.rotations == count_rotations(scenario):
            return scenario
        return scenario.with_window(self.rotations * slice_s(scenario))

    def is_out_of_time(self, scenario: Scenario, rounds: int, elapsed_s: float) -> bool:
        """Return whether one more round would exceed the scenario's time."""
        if rounds == 0:
            return False
        each_s = elapsed_s / rounds if self.round_s is None else self.round_s
        return elapsed_s + each_s > scenario.max_time_s

    def is_carried_out(self, rounds: int) -> bool:
        """Return whether no look is left. Where topologies were dropped meanwhile, that may be before the time is out:
        to plan more looks as the data come in would err more often than the level allows."""
        return rounds >= self.looks.after[-1]

    def after_pilot(self, scenario: Scenario, records: Sequence[TrialRecord], rounds: int, elapsed_s: float) -> Self:
        """Return the plan for the rest of the time, after so many rounds in that time. Where topologies were dropped,
        rounds are shorter from now on."""
        trials = trials_of(records, [topology.name for topology in scenario.topologies])
        dropped = {each.candidate for each in find_dropped(scenario, records)}
        running = {name: of for name, of in trials.items() if name not in dropped}
        each_s = elapsed_s / len(records) * len(running) if dropped else elapsed_s / rounds
        rotation_s, rotations = _measure_rotation_s(running), self.rotations
        if rotation_s:
            costs = RoundCosts(max(rotation_s, each_s - rotations * rotation_s), rotation_s)
            pilot = Pilot(rounds, rotations, costs, scenario.max_time_s - elapsed_s)
            rotations = plan_rotations(pilot, _collect_logs(scenario, running))
            round_s = costs.of_round_s(rotations)
        else:
            round_s = each_s
        most = rounds + max(1, int((scenario.max_time_s - elapsed_s) / round_s))
        return replace(self, looks=replan_looks(rounds, most), rotations=rotations, round_s=round_s)

    def resume(self, scenario: Scenario, made: ResumedFrom, lanes: int = 1) -> Self:
        """Return the plan of a run that goes on: that of :meth:`after_pilot`, if the pilot is over. With several
        ``lanes``, the scenario has the time of all together."""
        pilot = self.looks.after[0]
        later = [record.started_at for record in made.records if record.block > pilot]
        if scenario.rounds is not None or not later:
            return self
        of_pilot = [record for record in made.records if record.block <= pilot]
        return self.after_pilot(scenario, of_pilot, pilot, lanes * made.count_time_s(min(later)))


def _measure_rotation_s(trials: Trials) -> float:
    """Return how long a rotation takes: one slice of each topology; 0 for whole trials."""
    slices = [[part for trial in each for part in trial.slices] for each in trials.values()]
    return sum(sum(part.lead_in_s + part.duration_s for part in each) / len(each) for each in slices if each)


def _collect_logs(scenario: Scenario, trials: Trials) -> list[list[list[float]]]:
    """Return the log-ratios of each comparison, by requests/s and by CPU per request, round by round."""
    names = [(baseline.name, other.name) for baseline, other in scenario.pairs]
    pairs = [(trials[one], trials[other]) for one, other in names if one in trials and other in trials]
    return [rotation_logs(before, after, metric) for before, after in pairs for metric in (THROUGHPUT, CPU)]
