"""A race: candidates that are shown to be behind the one that leads are dropped, so that rounds go to the others.

After each round from the third on, every candidate is compared with the one that leads at that time, by a one-sided
paired t test of what it lacks beyond an allowance (racing: Maron and Moore, NIPS 1993; successive elimination:
Even-Dar, Mannor and Mansour, JMLR 7, 2006). The level of look l is α/(l(l + 1)), shared by all candidates, so that the
best one is ever dropped with probability α at most, whichever candidates lead, and however many rounds there are
(Bonferroni).

Who leads follows from least squares with an effect for each round, so that nobody leads by having missed the slow ones.

Launches of a server fall into modes, so that three rounds may agree by chance. Where a candidate scatters less than all
do on average, the latter counts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from harness.stats.blocks import centre, solve
from harness.stats.estimate import Estimate, ratio_of
from harness.stats.paired import Paired

LEVEL: Final = 0.02  # the probability that the best candidate is ever dropped
ONE_LOOK: Final = 0.05  # that it is called behind, where nobody was dropped and all are looked at once, at the end
MIN_ROUNDS: Final = 3

Logs = Mapping[str, Mapping[int, float]]  # of each candidate, by round: logarithms, greater where it is better
Allowance = Callable[[str, str], float]  # what a candidate may lack beside a leader and still be as good: a logarithm
Spend = Callable[[int], float]  # the level of a look, by its number
MayLead = Callable[[str, int], bool]  # whether a candidate, after so many rounds, may be what others are dropped for


@dataclass(frozen=True)
class Standing:
    """One candidate beside the leader, after so many rounds. ``ratio`` is its figure as a multiple of the leader's; it
    is behind if the p-value does not exceed the ``level``."""

    candidate: str
    leader: str
    after_round: int
    ratio: Estimate
    p_value: float
    level: float

    @property
    def is_behind(self) -> bool:
        """True if it is shown to be behind the leader by more than it may be."""
        return self.p_value <= self.level

    def is_within(self, margin: float) -> bool:
        """Check whether the interval of its ratio to the leader lies within ±``margin``."""
        low, high = self.ratio.low, self.ratio.high
        return low is not None and high is not None and 1 / (1 + margin) <= low and high <= 1 + margin


@dataclass(frozen=True)
class Race:
    """The race after its last look: who leads, who is still in it beside the leader, and who was dropped, the first to
    go first. Nobody leads before the first look."""

    leader: str | None
    others: tuple[Standing, ...]
    dropped: tuple[Standing, ...]

    def is_over(self, margin: float) -> bool:
        """Check whether more rounds would not tell the candidates in it apart: all are the same within ±``margin``."""
        return self.leader is not None and all(each.is_within(margin) for each in self.others)


def spend_in_race(look: int) -> float:
    """Return the level of a look of a race, for all candidates together: over any number of looks it adds up to no more
    than the whole."""
    return LEVEL / (look * (look + 1))


def spend_once(look: int) -> float:
    """Return the level of the only look."""
    return ONE_LOOK


def race(
    logs: Logs, looks: Sequence[int], allowance: Allowance, may_lead: MayLead, spend: Spend = spend_in_race
) -> Race:
    """Return the race of at least two candidates, looked at after these rounds, ascending."""
    running, dropped = list(logs), list[Standing]()
    leader, standings = None, list[Standing]()
    for number, after in enumerate(looks, start=1):
        known = {name: {at: value for at, value in each.items() if at <= after} for name, each in logs.items()}
        level = spend(number) / max(1, len(logs) - 1)
        leader = _find_leader({name: known[name] for name in running if may_lead(name, after)})
        if leader is None:
            continue
        standings = _rank(leader, running, known, allowance, after, level)
        behind = [each for each in standings if each.is_behind]
        dropped += behind
        running = [name for name in running if name not in {each.candidate for each in behind}]
        standings = [each for each in standings if not each.is_behind]
    return Race(leader, tuple(standings), tuple(dropped))


def _find_leader(known: Logs) -> str | None:
    """Return who is best where each round has an effect of its own, whoever took part in it."""
    able = {name: each for name, each in known.items() if len(each) >= MIN_ROUNDS}
    if not able:
        return None
    rounds = sorted(set().union(*able.values()))
    _, centred, gram = centre(np.array([[each.get(at, nan) for each in able.values()] for at in rounds]))
    effects, *_ = solve(gram, centred.sum(axis=0))
    return list(able)[int(effects.argmax())]


def _rank(
    leader: str, running: Sequence[str], known: Logs, allowance: Allowance, after: int, level: float
) -> list[Standing]:
    """Return how each of those that run stands beside the leader; without those that share too few rounds with it."""
    lags = {name: _lag(known[leader], each) for name, each in known.items() if name != leader}
    variance = _pool_variance(list(lags.values()))
    found = []
    for name in running:
        if name == leader or len(lags[name]) < MIN_ROUNDS:
            continue
        lag, rounds = lags[name], len(lags[name])
        error = float(np.sqrt(max(lag.var(ddof=1), variance) / rounds))
        beyond = float(lag.mean()) - allowance(name, leader)
        p_value = float(stdtr(rounds - 1, -beyond / error)) if error else float(beyond <= 0)
        found.append(Standing(name, leader, after, ratio_of(Paired(tuple((-lag).tolist()))), p_value, level))
    return found


def _lag(leader: Mapping[int, float], other: Mapping[int, float]) -> npt.NDArray[np.float64]:
    """Return what a candidate lacks beside the leader in each round that both have."""
    return np.array([leader[at] - other[at] for at in sorted(leader.keys() & other.keys())])


def _pool_variance(lags: Sequence[npt.NDArray[np.float64]]) -> float:
    """Return the variance of what candidates lack, of all of them together; 0 where none has two rounds."""
    several = [lag for lag in lags if len(lag) > 1]
    freedom = sum(len(lag) - 1 for lag in several)
    return sum(float(lag.var()) * len(lag) for lag in several) / freedom if freedom else 0.0
