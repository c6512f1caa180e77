"""The imbalance of a cluster: whether its busiest worker is busier than chance explains.

Where the kernel assigns connections to workers by hashing, as with SO_REUSEPORT, each of C connections goes to each of
N workers with probability 1/N, and some worker always gets more than its fair share. The probability that a given
worker gets k or more is the tail of the binomial distribution. The probability that any of them does is at most N times
as great (Bonferroni), and hardly less where it is small.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import bdtrc, chdtrc

CHANCE_LEVEL: Final = 0.01
RARE: Final = 0.05  # the part of trials in which chance may exceed the share that is still expected of it


@dataclass(frozen=True)
class Imbalance:
    """The imbalance of the requests over workers. Shares are parts of one.

    ``busiest_share`` is the median over trials. ``chance_share`` is the share that the busiest worker exceeds in at
    most one trial of twenty if chance alone assigns the connections. ``p_value`` is that of all trials together.
    """

    busiest_share: float
    fair_share: float
    chance_share: float
    p_value: float

    @property
    def is_beyond_chance(self) -> bool:
        """True if chance alone does not explain the imbalance, at a level of 1 %."""
        return self.p_value < CHANCE_LEVEL


def estimate_imbalance(trials: Sequence[Sequence[int]], connections: int) -> Imbalance | None:
    """Return the imbalance, given the requests that each worker answered in each trial, idle workers included.

    ``connections`` is the number that was opened in each trial and kept until its end. The trials are combined by
    Fisher's method. Trials without requests are left out; None where all are. Raises ValueError when trials differ in
    the number of workers.
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
        chance_share=_chance_quantile(workers, connections) / connections,
        p_value=float(chdtrc(2 * len(p_values), -2 * np.log(np.maximum(p_values, np.finfo(float).tiny)).sum())),
    )


def busiest_share(requests: Sequence[int]) -> float:
    """Return the part of all requests (at least one) that the busiest worker answered."""
    return max(requests) / sum(requests)


def chance_of(share: float, workers: int, connections: int) -> float:
    """Return an upper bound of the probability that chance assigns some worker such a share of the connections, or a
    greater one.

    A share of requests stands for a whole number of connections and lies a little off it, since not all connections are
    equally fast. The nearest number is taken: rounding up would turn every such excess into one more connection.
    """
    busiest = round(share * connections)
    return min(1.0, workers * float(bdtrc(busiest - 1, connections, 1 / workers)))


def _chance_quantile(workers: int, connections: int) -> int:
    """Return the smallest number of connections that chance lets the busiest worker exceed in at most RARE trials."""
    numbers = np.arange(connections + 1)
    return int(numbers[bdtrc(numbers, connections, 1 / workers) <= RARE / workers][0])
