"""Waiting: beside textbook figures, and beside queues that are gone through request by request."""

import heapq

import numpy as np
import numpy.typing as npt
import pytest

from harness.stats.queueing import SaturatedError, ServiceTime, erlang_c, queue_per_worker, shared_queue

Floats = npt.NDArray[np.float64]
REQUESTS = 200_000
EXPONENTIAL = ServiceTime(0.1, 1.0)


def responses_s(workers: int, gaps_s: Floats, service_s: Floats, apart: bool, dice: np.random.Generator) -> Floats:
    """Response times of requests that come in such gaps: each goes to the worker that is free first, as Kiefer and
    Wolfowitz have it, or to one drawn at random, as Lindley has it of each line."""
    free_s, found = [0.0] * workers, np.empty(len(gaps_s))
    drawn = dice.integers(workers, size=len(gaps_s)).tolist()
    for number, (now_s, takes_s) in enumerate(zip(np.cumsum(gaps_s).tolist(), service_s.tolist(), strict=True)):
        if apart:
            done_s = max(now_s, free_s[drawn[number]]) + takes_s
            free_s[drawn[number]] = done_s
        else:
            done_s = max(now_s, free_s[0]) + takes_s
            heapq.heapreplace(free_s, done_s)
        found[number] = done_s - now_s
    return found[len(found) // 20 :]


@pytest.mark.parametrize(
    ("workers", "load", "waits"), [(1, 0.7, 0.7), (2, 1.0, 1 / 3), (3, 2.0, 4 / 9), (10, 5.0, 0.036105), (5, 0.0, 0.0)]
)
def test_erlangs_formula(workers: int, load: float, waits: float) -> None:
    assert erlang_c(workers, load) == pytest.approx(waits, abs=1e-6)


def test_one_worker_waits_as_pollaczek_and_khinchine_have_it() -> None:
    """λE[S²] / (2(1 − ρ)); constant service halves the wait of the exponential one."""
    rate_per_s, service = 8.0, ServiceTime(0.1, 0.4)
    mean_square = service.mean_s**2 * (1 + service.variation)
    assert shared_queue(1, rate_per_s, service).mean_s == pytest.approx(rate_per_s * mean_square / (2 * (1 - 0.8)))
    assert shared_queue(1, rate_per_s, ServiceTime(0.1, 0)).mean_s == pytest.approx(
        shared_queue(1, rate_per_s, EXPONENTIAL).mean_s / 2
    )


@pytest.mark.parametrize("part", [0.5, 0.9, 0.99, 0.999])
def test_one_exponential_worker_has_exponential_responses(part: float) -> None:
    """With the rate μ − λ."""
    assert shared_queue(1, 8.0, EXPONENTIAL).response_s(part) == pytest.approx(-np.log(1 - part) / (10 - 8), rel=2e-3)


@pytest.mark.parametrize("part", [0.5, 0.99])
def test_the_responses_of_many_workers_are_a_mixture_of_exponentials(part: float) -> None:
    """P(T > t) = (1 − C)e^{−μt} + C(θe^{−μt} − μe^{−θt}) / (θ − μ), with θ = cμ − λ."""
    workers, rate_per_s, mu = 3, 24.0, 10.0
    time_s = shared_queue(workers, rate_per_s, EXPONENTIAL).response_s(part)
    waits, theta = erlang_c(workers, rate_per_s / mu), workers * mu - rate_per_s
    alone, after = np.exp(-mu * time_s), (theta * np.exp(-mu * time_s) - mu * np.exp(-theta * time_s)) / (theta - mu)
    assert (1 - waits) * alone + waits * after == pytest.approx(1 - part, rel=2e-3)


def test_what_never_waits_takes_its_service_and_what_is_constant_takes_that() -> None:
    assert shared_queue(4, 0.0, ServiceTime(0.1, 0.0)).response_s(0.99) == pytest.approx(0.1, rel=1e-6)
    assert shared_queue(4, 0.0, EXPONENTIAL).response_s(0.99) == pytest.approx(-0.1 * np.log(0.01), rel=2e-3)


@pytest.mark.parametrize(
    ("workers", "variation", "off"),
    [(1, 1.0, 0.1), (4, 1.0, 0.05), (4, 0.0, 0.12), (4, 0.3, 0.12), (4, 3.0, 0.15)],
)
@pytest.mark.parametrize("apart", [False, True])
def test_waits_and_percentiles_are_those_of_queues_gone_through(
    workers: int, variation: float, off: float, apart: bool
) -> None:
    """Seventy per cent busy. ``off`` is how far the approximations may be; where they are exact, it is for chance."""
    dice, rate_per_s = np.random.default_rng(7), 7.0 * workers
    shape = 1 / variation if variation else 0.0
    service_s = dice.gamma(shape, 0.1 / shape, REQUESTS) if variation else np.full(REQUESTS, 0.1)
    found = responses_s(workers, dice.exponential(1 / rate_per_s, REQUESTS), service_s, apart, dice)
    waiting = (queue_per_worker if apart else shared_queue)(workers, rate_per_s, ServiceTime(0.1, variation))
    assert waiting.mean_s + 0.1 == pytest.approx(found.mean(), rel=off)
    assert waiting.response_s(0.99) == pytest.approx(np.quantile(found, 0.99), rel=off)
    assert waiting.response_s(0.5) == pytest.approx(np.quantile(found, 0.5), rel=2 * off)


def test_arrivals_that_are_more_even_wait_less() -> None:
    """By Allen and Cunneen's approximation, which is rougher here."""
    dice, rate_per_s = np.random.default_rng(7), 32.0
    gaps_s = dice.gamma(2.0, 0.5 / rate_per_s, REQUESTS)
    found = responses_s(4, gaps_s, dice.exponential(0.1, REQUESTS), False, dice)
    assert shared_queue(4, rate_per_s, EXPONENTIAL, arrivals=0.5).mean_s == pytest.approx(found.mean() - 0.1, rel=0.2)


def test_one_line_is_never_slower_than_lines_apart() -> None:
    for part in (0.5, 0.9, 0.99):
        assert shared_queue(4, 30.0, EXPONENTIAL).response_s(part) < queue_per_worker(4, 30.0, EXPONENTIAL).response_s(
            part
        )


@pytest.mark.parametrize("rate_per_s", [40.0, 41.0])
def test_lines_without_end_are_refused(rate_per_s: float) -> None:
    for queue in (shared_queue, queue_per_worker):
        with pytest.raises(SaturatedError, match="of them"):
            queue(4, rate_per_s, EXPONENTIAL)
