"""Whether the busiest worker of a cluster is busier than chance would have it.

Where the kernel deals connections to workers by hashing, as with SO_REUSEPORT, each of C connections falls on each of N
workers with probability 1/N, and some worker always gets more than its fair share. The probability that a given worker
gets k or more is the tail of the binomial distribution; that any of them does is at most N times as much (Bonferroni),
and hardly less where it is small.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import bdtrc, chdtrc

CHANCE_LEVEL: Final = 0.01
RARE: Final = 0.05  # what chance exceeds in at most so many trials is more than is to be expected of it


@dataclass(frozen=True)
class Imbalance:
    """How unevenly the requests were spread over workers. Shares are parts of one.

    ``busiest_share`` is the median over trials. ``chance_share`` is what the share of the busiest worker exceeds in at
    most one trial of twenty if nothing but chance deals the connections. ``p_value`` is that of all trials together.
    """

    busiest_share: float
    fair_share: float
    chance_share: float
    p_value: float

    @property
    def is_beyond_chance(self) -> bool:
        """At a level of 1 %."""
        return self.p_value < CHANCE_LEVEL


def skew(trials: Sequence[Sequence[int]], connections: int) -> Imbalance | None:
    """From the requests that each worker answered, trial by trial: one number for every worker, idle ones included.

    ``connections`` is how many were opened in each trial, to be kept until it ended. The trials are put together by
    Fisher's method; one without any request says nothing, and if all are like that, the result is None. Raises
    ValueError when trials differ in the number of workers.
    """
    if len({len(requests) for requests in trials}) > 1:
        raise ValueError("every trial must have the same number of workers")
    shares = [busiest_share(requests) for requests in trials if any(requests)]
    if not shares:
        return None
    workers = len(trials[0])
    p_values = [chance_of(share, workers, connections) for share in shares]
    return Imbalance(
        busiest_share=statistics.median(shares),
        fair_share=1 / workers,
        chance_share=_rarely_exceeded(workers, connections) / connections,
        p_value=float(chdtrc(2 * len(p_values), -2 * np.log(np.maximum(p_values, np.finfo(float).tiny)).sum())),
    )


def busiest_share(requests: Sequence[int]) -> float:
    """The part of all requests, of which there must be some, that the busiest worker answered."""
    return max(requests) / sum(requests)


def chance_of(share: float, workers: int, connections: int) -> float:
    """The probability, at the most, that chance deals some worker such a share of the connections, or a greater one.

    A share of requests stands for a whole number of connections and lies a little off it, since not all connections are
    equally fast. The nearest number is meant: to round up would make every such excess look like one more connection.
    """
    busiest = round(share * connections)
    return min(1.0, workers * float(bdtrc(busiest - 1, connections, 1 / workers)))


def _rarely_exceeded(workers: int, connections: int) -> int:
    """The least number of connections that chance gives to more than one worker in RARE trials."""
    numbers = np.arange(connections + 1)
    return int(numbers[bdtrc(numbers, connections, 1 / workers) <= RARE / workers][0])
