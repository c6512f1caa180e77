"""Response times of servers whose law is known: as measured, by a model that the probes bear out, or not told."""

from dataclasses import dataclass, replace
from functools import cache
from math import exp, factorial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import pytest
from scipy.optimize import brentq

from harness.planning.evidence import TopologyCapacity, evidence_of
from harness.planning.response_times import (
    MAX_MODEL_RATIO,
    ExpectedTimes,
    QueueModel,
    Source,
    expected_at,
    matching_models,
    measured_at,
    modelled_at,
    service_of,
)
from harness.stats.crossing import BadShare
from harness.stats.queueing import ServiceTime, queue_per_worker, shared_queue
from tests.made_runs import topology
from tests.planning.evidence import cluster, exactly
from tests.planning.searches import searched_run
from tests.rehearsal import service
from tests.rehearsal.testbed import VirtualTestbed

FOUR: Final = cluster(4, exactly(380), exactly(400))
PER_S: Final = 200.0  # served
REQUESTS: Final = 100_000  # at each rate


@dataclass(frozen=True)
class Law:
    """A server, by Kendall's name."""

    name: str
    workers: int
    is_constant: bool
    objective: str

    def p99_ms(self, rate_per_s: float) -> float:
        """By its closed form, or that of Erlang for the waits of M/D/1 (Crommelin, 1932)."""
        if not self.is_constant:
            return 1000 * shared_queue(self.workers, rate_per_s, ServiceTime(self.workers / PER_S, 1.0)).response_s(
                0.99
            )
        service_s = 1 / PER_S
        wait_s = brentq(lambda time_s: _waited(rate_per_s, service_s, time_s) - 0.99, 0.0, 30 * service_s)
        return 1000 * (float(wait_s) + service_s)


def _waited(rate_per_s: float, service_s: float, time_s: float) -> float:
    """The part of the requests that wait no longer than this for M/D/1."""
    lags = [(each, rate_per_s * (time_s - each * service_s)) for each in range(int(time_s / service_s) + 1)]
    return (1 - rate_per_s * service_s) * sum((-lag) ** each / factorial(each) * exp(lag) for each, lag in lags)


LAWS: Final = (
    Law("M/M/1", 1, False, "p99 < 115ms"),
    Law("M/D/1", 1, True, "p99 < 60ms"),
    Law("M/M/4", 4, False, "p99 < 150ms"),
)


@cache
def searched(law: Law, seed: int = 1) -> TopologyCapacity:
    """What a search found of it."""
    workers = law.workers if law.workers > 1 else None
    server = topology(f"server-{law.workers}", workers, baseline=True)
    serving = service.Service(1000 * law.workers / PER_S, law.is_constant, is_shared_line=True)
    testbed = VirtualTestbed({server.name: serving}, seed=seed)
    with TemporaryDirectory() as folder:
        (carried,) = evidence_of(searched_run(Path(folder), [server], testbed, law.objective, 6)).carried
    return carried


def at(law: Law, part: float) -> tuple[ExpectedTimes | None, float]:
    """What is expected at such a part of its capacity, and the rate."""
    carried = searched(law)
    assert carried.rate
    rate_per_s = part * carried.rate.value
    return expected_at(carried, matching_models(carried), rate_per_s), rate_per_s


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_p99_is_within_a_quarter_of_what_it_is_or_not_told(law: Law) -> None:
    parts = np.linspace(0.3, 1.0, 29)
    told = [(rate_per_s, times) for times, rate_per_s in (at(law, float(part)) for part in parts) if times]
    assert len(told) > len(parts) / 2
    for rate_per_s, expected in told:
        truth_ms = law.p99_ms(rate_per_s)
        if expected.source is Source.AT_MOST:
            assert truth_ms < expected.most.p99_ms
            continue
        for times in (expected.least, expected.most):
            assert truth_ms / MAX_MODEL_RATIO < times.p99_ms < truth_ms * MAX_MODEL_RATIO


@dataclass(frozen=True)
class Probe:
    """What was measured at one rate: exponential response times of this mean."""

    rate_per_s: float
    mean_ms: float

    def count_slower(self, limit_ms: float) -> BadShare:
        """The share of requests that took longer than this."""
        return BadShare(self.rate_per_s, REQUESTS, round(REQUESTS * exp(-limit_ms / self.mean_ms)))


