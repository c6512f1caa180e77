"""The steady state of a trial: the second in which it begins, if there is one.

The rule, for the rates of a trial second by second (each is already the mean of many requests, a batch of its own):

1. MSER (White, Simulation 69, 1997): discard the d leading rows for which the variance of the others, divided by
   their number, is least. Of all d whose value is within the dip that white noise alone makes in 19 of 20 series, the
   smallest is taken, so that a flat series is hardly ever cut. The last five rows can't be discarded: the variance of
   fewer rows is meaningless.
2. Never more than half is discarded. Where d lies beyond half, the series never settled if as a whole it drifts, or
   shifts at some row beyond half. Otherwise the dip was due to chance, as autocorrelated noise makes it in one series
   of five, and the best d within half is taken.
3. If the rows that are kept still drift, or are all zero, the series never settled.

Drifts and shifts must be both significant and large. Significant: by a regression with standard errors that are valid
for autocorrelated noise (HAC; Newey and West, Econometrica 55, 1987) over √n lags. Such an error is about as precise as
one from √n/2 independent values, so Student's t with as many degrees of freedom is used. Large: more than 5 % of the
mean. By simulation, stationary noise of any size, AR(1) with φ up to 0.7, is then reported as never settled in less
than 2 % of series.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

MIN_ROWS: Final = 10
MIN_KEPT: Final = 5
CHANCE_DIP: Final = 3.0  # of n·log(MSER): with white noise a random walk with drift 1 and variance 2; P(dip > 3) = e⁻³
DRIFT_LEVEL: Final = 0.005
SHIFT_LEVEL: Final = 0.003  # lower, since the row of the shift is chosen from the data
CHANGE_MARGIN: Final = 0.05  # of the mean
RESOLUTION: Final = 1e-6  # of the mean: a smaller deviation is rounding

Floats = npt.NDArray[np.float64]


class Settled(enum.Enum):
    """The answer to whether a trial reached a steady state in the first half of its window."""

    YES = "yes"
    NEVER = "never"
    TOO_SHORT = "too short to tell"


@dataclass(frozen=True)
class Steady:
    """The steady state of a trial. ``discarded_rows`` is the number of leading rows that are warm-up: 0 unless the
    trial settled."""

    discarded_rows: int
    settled: Settled


def find_steady_state(rates_per_s: Sequence[float]) -> Steady:
    """Return the steady state of one trial, given the rate in each second or slice (none negative).

    With fewer than ten rows, the trial is too short to judge. Up to about 30 rows, only strong drifts can be
    distinguished from noise.
    """
    rates = np.asarray(rates_per_s, dtype=np.float64)
    if len(rates) < MIN_ROWS:
        return Steady(0, Settled.TOO_SHORT)
    errors, half = _standard_errors(rates), len(rates) // 2
    begin = _first_dip(errors)
    if begin > half:
        if _drifts(rates) or _shifts(rates, half + 1):
            return Steady(0, Settled.NEVER)
        begin = _first_dip(errors[: half + 1])
    kept = rates[begin:]
    if _drifts(kept) or not kept.any():
        return Steady(0, Settled.NEVER)
    return Steady(begin, Settled.YES)


def _standard_errors(rates: Floats) -> Floats:
    """Return the MSER value, up to a factor, for each number of leading rows that can be discarded."""
    least = (RESOLUTION * rates.mean()) ** 2
    tails = (rates[discarded:] for discarded in range(len(rates) - MIN_KEPT + 1))
    return np.array([max(float(tail.var()), least) / len(tail) for tail in tails])


def _first_dip(errors: Floats) -> int:
    """Return the number of rows to discard: the smallest whose MSER value is not distinguishable from the least."""
    return int(np.argmax(errors <= errors.min() * np.exp(CHANCE_DIP / len(errors))))


def _drifts(rates: Floats) -> bool:
    return _follows(rates, np.linspace(0, 1, len(rates)), DRIFT_LEVEL)


def _shifts(rates: Floats, first: int) -> bool:
    """Return whether the rates have different levels before and after some row, from row ``first`` on."""
    rows = np.arange(first, len(rates) - MIN_KEPT + 1)
    explained = np.cumsum(rates - rates.mean())[rows - 1] ** 2 / (rows * (len(rates) - rows))
    step = np.arange(len(rates)) >= rows[np.argmax(explained)]
    return _follows(rates, step.astype(np.float64), SHIFT_LEVEL)


def _follows(rates: Floats, shape: Floats, level: float) -> bool:
    """Return whether the rates change like this shape, which goes from 0 to 1, by an amount that is both significant
    and large."""
    from statsmodels.regression.linear_model import OLS  # the import takes half a second, which short windows spare

    rows, lags = len(rates), int(np.sqrt(len(rates)))
    regressors = np.column_stack([np.ones(rows), shape])
    fit = OLS(rates, regressors).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True})
    change, error = abs(float(fit.params[1])), float(np.sqrt(max(0.0, fit.cov_params()[1, 1])))
    is_significant = change > -error * stdtrit(np.sqrt(rows) / 2, level / 2)
    return bool(is_significant and change > CHANGE_MARGIN * rates.mean())
