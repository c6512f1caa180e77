"""Group-sequential tests: the data are judged at several looks, so that a run may stop early with a valid verdict.

A test at level α that is made at every look would be wrong far more often than α in the end. So the level is *spent*:
by the look after n of at most N rounds, α·(n/N)³ of it may have been used. The level that remains for each look follows
from the joint distribution of the test statistics, by recursive numerical integration.

Sources: Armitage, McPherson and Rowe, "Repeated significance tests on accumulating data", JRSS A 132 (1969); Lan and
DeMets, "Discrete sequential boundaries for clinical trials", Biometrika 70 (1983); the power family of Kim and DeMets,
Biometrika 74 (1987), here with exponent 3: large differences stop a run early, and most of α is kept for the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtr

FIRST_LOOK: Final = 5  # rounds: with fewer, Student's t depends on the distribution of the noise
SPENDING_EXPONENT: Final = 3
NODES: Final = 128  # of the integration: levels are exact to five digits

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class InterimLooks:
    """The looks at the data: the numbers of rounds, ascending, after which they are judged. The last is the greatest
    number of rounds."""

    after: tuple[int, ...]

    def nominal_level(self, level: float, n: int) -> float:
        """Return the level that the p-value of a two-sided test after ``n`` rounds must not exceed, so that all looks
        together err with probability ``level``. Between two looks it is that of the earlier one; before the first it is
        zero."""
        passed = [index for index, after in enumerate(self.after) if after <= n]
        return _nominal_levels(level, self.after)[passed[-1]] if passed else 0.0

    def ended_after(self, n: int) -> "InterimLooks":
        """Return the looks of a run that had to end after ``n`` rounds: all that is left of the level is spent then.

        That is valid if ``n`` does not follow from what was measured, as where the time is out.
        """
        return InterimLooks((*(after for after in self.after if after < n), n))


SINGLE_LOOK: Final = InterimLooks((1,))  # all rounds are judged once, at the end


def looks_until(most: int) -> InterimLooks:
    """Return looks after ``most`` rounds, after two thirds of them, and so on down to five. Few looks keep the level of
    each high."""
    after = [most]
    while (sooner := after[0] * 2 // 3) >= FIRST_LOOK:
        after.insert(0, sooner)
    return InterimLooks(tuple(after))


@cache
def _nominal_levels(level: float, after: Sequence[int]) -> tuple[float, ...]:
    """Return for each look the two-sided level that spends exactly what may be spent by then."""
    spent = [level * (n / after[-1]) ** SPENDING_EXPONENT for n in after]
    bounds: list[float] = []  # of the sum of n standard normal differences
    # The density of the sum where no earlier look rejected, with the weights of the integration.
    places, density = np.zeros(1), np.ones(1)
    spent_before, n_before = 0.0, 0
    for total, n in zip(spent, after, strict=True):
        deviation = (n - n_before) ** 0.5
        bound = float(brentq(_excess, 0.0, 40 * n**0.5, args=(total - spent_before, places, density, deviation)))
        bounds.append(bound)
        places, density = _continue_density(bound, places, density, deviation)
        spent_before, n_before = total, n
    return tuple(float(2 * ndtr(-bound / n**0.5)) for bound, n in zip(bounds, after, strict=True))


def _excess(bound: float, to_spend: float, places: Floats, density: Floats, deviation: float) -> float:
    """Return the probability that the next sum lies outside ±bound, minus the level to be spent."""
    outside = ndtr((places - bound) / deviation) + ndtr((-places - bound) / deviation)
    return float(density @ outside) - to_spend


def _continue_density(bound: float, places: Floats, density: Floats, deviation: float) -> tuple[Floats, Floats]:
    """Return the density of the next sum within ±bound: the Gauss-Legendre nodes, and the density times their
    weights."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    next_places = bound * nodes
    steps = (next_places[:, None] - places[None, :]) / deviation
    kernel = np.exp(-0.5 * steps**2) / (deviation * np.sqrt(2 * np.pi))
    return next_places, bound * weights * (kernel @ density)
