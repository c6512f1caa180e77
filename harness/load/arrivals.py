"""The times at which the requests of an open loop are due: a pure function of the load and its seed."""

from collections.abc import Iterator
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.load.spec import Arrivals, Load, Stage
from harness.units import NS_PER_S

OWN_AT_A_TIME: Final = 1024  # arrivals of a share that are computed at once, between two requests of a running loop
MOST_DEALT: Final = 64  # shares that take turns: a gap takes 12 ns to draw, and a request 8 µs to send
DRAWN_AT_A_TIME: Final = 4096  # gaps at the most that are drawn at once, including those of the other shares

Floats = NDArray[np.float64]
Times = NDArray[np.int64]


def arrival_times_ns(load: Load) -> Iterator[int]:
    """Yield when each request of this share is due, in ns after the load began, ascending, until the window ends.

    The integral of the rate is the number of requests expected until a time. Constant arrivals are at the times where
    this number is 0, 1, 2, and so on; Poisson arrivals, where it is a sum of unit exponentials (time rescaling:
    E. Çınlar, Introduction to Stochastic Processes, 1975; inversion in P. A. W. Lewis and G. S. Shedler, 1979). With n
    shares, each takes every n-th arrival, so that all together have the schedule of the whole load. Of many shares,
    each draws Poisson arrivals of its own at an n-th of the rate, which together are Poisson arrivals at the whole
    rate (superposition, in Çınlar): to add up those of all others would take longer than the requests. Raises
    ValueError for a closed loop.
    """
    return chain.from_iterable(times_ns.tolist() for times_ns in _chunks(load))


def mean_rate_per_s(load: Load) -> float:
    """Return the mean rate of this share over the measured window. Raises ValueError for a closed loop."""
    arrivals = _require_arrivals(load)
    if not arrivals.stages:
        return arrivals.rate_per_s / load.share.of
    return _CumulativeArrivals(arrivals.rate_per_s, arrivals.stages).total / load.duration_s / load.share.of


def _require_arrivals(load: Load) -> Arrivals:
    """Return the arrivals of the load. Raises ValueError for a closed loop."""
    if load.arrivals is None:
        raise ValueError("expected a load with arrivals: in a closed loop no request is due at any time")
    return load.arrivals


def _chunks(load: Load) -> Iterator[Times]:
    """Yield the schedule in pieces, the last of which may be empty."""
    arrivals = _require_arrivals(load)
    stages = arrivals.stages or (Stage(duration_s=load.duration_s, rate_per_s=arrivals.rate_per_s),)
    if load.warmup_s:
        stages = (Stage(duration_s=load.warmup_s, rate_per_s=arrivals.rate_per_s), *stages)
    counts = _random_counts(load) if arrivals.kind == "poisson" else _even_counts(load)
    return _times(_CumulativeArrivals(arrivals.rate_per_s, stages), counts, load)


def _times(integral: "_CumulativeArrivals", all_counts: Iterator[Floats], load: Load) -> Iterator[Times]:
    """Yield the times (ns) at which so many requests are expected, until the window ends."""
    # The window ends at a whole nanosecond, as it does for the loop.
    end_ns = round(load.warmup_s * NS_PER_S) + round(load.duration_s * NS_PER_S)
    for counts in all_counts:
        times_s = integral.inverse_s(counts[counts < integral.total])
        times_ns = np.rint(times_s * NS_PER_S).astype(np.int64)
        times_ns = times_ns[times_ns < end_ns]
        yield times_ns
        if times_ns.size < counts.size:
            return


def _even_counts(load: Load) -> Iterator[Floats]:
    """Yield every ``of``-th of 0, 1, 2, ... from the share's index on, without end."""
    first, step = load.share.index, load.share.of
    while True:
        yield np.arange(OWN_AT_A_TIME, dtype=np.float64) * step + first
        first += OWN_AT_A_TIME * step


def _random_counts(load: Load) -> Iterator[Floats]:
    """Yield every ``of``-th sum of unit exponentials, without end.

    Each share adds up all exponentials in the same order, and so gets the same sums. Of many shares, each adds up some
    of its own, of mean ``of``.
    """
    share, generator = load.share, np.random.default_rng(load.seed)
    if share.of > MOST_DEALT:
        yield from _own_counts(np.random.default_rng([load.seed, share.index]), share.of)
    drawn = share.of * max(1, min(OWN_AT_A_TIME, DRAWN_AT_A_TIME // share.of))
    total = 0.0
    while True:
        gaps = generator.standard_exponential(drawn)
        gaps[0] += total
        sums = np.cumsum(gaps)
        total = sums[-1]
        yield sums[share.index :: share.of]


def _own_counts(generator: np.random.Generator, mean: int) -> Iterator[Floats]:
    """Yield sums of exponentials of this mean, without end."""
    total = 0.0
    while True:
        sums = total + np.cumsum(generator.exponential(mean, OWN_AT_A_TIME))
        total = sums[-1]
        yield sums


class _CumulativeArrivals:
    """The number of requests expected until a time, for a rate that is piecewise linear; and its inverse.

    A stretch with a rising rate is inverted from its beginning, one with a falling rate backwards from its end. So each
    is inverted from its lower rate, where the root of the quadratic is a sum and loses no digits.
    """

    def __init__(self, rate_per_s: float, stages: tuple[Stage, ...]) -> None:
        lengths_s = np.array([stage.duration_s for stage in stages])
        rates = np.array([rate_per_s, *(stage.rate_per_s for stage in stages)])
        before, after = rates[:-1], rates[1:]
        edges_s = np.concatenate([[0.0], np.cumsum(lengths_s)])
        expected = np.concatenate([[0.0], np.cumsum((before + after) / 2 * lengths_s)])
        falls = after < before
        self.total = float(expected[-1])
        self._ends = expected[1:]
        self._from_s = np.where(falls, edges_s[1:], edges_s[:-1])
        self._from_count = np.where(falls, expected[1:], expected[:-1])
        self._direction = np.where(falls, -1.0, 1.0)
        self._low = np.minimum(before, after)
        self._twice_slope = 2 * np.abs(after - before) / lengths_s

    def inverse_s(self, counts: Floats) -> Floats:
        """Return the times (s) until which ``counts`` requests are expected; counts must be below the total.

        Where the rate is 0 for a while, that is the end of the while.
        """
        stretch = np.searchsorted(self._ends, counts, side="right")
        low, direction = self._low[stretch], self._direction[stretch]
        away = (counts - self._from_count[stretch]) * direction
        divisor = low + np.sqrt(low * low + self._twice_slope[stretch] * away)
        away_s = 2 * away / np.maximum(divisor, np.finfo(np.float64).tiny)  # 0 / 0 at the foot of a ramp from 0
        times_s: Floats = self._from_s[stretch] + direction * away_s
        return times_s
