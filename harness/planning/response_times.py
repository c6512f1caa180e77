"""Response times on a host: measured, or by a queueing model that agrees with the measurements."""

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log
from typing import Final, Self

from harness.planning.curve import response_ms
from harness.planning.evidence import Observed, TopologyCapacity
from harness.stats.queueing import SaturatedError, ServiceTime, Waiting, queue_per_worker, shared_queue
from harness.units import MS_PER_S

EXPONENTIAL: Final = 1.0  # squared coefficient of variation, where that of the service times was not measured
MAX_MODEL_RATIO: Final = 1.25  # between model and measurement: with a greater one, the model is rejected
MAX_UTILISATION: Final = 0.9  # of the capacity: nearer to saturation, a measured p99 depends on chance
P50: Final = 0.5
P99: Final = 0.99


class Source(enum.Enum):
    """The source of response times."""

    MEASURED = "measured"  # at rates below and above
    MODELLED = "modelled"
    AT_MOST = "at most"  # measured at the lowest offered rate, which is higher


class QueueModel(enum.Enum):
    """The queueing models of a host: M/M/c, where all workers share a queue, and c × M/G/1, with a queue for each."""

    SHARED_QUEUE = "one line for all workers"
    QUEUE_PER_WORKER = "a line for each worker"


@dataclass(frozen=True)
class ResponseTimes:
    """The response times of the requests to one host (milliseconds)."""

    p50_ms: float
    p99_ms: float

    @classmethod
    def of(cls, waiting: Waiting) -> Self:
        """Return the response times of requests in this queue."""
        return cls(waiting.response_s(P50) * MS_PER_S, waiting.response_s(P99) * MS_PER_S)

    def is_near(self, other: "ResponseTimes", most: float = MAX_MODEL_RATIO) -> bool:
        """Return whether both percentiles agree within this ratio, by default the accepted one of a model to a
        measurement."""
        pairs = (self.p50_ms, other.p50_ms), (self.p99_ms, other.p99_ms)
        return all(abs(log(one / another)) <= log(most) for one, another in pairs)


@dataclass(frozen=True)
class ExpectedTimes:
    """A range of response times. Its ends differ only where both models agree with the measurements."""

    least: ResponseTimes
    most: ResponseTimes
    source: Source


def expected_at(carried: TopologyCapacity, models: Sequence[QueueModel], rate_per_s: float) -> ExpectedTimes | None:
    """Return the response times at a rate to one host (requests/s), with the models that agree with the measurements;
    None where neither a measurement nor a model gives them.

    Between two rates that were offered, times that differ much may be anywhere. Those on the line between the two count
    as measured where both are near to it, or a model is.
    """
    seen, observed = measured_at(carried.observed, rate_per_s), carried.observed
    found = [times for model in models if (times := modelled_at(carried, model, rate_per_s))]
    if seen is not None and (_are_near(observed, rate_per_s) or any(map(seen.is_near, found))):
        return ExpectedTimes(seen, seen, Source.MEASURED)
    if seen is None and observed and rate_per_s > observed[0].rate_per_s:
        return None
    if found:
        return ExpectedTimes(min(found, key=_p99_ms), max(found, key=_p99_ms), Source.MODELLED)
    if seen is not None:
        return None
    lowest = measured_at(carried.observed, carried.observed[0].rate_per_s) if carried.observed else None
    return ExpectedTimes(lowest, lowest, Source.AT_MOST) if lowest else None


def measured_at(observed: tuple[Observed, ...], rate_per_s: float) -> ResponseTimes | None:
    """Return the measured response times at a rate; None at a rate outside those that were offered."""
    p50_ms, p99_ms = (response_ms(observed, rate_per_s, part) for part in (P50, P99))
    return None if p50_ms is None or p99_ms is None else ResponseTimes(p50_ms, p99_ms)


def _are_near(observed: tuple[Observed, ...], rate_per_s: float) -> bool:
    """Return whether the response times at the next lower and the next higher rate are so near to each other that those
    between them are near to both."""
    rates = [seen.rate_per_s for seen in observed]
    lower = measured_at(observed, max(rate for rate in rates if rate <= rate_per_s))
    upper = measured_at(observed, min(rate for rate in rates if rate >= rate_per_s))
    return lower is not None and upper is not None and lower.is_near(upper, MAX_MODEL_RATIO**2)


def modelled_at(carried: TopologyCapacity, model: QueueModel, rate_per_s: float) -> ResponseTimes | None:
    """Return the response times at a rate by a model; None where the service times are unknown, or the host would be
    saturated."""
    service = service_of(carried)
    if service is None:
        return None
    queue = shared_queue if model is QueueModel.SHARED_QUEUE else queue_per_worker
    try:
        return ResponseTimes.of(queue(carried.workers, rate_per_s, service))
    except SaturatedError:
        return None


def matching_models(carried: TopologyCapacity) -> tuple[QueueModel, ...]:
    """Return the models that agree with all reliable measurements of this topology, or of the one that its prediction
    is based on."""
    seen = carried.like or carried
    measurements = list(_reliable_measurements(seen))
    return tuple(
        model for model in QueueModel if measurements and all(_matches(seen, model, *each) for each in measurements)
    )


def _reliable_measurements(carried: TopologyCapacity) -> Iterator[tuple[float, ResponseTimes]]:
    """Yield each offered rate that is not too near to saturation, with the response times that were measured there."""
    if carried.rate is None:
        return
    for seen in carried.observed:
        if seen.rate_per_s <= MAX_UTILISATION * carried.rate.value:
            times = measured_at(carried.observed, seen.rate_per_s)
            if times is not None:
                yield seen.rate_per_s, times


def _matches(carried: TopologyCapacity, model: QueueModel, rate_per_s: float, measured: ResponseTimes) -> bool:
    modelled = modelled_at(carried, model, rate_per_s)
    return modelled is not None and modelled.is_near(measured)


def _p99_ms(times: ResponseTimes) -> float:
    return times.p99_ms


def service_of(carried: TopologyCapacity) -> ServiceTime | None:
    """Return the service times: their mean is the one at which the workers saturate at the measured throughput, or else
    the mean at low load."""
    if carried.saturation is None:
        return carried.service
    variation = carried.service.variation if carried.service else EXPONENTIAL
    return ServiceTime(carried.workers / carried.saturation.value, variation)
