"""The waiting of requests for a worker: one queue for all workers (M/M/c), or a queue for each (c × M/G/1).

Which model fits a cluster depends on what assigns the work. The kernel assigns connections to workers, which makes a
queue for each. A balancer that knows which workers are idle makes one queue for all. Real clusters lie between the two.

Mean waits are exact for Poisson arrivals with exponential service (M/M/c, Erlang 1917; Kleinrock, Queueing Systems,
vol. 1, 1975, 3.5) and with any service on one worker (M/G/1, Pollaczek and Khinchine; Kleinrock, 5.6). For others they
are Allen and Cunneen's approximation, the M/M/c wait times half of the sum of the squared coefficients of variation
(Allen, Probability, Statistics, and Queueing Theory, 2nd ed., 1990, 5.5). It is exact in both of these cases.

For percentiles, the wait of the requests that wait at all is taken as exponential. That is exact for M/M/c, and
asymptotically right for the others. Service times are taken as gamma distributed, which includes exponential and
constant ones. So the response times of M/M/c are exact.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import gammaincinv

from harness.errors import HarnessError

QUANTILES: Final = 10_000  # that represent the distribution of service times
CONSTANT: Final = 1e-4  # squared coefficient of variation below which service times count as constant
POISSON: Final = 1.0  # the squared coefficient of variation of the gaps between random arrivals


class SaturatedError(HarnessError, ValueError):
    """An error for more arrivals than the workers can serve, so that the queue grows without bound."""


@dataclass(frozen=True)
class ServiceTime:
    """The service times of a worker. ``variation`` is their squared coefficient of variation: 0 when all are equal, 1
    for an exponential distribution."""

    mean_s: float
    variation: float

    @cached_property
    def quantiles_s(self) -> npt.NDArray[np.float64]:
        """The service times (seconds) at equally likely quantiles of the gamma distribution with this mean and
        variation, ascending."""
        if self.variation < CONSTANT:
            return np.array([self.mean_s])
        shape = 1 / self.variation
        parts = (np.arange(QUANTILES) + 0.5) / QUANTILES
        return np.asarray(gammaincinv(shape, parts) / shape * self.mean_s, dtype=np.float64)


@dataclass(frozen=True)
class Waiting:
    """The waiting of requests in a queue. ``waits`` is the part of the requests that wait, ``mean_s`` the mean wait of
    all requests (seconds)."""

    waits: float
    mean_s: float
    service: ServiceTime

    def response_s(self, part: float) -> float:
        """Return the response time (wait and service, in seconds) that this part of the requests stays within: 0.99
        gives p99."""
        longest_s = float(self.service.quantiles_s[-1])
        return float(brentq(lambda time_s: self._slower(time_s) - (1 - part), 0.0, longest_s + self._wait_s(part)))

    def _slower(self, time_s: float) -> float:
        """Return the part of the requests that takes longer than this."""
        left_s = time_s - self.service.quantiles_s
        waiting = self.waits * np.exp(-np.maximum(left_s, 0.0) * self.waits / self.mean_s) if self.waits else 0.0
        return float(np.mean(np.where(left_s < 0, 1.0, waiting)))

    def _wait_s(self, part: float) -> float:
        """Return a wait that fewer than the rest of the requests exceed."""
        return self.mean_s / self.waits * float(-np.log((1 - part) / 2)) if self.waits else 0.0


def erlang_c(workers: int, load: float) -> float:
    """Return the part of the requests that wait, in M/M/c. ``load`` is the offered load in erlangs, the mean number of
    busy workers.

    Raises SaturatedError when the load is that of all workers, or more.
    """
    if load >= workers:
        raise SaturatedError(f"{load:.3g} workers' work for {workers} of them")
    blocked = 1.0  # Erlang's B, by its recursion
    for busy in range(1, workers + 1):
        blocked = load * blocked / (busy + load * blocked)
    return blocked / (1 - load / workers * (1 - blocked))


def shared_queue(workers: int, rate_per_s: float, service: ServiceTime, arrivals: float = POISSON) -> Waiting:
    """Return the waiting in one queue for all workers, each of which takes the next request as soon as it is free.
    ``arrivals`` is the squared coefficient of variation of the times between arrivals.

    Raises SaturatedError where the queue grows without bound.
    """
    load = rate_per_s * service.mean_s
    waits = erlang_c(workers, load)
    exponential_s = waits * service.mean_s / (workers - load)
    return Waiting(waits, exponential_s * (arrivals + service.variation) / 2, service)


def queue_per_worker(workers: int, rate_per_s: float, service: ServiceTime) -> Waiting:
    """Return the waiting with a queue for each worker, to which requests that arrive at random are assigned at random,
    no matter which worker is idle: c × M/G/1. Raises SaturatedError where the queues grow without bound."""
    return shared_queue(1, rate_per_s / workers, service)
