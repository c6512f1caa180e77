"""Response times on a host: as they were measured, or by a model that what was measured does not contradict."""

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log
from typing import Final, Self

from harness.planning.curve import response_ms
from harness.planning.evidence import Observed, TopologyCapacity
from harness.stats.queueing import SaturatedError, Service, Waiting, lines_apart, one_line
from harness.units import MS_PER_S

EXPONENTIAL: Final = 1.0  # squared coefficient of variation, where that of the service times was not measured
MOST_OFF: Final = 1.25  # times: a model that is farther from what was measured is contradicted
BUSIEST: Final = 0.9  # of what is carried: nearer to saturation a measured p99 is luck
P50: Final = 0.5
P99: Final = 0.99


class Source(enum.Enum):
    """Where response times are from."""

    MEASURED = "measured"  # at rates around it
    MODELLED = "modelled"
    AT_MOST = "at most"  # those that were measured at the lowest rate, which is higher


class Lines(enum.Enum):
    """The models: how requests wait for the workers of a host."""

    TOGETHER = "one line for all workers"
    APART = "a line for each worker"


@dataclass(frozen=True)
class ResponseTimes:
    """Of the requests to one host."""

    p50_ms: float
    p99_ms: float

    @classmethod
    def of(cls, waiting: Waiting) -> Self:
        """From the queue that they are in."""
        return cls(waiting.response_s(P50) * MS_PER_S, waiting.response_s(P99) * MS_PER_S)

    def is_near(self, other: "ResponseTimes") -> bool:
        """Whether neither contradicts the other."""
        pairs = (self.p50_ms, other.p50_ms), (self.p99_ms, other.p99_ms)
        return all(abs(log(one / another)) <= log(MOST_OFF) for one, another in pairs)


@dataclass(frozen=True)
class Expected:
    """Response times between two, which are the same but where several models hold."""

    least: ResponseTimes
    most: ResponseTimes
    source: Source


def expected_at(carried: TopologyCapacity, models: Sequence[Lines], rate_per_s: float) -> Expected | None:
    """At so many requests/s to one host, with the models that hold; None where neither they nor a measurement tell."""
    seen = measured_at(carried.observed, rate_per_s)
    if seen is not None:
        return Expected(seen, seen, Source.MEASURED)
    if carried.observed and rate_per_s > carried.observed[0].rate_per_s:
        return None
    found = [times for lines in models if (times := modelled_at(carried, lines, rate_per_s))]
    if found:
        return Expected(min(found, key=_p99_ms), max(found, key=_p99_ms), Source.MODELLED)
    lowest = measured_at(carried.observed, carried.observed[0].rate_per_s) if carried.observed else None
    return Expected(lowest, lowest, Source.AT_MOST) if lowest else None


def measured_at(observed: tuple[Observed, ...], rate_per_s: float) -> ResponseTimes | None:
    """None at a rate beyond those that were offered."""
    p50_ms, p99_ms = (response_ms(observed, rate_per_s, part) for part in (P50, P99))
    return None if p50_ms is None or p99_ms is None else ResponseTimes(p50_ms, p99_ms)


def modelled_at(carried: TopologyCapacity, lines: Lines, rate_per_s: float) -> ResponseTimes | None:
    """None where nothing is known of its service, or it would be saturated."""
    service = service_of(carried)
    if service is None:
        return None
    queue = one_line if lines is Lines.TOGETHER else lines_apart
    try:
        return ResponseTimes.of(queue(carried.workers, rate_per_s, service))
    except SaturatedError:
        return None


def models_held(carried: TopologyCapacity) -> tuple[Lines, ...]:
    """The models that come near to everything that was measured of this one, or of the one that it is foretold from."""
    seen = carried.like or carried
    told = list(_told(seen))
    return tuple(lines for lines in Lines if told and all(_is_held(seen, lines, *each) for each in told))


def _told(carried: TopologyCapacity) -> Iterator[tuple[float, ResponseTimes]]:
    """What was measured at each rate at which it is told well."""
    if carried.rate is None:
        return
    for seen in carried.observed:
        if seen.rate_per_s <= BUSIEST * carried.rate.value:
            times = measured_at(carried.observed, seen.rate_per_s)
            if times is not None:
                yield seen.rate_per_s, times


def _is_held(carried: TopologyCapacity, lines: Lines, rate_per_s: float, measured: ResponseTimes) -> bool:
    modelled = modelled_at(carried, lines, rate_per_s)
    return modelled is not None and modelled.is_near(measured)


def _p99_ms(times: ResponseTimes) -> float:
    return times.p99_ms


def service_of(carried: TopologyCapacity) -> Service | None:
    """With a mean by which the workers are saturated where they were seen to be, or else the one at low load."""
    if carried.saturation is None:
        return carried.service
    variation = carried.service.variation if carried.service else EXPONENTIAL
    return Service(carried.workers / carried.saturation.value, variation)
