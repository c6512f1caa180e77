"""How long requests wait for a worker: many workers on one line, or a line for each.

Which of the two a cluster is depends on who hands out the work. The kernel that deals connections to workers makes a
line for each; a balancer that knows who is idle makes one line for all; real clusters lie between.

Mean waits are exact for Poisson arrivals with exponential service (M/M/c, Erlang 1917; Kleinrock, Queueing Systems,
vol. 1, 1975, 3.5) and with any service on one worker (M/G/1, Pollaczek and Khinchine; Kleinrock, 5.6). For others they
are Allen and Cunneen's approximation, the M/M/c wait times half of the sum of the squared coefficients of variation
(Allen, Probability, Statistics, and Queueing Theory, 2nd ed., 1990, 5.5), which is both of these where they hold.

Percentiles take the wait of those who wait at all for exponential, which it is for M/M/c, and far out for the others,
and service times for gamma distributed, of which exponential and constant ones are cases: so the response times of
M/M/c are exact.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import gammaincinv

from harness.errors import HarnessError

QUANTILES: Final = 10_000  # by which the distribution of service times is gone through
CONSTANT: Final = 1e-4  # squared coefficients of variation below it make no difference to any percentile
POISSON: Final = 1.0  # the squared coefficient of variation of the gaps between random arrivals


class SaturatedError(HarnessError, ValueError):
    """More arrives than the workers can serve, so the line grows without end."""


@dataclass(frozen=True)
class Service:
    """What one request takes of one worker. ``variation`` is the squared coefficient of variation of it: 0 when all
    take the same, 1 for an exponential distribution."""

    mean_s: float
    variation: float

    @cached_property
    def quantiles_s(self) -> npt.NDArray[np.float64]:
        """Equally likely ones, of the gamma distribution that has this mean and variation."""
        if self.variation < CONSTANT:
            return np.array([self.mean_s])
        shape = 1 / self.variation
        parts = (np.arange(QUANTILES) + 0.5) / QUANTILES
        return np.asarray(gammaincinv(shape, parts) / shape * self.mean_s, dtype=np.float64)


@dataclass(frozen=True)
class Waiting:
    """Requests in a line: ``waits`` is the part of them that wait, ``mean_s`` the mean wait of all."""

    waits: float
    mean_s: float
    service: Service

    def response_s(self, part: float) -> float:
        """Wait and service together, of which so large a part of the requests takes less: 0.99 gives p99."""
        longest_s = float(self.service.quantiles_s[-1])
        return float(brentq(lambda time_s: self._slower(time_s) - (1 - part), 0.0, longest_s + self._wait_s(part)))

    def _slower(self, time_s: float) -> float:
        """The part of the requests that takes longer than this."""
        left_s = time_s - self.service.quantiles_s
        waiting = self.waits * np.exp(-np.maximum(left_s, 0.0) * self.waits / self.mean_s) if self.waits else 0.0
        return float(np.mean(np.where(left_s < 0, 1.0, waiting)))

    def _wait_s(self, part: float) -> float:
        """A wait that fewer than the rest of the requests go beyond."""
        return self.mean_s / self.waits * float(-np.log((1 - part) / 2)) if self.waits else 0.0


def erlang_c(workers: int, load: float) -> float:
    """The part of the requests that wait, in M/M/c; ``load`` is in workers that would be busy (erlangs).

    Raises SaturatedError when that is all of them, or more.
    """
    if load >= workers:
        raise SaturatedError(f"{load:.3g} workers' work for {workers} of them")
    blocked = 1.0  # Erlang's B, by its recursion
    for busy in range(1, workers + 1):
        blocked = load * blocked / (busy + load * blocked)
    return blocked / (1 - load / workers * (1 - blocked))


def one_line(workers: int, rate_per_s: float, service: Service, arrivals: float = POISSON) -> Waiting:
    """One line for all workers, each of whom takes the next request as soon as it is free; ``arrivals`` is the squared
    coefficient of variation of the gaps between requests.

    Raises SaturatedError where the line grows without end.
    """
    load = rate_per_s * service.mean_s
    waits = erlang_c(workers, load)
    exponential_s = waits * service.mean_s / (workers - load)
    return Waiting(waits, exponential_s * (arrivals + service.variation) / 2, service)


def lines_apart(workers: int, rate_per_s: float, service: Service) -> Waiting:
    """A line for each worker, to which requests that arrive at random are dealt at random, whoever is idle: as many
    times M/G/1. Raises SaturatedError where they grow without end."""
    return one_line(1, rate_per_s / workers, service)