@pytest.mark.parametrize("top_ms", [9.0, 60.0])
def test_between_rates_whose_times_are_far_apart_a_model_tells_or_nobody_does(top_ms: float) -> None:
    """As between the last rate that is kept and one beyond saturation, where the line between them says nothing."""
    probes = (Probe(100, 5.0), Probe(150, 7.0), Probe(190, top_ms))
    seen = replace(FOUR, observed=probes, rate=exactly(190), saturation=exactly(200))
    expected = expected_at(seen, (), 170)
    assert (expected is not None) == (top_ms == 9.0)
    modelled = modelled_at(seen, QueueModel.SHARED_QUEUE, 170)
    told = expected_at(seen, (QueueModel.SHARED_QUEUE,), 170)
    assert told
    assert modelled
    assert (told.source, told.most) == (Source.MODELLED, modelled) or told.source is Source.MEASURED


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_between_the_rates_that_were_offered_it_is_measured(law: Law) -> None:
    for part, source in ((0.9, Source.MEASURED), (0.3, Source.MODELLED)):
        expected, _ = at(law, part)
        assert expected
        assert expected.source is source or (source is Source.MODELLED and expected.source is Source.AT_MOST)


def test_at_its_capacity_p99_is_what_the_objective_says() -> None:
    expected, _ = at(LAWS[0], 1.0)
    assert expected
    assert expected.least.p99_ms == pytest.approx(115, rel=0.01)


def test_the_lines_that_there_are_not_are_contradicted() -> None:
    assert matching_models(searched(LAWS[2])) == (QueueModel.SHARED_QUEUE,)


def test_a_model_of_other_service_is_not_told_and_what_was_measured_is_the_most() -> None:
    """Exponential service, where it takes always the same."""
    carried = replace(searched(LAWS[1]), service=None)
    assert matching_models(carried) == ()
    lowest = carried.observed[0].rate_per_s
    expected = expected_at(carried, (), lowest / 2)
    assert expected
    assert expected.source is Source.AT_MOST
    assert expected.most == measured_at(carried.observed, lowest)


def test_nothing_is_told_beyond_the_highest_rate_that_was_offered() -> None:
    carried = searched(LAWS[0])
    highest = carried.observed[-1].rate_per_s
    assert measured_at(carried.observed, highest * 1.01) is None
    assert expected_at(carried, tuple(QueueModel), highest * 1.01) is None


def test_a_closed_loop_says_nothing_of_waiting() -> None:
    assert matching_models(FOUR) == ()
    assert expected_at(FOUR, (), 100) is None


def test_what_is_foretold_has_the_models_of_the_one_that_it_is_foretold_from() -> None:
    carried = searched(LAWS[2])
    assert carried.saturation
    more = replace(carried, workers=8, saturation=carried.saturation.times(2), observed=(), like=carried)
    assert matching_models(more) == (QueueModel.SHARED_QUEUE,)
    expected = expected_at(more, matching_models(more), PER_S)
    assert expected
    assert expected.source is Source.MODELLED


def test_the_models_are_those_of_the_two_queues() -> None:
    service = ServiceTime(0.01, 1.0)
    together, apart = (modelled_at(FOUR, lines, 300) for lines in QueueModel)
    assert together
    assert apart
    assert together.p99_ms == pytest.approx(1000 * shared_queue(4, 300, service).response_s(0.99))
    assert apart.p99_ms == pytest.approx(1000 * queue_per_worker(4, 300, service).response_s(0.99))


def test_workers_are_saturated_where_they_were_seen_to_be() -> None:
    assert service_of(FOUR) == ServiceTime(0.01, 1.0)
    measured = replace(FOUR, service=ServiceTime(0.007, 0.2))
    assert service_of(measured) == ServiceTime(0.01, 0.2)
    assert service_of(replace(measured, saturation=None)) == ServiceTime(0.007, 0.2)
    assert service_of(replace(FOUR, saturation=None)) is None


def test_beyond_saturation_no_model_has_an_answer() -> None:
    assert modelled_at(FOUR, QueueModel.SHARED_QUEUE, 400) is None
    assert modelled_at(replace(FOUR, saturation=None), QueueModel.SHARED_QUEUE, 1) is None
