"""The scaling of throughput with workers: measured efficiency, Amdahl's law and the Universal Scalability Law, and the
prediction of either for a number of workers that was not measured.

    X(N) = λN / (1 + σ(N − 1) + κN(N − 1))

λ is the throughput of one worker, σ the cost of contention (work that only one of them can do at a time), κ that of
coherency (every worker waits for every other). Amdahl's law is the case κ = 0. Sources: Amdahl, AFIPS Conf. Proc. 30
(1967); Gunther, "A general theory of computational scalability based on rational functions", arXiv:0808.1431 (2008).

The machine makes a whole round faster or slower, so everything is computed on logarithms from which each round's level
is subtracted. The noise is what then remains in the two-way table of rounds × worker counts. Its (B − 1)(K − 1) degrees
of freedom do not depend on the law, so that three or four points through which a curve happens to pass give no false
certainty.

Intervals are those of the profile likelihood. The profile of a quantity is within the F threshold exactly for the
values that the quantity takes in the region of (σ, κ) whose deviance is within it. So the region's outline is computed
once, and every interval is read from it (Venzon and Moolgavkar, Appl. Statist. 37, 1988).
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Final, Self

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares, nnls
from scipy.special import fdtrc, fdtri, stdtrit

from harness.errors import HarnessError
from harness.stats.estimate import CONFIDENCE, Estimate, ratio_of_log, ratio_of_logs

MIN_COUNTS: Final = 3  # different numbers of workers: λ, σ and κ are three unknowns
MIN_ROUNDS: Final = 2
COHERENCY_LEVEL: Final = 0.05  # of the test of the Universal Scalability Law against Amdahl's
MISFIT_LEVEL: Final = 0.01
RESOLUTION: Final = 1e-6  # relative: no throughput is known better, even where the repetitions agree exactly
LAW_ACCURACY: Final = 0.003  # relative: predictions suppose that no system follows a law more closely
RAYS: Final = 1000  # with so many, the ends of intervals are exact to a fiftieth of their width, mostly far better
HALVINGS: Final = 28

Floats = npt.NDArray[np.float64]


class ScalingError(HarnessError, ValueError):
    """An error for throughputs that do not suffice for a law or an interval. The message says why."""


class Law(enum.Enum):
    """A law of scaling. The value is the number of its costs: σ, or σ and κ."""

    AMDAHL = 1
    UNIVERSAL = 2


class WhichLaw(enum.Enum):
    """The law that the measurements support. They can show that κ is not zero, but never that it is."""

    UNIVERSAL = "Universal Scalability Law, not Amdahl"
    CANNOT_TELL = "cannot tell Amdahl from USL"
    NEITHER = "neither Amdahl nor USL"


def efficiency(throughputs: Mapping[int, Sequence[float]]) -> dict[int, Estimate]:
    """Return the efficiency X(N) / (N·X(1)) of every other number of workers, with its 95 % paired t interval. The
    ideal is 1.

    ``throughputs`` gives for each number of workers the rate in every round, in the order of the rounds. Where one
    worker was not measured, the smallest number M takes its place: M·X(N) / (N·X(M)). Raises ScalingError when a round
    is incomplete or a rate is not positive.
    """
    workers, logs = _logs(throughputs)
    per_worker = logs - np.log(workers)
    return {
        int(count): ratio_of_logs((per_worker[:, column] - per_worker[:, 0]).tolist())
        for column, count in enumerate(workers)
        if column > 0
    }


@dataclass(frozen=True)
class Fit:
    """The fit of one law, with σ and κ within [0, 1]; ``kappa`` is None for Amdahl's.

    ``misfit_p`` is an upper bound of the probability of means at least as far from the best curve as these, if the law
    were true: an upper bound, since it is computed as though σ and κ had not been fitted. ``deviance`` is the sum of
    the squares that remain between means and curve.
    """

    law: Law
    sigma: Estimate
    kappa: Estimate | None
    misfit_p: float
    deviance: float
    _table: "_Throughputs"
    _region: Floats  # the best costs, then those on the outline of the region: (points, costs)

    def speedup(self, workers: int) -> Estimate:
        """Return the speedup X(N) / X(1) by this law, for a number of workers that was measured or not."""
        return self._estimate(*_spread(_speedup(self._region, np.array([workers]))[:, 0]))

    def throughput(self, workers: int) -> Estimate:
        """Return the throughput X(N) by this law, in the unit of the measurements, at the mean level of all possible
        rounds.

        The mean level of the measured rounds has its own t interval. It is independent of the curve, which depends on
        the relative levels of the points alone, and both intervals are combined by MOVER (Zou and Donner, Stat. Med.
        27, 2008).
        """
        return self._around_level(workers, self._region, self._table.level_half())

    def prediction(self, workers: int) -> Estimate:
        """Return the throughput that as many further rounds would measure at N, as their geometric mean, with its
        prediction interval.

        Besides the uncertainty of X(N), the interval includes the level that these rounds will have, and the noise of
        their trials. It also includes that systems follow a law only roughly, which the region would not show where
        there is little noise: in queues for a lock, say, the cost of contention grows with the queue. It does not
        include how the machine differs on another day.
        """
        rough = self._table.outline(self._region[0], self._table.variance + self._table.blocks * LAW_ACCURACY**2)
        half = float(np.hypot(2**0.5 * self._table.level_half(), self._table.trial_half()))
        found = self._around_level(workers, np.vstack([self._region[:1], rough]), half)
        return replace(found, method=f"{found.method}, for what as many blocks measure")

    def _around_level(self, workers: int, region: Floats, half: float) -> Estimate:
        """Return X(N) over the region, at the mean level, whose interval has this ``half`` width (a logarithm)."""
        curve = np.log(_speedup(region, np.array([workers]))[:, 0])
        best, low, high = _spread(curve - np.log(_speedup(region, self._table.workers)).mean(axis=1))
        value = float(self._table.logs.mean()) + best
        ends = value - np.hypot(best - low, half), value + np.hypot(high - best, half)
        return self._estimate(*map(ratio_of_log, (value, *ends)))

    @classmethod
    def of(cls, table: "_Throughputs", law: Law) -> Self:
        """Return the fit of the law by least squares, with the region around it."""
        best = table.best_costs(law)
        region, deviance = np.vstack([best, table.outline(best, table.variance)]), float(table.deviance(best))
        sigma, *kappa = (_estimate(*_spread(costs), table, law) for costs in region.T)
        return cls(law, sigma, kappa[0] if kappa else None, table.misfit_p(deviance), deviance, table, region)

    def _estimate(self, value: float, low: float, high: float) -> Estimate:
        return _estimate(value, low, high, self._table, self.law)


@dataclass(frozen=True)
class Scaling:
    """The fits of both laws. The interval of ``universal`` holds for either law, that of ``amdahl`` only where κ is
    known to be zero.

    ``coherency_p`` is the p-value of the likelihood-ratio test of κ = 0.
    """

    amdahl: Fit
    universal: Fit
    coherency_p: float

    @property
    def law(self) -> WhichLaw:
        """The law that the measurements support."""
        if self.universal.misfit_p < MISFIT_LEVEL:
            return WhichLaw.NEITHER
        return WhichLaw.UNIVERSAL if self.coherency_p < COHERENCY_LEVEL else WhichLaw.CANNOT_TELL


def fit_laws(throughputs: Mapping[int, Sequence[float]]) -> Scaling:
    """Fit Amdahl's law and the Universal Scalability Law to the same measurements.

    ``throughputs`` gives for each number of workers the rate in every round, in the order of the rounds. Raises
    ScalingError with fewer than three numbers of workers or two rounds, when a round is incomplete, or a rate is not
    positive.
    """
    table = _Throughputs.of(throughputs)
    amdahl, universal = Fit.of(table, Law.AMDAHL), Fit.of(table, Law.UNIVERSAL)
    return Scaling(amdahl, universal, table.coherency_p(amdahl.deviance - universal.deviance, amdahl.sigma.value))


@dataclass(frozen=True)
class _Throughputs:
    """The logarithms of throughput, (rounds, counts), by the number of ``workers``, ascending."""

    workers: Floats
    logs: Floats

    @classmethod
    def of(cls, throughputs: Mapping[int, Sequence[float]]) -> Self:
        workers, logs = _logs(throughputs)
        blocks, counts = logs.shape
        if counts < MIN_COUNTS:
            raise ScalingError(f"a law of scaling needs {MIN_COUNTS} different numbers of workers, there are {counts}")
        if blocks < MIN_ROUNDS:
            raise ScalingError(f"intervals need {MIN_ROUNDS} complete blocks, there are {blocks}")
        return cls(workers, logs)

    @property
    def blocks(self) -> int:
        return len(self.logs)

    @property
    def freedom(self) -> int:
        """The degrees of freedom of the noise."""
        return (self.blocks - 1) * (len(self.workers) - 1)

    @cached_property
    def means(self) -> Floats:
        """The means over rounds, for each number of workers."""
        return np.asarray(self.logs.mean(axis=0))

    @cached_property
    def variance(self) -> float:
        """The variance of the noise, which neither the round nor the number of workers explains."""
        left = self.logs - self.means - self.logs.mean(axis=1, keepdims=True) + self.logs.mean()
        return max(float(np.sum(left**2)) / self.freedom, RESOLUTION**2)

    def level_half(self) -> float:
        """Return half of the width of the t interval, over rounds, of the mean over all points."""
        levels = self.logs.mean(axis=1)
        return float(levels.std(ddof=1) / self.blocks**0.5 * stdtrit(self.blocks - 1, (1 + CONFIDENCE) / 2))

    def trial_half(self) -> float:
        """Return half of the width of the t interval of the mean of as many trials of one point around the levels of
        their rounds, without the noise of the levels themselves."""
        error = (self.variance * (1 - 1 / len(self.workers)) / self.blocks) ** 0.5
        return float(error * stdtrit(self.freedom, (1 + CONFIDENCE) / 2))

    def best_costs(self, law: Law) -> Floats:
        """Return the costs with the least deviance. The search starts at those of the linear regression of N/X(N)."""
        inverse = self.workers / np.exp(self.means - self.means.mean())
        terms = np.vstack([np.ones_like(self.workers), _terms(self.workers, law.value)])
        one, *costs = nnls((terms / inverse).T, np.ones_like(inverse))[0]
        start = np.clip(np.array(costs) / max(one, RESOLUTION), 0, 1)
        fit = least_squares(self._residuals, start, self._slopes, bounds=(0, 1), method="dogbox", x_scale="jac")
        return np.asarray(fit.x, dtype=np.float64)

    def deviance(self, costs: Floats) -> Floats:
        """Return the sum of squares between means and curve for each row of costs, (..., costs) to (...); λ is profiled
        out."""
        return np.asarray(np.sum(self._residuals(costs) ** 2, axis=-1), dtype=np.float64)

    def outline(self, best: Floats, variance: float) -> Floats:
        """Return the points where the rays from the best costs meet the F threshold of the deviance, with this variance
        of a trial, or the bounds of the costs: (points, costs)."""
        rays = self._rays(best)
        limit = self.deviance(best) + variance * fdtri(1, self.freedom, CONFIDENCE)
        is_inside = self.deviance(best + rays)[:, None] <= limit
        inside, outside = is_inside.astype(np.float64), np.ones((len(rays), 1))
        for _ in range(HALVINGS):
            middle = (inside + outside) / 2
            is_inside = self.deviance(best + middle * rays)[:, None] <= limit
            inside, outside = np.where(is_inside, middle, inside), np.where(is_inside, outside, middle)
        return np.clip(best + inside * rays, 0, 1)

    def _rays(self, best: Floats) -> Floats:
        """Return the rays from the best costs to the bounds: (rays, costs).

        Some point to the corners and straight to the sides, since the best costs often lie on these themselves. The
        others point in all directions, evenly in the metric of the deviance, which can hardly distinguish σ from κ.
        """
        aimed = np.array(list(product(*((0, cost, 1) for cost in best)))) - best
        if len(best) == 1:
            return aimed
        slopes = self._slopes(best)
        scales, axes = np.linalg.eigh(slopes.T @ slopes)
        angles = np.linspace(0, 2 * np.pi, RAYS, endpoint=False)
        around = np.column_stack([np.cos(angles), np.sin(angles)]) / np.sqrt(scales) @ axes.T
        room = np.where(around > 0, 1 - best, best)
        reach = (room / np.maximum(np.abs(around), np.finfo(float).tiny)).min(axis=1, keepdims=True)
        return np.vstack([aimed, reach * around])

    def coherency_p(self, gain: float, sigma: float) -> float:
        """Return the probability that κ reduces the deviance by so much (``gain``), or more, if κ = 0.

        Zero is a bound, so half of the distribution is a point at no gain (Self and Liang, JASA 82, 1987). Where the
        best σ without κ is at its upper bound too, κ also gains what σ may not: there the half would be too little.
        """
        tail = float(fdtrc(1, self.freedom, max(0.0, gain) / self.variance))
        return tail if sigma == 1 else tail / 2

    def misfit_p(self, deviance: float) -> float:
        """Return the probability of so much deviance, or more, around the true law."""
        contrasts = len(self.workers) - 1
        return float(fdtrc(contrasts, self.freedom, deviance / contrasts / self.variance))

    def _residuals(self, costs: Floats) -> Floats:
        off = self.means - np.log(_speedup(costs, self.workers))
        return np.asarray(np.sqrt(self.blocks) * (off - off.mean(axis=-1, keepdims=True)), dtype=np.float64)

    def _slopes(self, costs: Floats) -> Floats:
        """Return the derivatives of the residuals: (counts, costs)."""
        terms = _terms(self.workers, len(costs))
        slopes = (terms / (1 + costs @ terms)).T
        return np.asarray(np.sqrt(self.blocks) * (slopes - slopes.mean(axis=0)), dtype=np.float64)


def _logs(throughputs: Mapping[int, Sequence[float]]) -> tuple[Floats, Floats]:
    """Return the numbers of workers, ascending, and the logarithms of throughput: (rounds, counts)."""
    workers = sorted(throughputs)
    if len({len(throughputs[count]) for count in workers}) != 1:
        raise ScalingError("every block must hold every number of workers once")
    rates = np.array([throughputs[count] for count in workers], dtype=np.float64).T
    if workers[0] < 1 or not np.all(np.isfinite(rates) & (rates > 0)):
        raise ScalingError("throughputs and numbers of workers must be positive")
    return np.array(workers, dtype=np.float64), np.log(rates)


def _terms(workers: npt.NDArray[np.number], costs: int) -> Floats:
    """Return the factor of each cost in the law: (costs, counts)."""
    return np.stack([workers - 1, workers * (workers - 1)])[:costs].astype(np.float64)


def _speedup(costs: Floats, workers: npt.NDArray[np.number]) -> Floats:
    """Return X(N)/X(1) by the law that has so many costs: (..., costs) and (counts,) to (..., counts)."""
    return np.asarray(workers / (1 + costs @ _terms(workers, costs.shape[-1])), dtype=np.float64)


def _spread(values: Floats) -> tuple[float, float, float]:
    """Return the first value, which is that of the best costs, the least and the greatest."""
    return float(values[0]), float(values.min()), float(values.max())


def _estimate(value: float, low: float, high: float, table: _Throughputs, law: Law) -> Estimate:
    name = "Amdahl" if law is Law.AMDAHL else "USL"
    return Estimate(float(value), float(low), float(high), table.blocks, f"{name}, profile likelihood over blocks")
