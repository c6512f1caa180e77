"""Response times at a rate that was not offered: between one line for all workers and a line for each."""

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log
from typing import Final, Self

from harness.planning.carried import Carried, Observed
from harness.stats.queueing import SaturatedError, Service, Waiting, lines_apart, one_line

EXPONENTIAL: Final = 1.0  # squared coefficient of variation, where that of the service times was not measured
LEAST_BUSY: Final = 0.5  # of the saturation throughput: with less, hardly anybody waits
LEAST_APART: Final = 1.2  # times: models that differ by less can't be told apart
CLOSE: Final = 1.25  # times: as near as a model can be expected to come
MS_PER_S: Final = 1000
P50: Final = 0.5
P99: Final = 0.99


@dataclass(frozen=True)
class ResponseTimes:
    """Of the requests to one host."""

    p50_ms: float
    p99_ms: float

    @classmethod
    def of(cls, waiting: Waiting) -> Self:
        """From the queue that they are in."""
        return cls(waiting.response_s(P50) * MS_PER_S, waiting.response_s(P99) * MS_PER_S)


@dataclass(frozen=True)
class Bracket:
    """Response times with one line for all workers of a host, and with a line for each."""

    one_line: ResponseTimes
    lines_apart: ResponseTimes


class Support(enum.Enum):
    """What the measurements say about the two kinds of lines, in a sentence."""

    NOT_MEASURED = "Which it is was not measured: a closed loop says nothing of waiting."
    TOO_FEW = "Which it is can't be told: no cluster was seen with half of its capacity used, or more."
    ALIKE = "Which it is can't be told: both models foretell nearly the same."
    ONE_LINE = "The measurements support one line for all workers."
    LINES_APART = "The measurements support a line for each worker."
    BETWEEN = "The measurements lie between the two."
    NEITHER = "The measurements support neither of the two."


def bracket_of(carried: Carried, rate_per_s: float) -> Bracket | None:
    """At so many requests/s to one host; None where nothing is known of its service, or it would be saturated."""
    service = service_of(carried)
    if service is None:
        return None
    try:
        lines = (queue(carried.workers, rate_per_s, service) for queue in (one_line, lines_apart))
        return Bracket(*map(ResponseTimes.of, lines))
    except SaturatedError:
        return None


def support_of(carried: Sequence[Carried]) -> Support:
    """By the p99 of clusters that were observed at rates where requests wait."""
    if not any(each.observed for each in carried):
        return Support.NOT_MEASURED
    logs = [pair for each in carried if each.workers > 1 for pair in _beside_models(each)]
    if not logs:
        return Support.TOO_FEW
    over_one, over_apart = (sum(column) / len(logs) for column in zip(*logs, strict=True))
    if over_one - over_apart < log(LEAST_APART):
        return Support.ALIKE
    if min(abs(over_one), abs(over_apart)) <= log(CLOSE):
        return Support.ONE_LINE if abs(over_one) < abs(over_apart) else Support.LINES_APART
    return Support.BETWEEN if over_apart < 0 < over_one else Support.NEITHER


def _beside_models(carried: Carried) -> Iterator[tuple[float, float]]:
    """How far p99 was above what either model has, as logarithms."""
    for seen in carried.observed:
        found = bracket_of(carried, seen.rate_per_s) if _is_busy(carried, seen) else None
        if found is not None:
            yield log(seen.p99_ms / found.one_line.p99_ms), log(seen.p99_ms / found.lines_apart.p99_ms)


def _is_busy(carried: Carried, seen: Observed) -> bool:
    return carried.saturation is not None and seen.rate_per_s >= LEAST_BUSY * carried.saturation.value


def service_of(carried: Carried) -> Service | None:
    """With a mean by which the workers are saturated where they were seen to be, or else the one at low load."""
    if carried.saturation is None:
        return carried.service
    variation = carried.service.variation if carried.service else EXPONENTIAL
    return Service(carried.workers / carried.saturation.value, variation)
