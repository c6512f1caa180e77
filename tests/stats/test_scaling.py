"""Scaling: laws found again in what they made, intervals that hold the truth, and no certainty from three points."""

import numpy as np
import pytest

from bench.validity.scaling import coverage_at, foretold_at
from harness.stats.scaling import ScalingError, WhichLaw, efficiency, fit_laws
from servers.machine_repairman import throughput_per_s

COUNTS = (1, 2, 3, 4)


def usl(workers: int, sigma: float, kappa: float) -> float:
    return 1000 * workers / (1 + sigma * (workers - 1) + kappa * workers * (workers - 1))


def measured(
    sigma: float, kappa: float, noise: float, counts: tuple[int, ...] = COUNTS, blocks: int = 5, seed: int = 1
) -> dict[int, list[float]]:
    """Blocks whose level differs by 10 %, and noise of each trial on top of it."""
    dice = np.random.default_rng(seed)
    levels = np.exp(dice.normal(0, 0.1, blocks))
    return {n: (levels * usl(n, sigma, kappa) * np.exp(dice.normal(0, noise, blocks))).tolist() for n in counts}


def test_efficiency_is_relative_to_one_worker_within_blocks() -> None:
    found = efficiency({1: [100.0, 200.0], 2: [180.0, 360.0], 4: [200.0, 400.0]})
    assert {workers: estimate.value for workers, estimate in found.items()} == pytest.approx({2: 0.9, 4: 0.5})
    assert found[2].low == pytest.approx(0.9)  # the blocks agree exactly, whatever their levels


def test_efficiency_is_relative_to_the_smallest_cluster_where_one_was_not_measured() -> None:
    assert efficiency({2: [200.0, 200.0], 4: [300.0, 300.0]})[4].value == pytest.approx(0.75)


@pytest.mark.parametrize(("sigma", "kappa"), [(0.05, 0.0), (0.02, 0.01), (0.0, 0.0)])
def test_the_law_that_made_the_figures_is_found_again(sigma: float, kappa: float) -> None:
    scaling = fit_laws(measured(sigma, kappa, noise=1e-5))
    assert scaling.universal.sigma.value == pytest.approx(sigma, abs=1e-3)
    assert scaling.universal.kappa is not None
    assert scaling.universal.kappa.value == pytest.approx(kappa, abs=1e-3)
    assert scaling.universal.speedup(8).value == pytest.approx(usl(8, sigma, kappa) / 1000, rel=0.01)
    assert scaling.law is (WhichLaw.UNIVERSAL if kappa else WhichLaw.CANNOT_TELL)


def test_amdahl_can_not_be_told_from_usl_but_usl_can_from_amdahl() -> None:
    assert fit_laws(measured(0.05, 0.0, 0.01)).law is WhichLaw.CANNOT_TELL
    assert fit_laws(measured(0.02, 0.05, 0.01)).law is WhichLaw.UNIVERSAL


def test_what_follows_neither_law_is_told() -> None:
    rates = measured(0.0, 0.0, 0.005)
    rates[3] = [rate * 0.5 for rate in rates[3]]
    assert fit_laws(rates).law is WhichLaw.NEITHER


def test_three_points_on_a_curve_are_no_certainty() -> None:
    """A curve of three unknowns goes through three points exactly; the noise between blocks keeps the interval wide."""
    scaling = fit_laws(measured(0.05, 0.005, 0.03, counts=(1, 2, 4), blocks=3))
    prediction = scaling.universal.speedup(8)
    assert prediction.low is not None
    assert prediction.high is not None
    assert prediction.high / prediction.low > 1.2
    assert scaling.universal.deviance == pytest.approx(0, abs=1e-6)


def test_more_blocks_narrow_the_interval() -> None:
    few, many = (fit_laws(measured(0.05, 0.005, 0.02, blocks=n)).universal.sigma for n in (3, 30))
    assert few.low is not None
    assert few.high is not None
    assert many.low is not None
    assert many.high is not None
    assert many.high - many.low < few.high - few.low


@pytest.mark.parametrize(("sigma", "kappa"), [(0.1, 0.0), (0.05, 0.01)])
def test_intervals_for_eight_workers_hold_the_truth(sigma: float, kappa: float) -> None:
    """90 to 98 % are asked, which ``make validity`` checks with more runs; 60 runs at 95 % stay within 86 and 100 %."""
    found = coverage_at(8, sigma, kappa, 60, np.random.default_rng(7))
    assert found.speedup >= 0.86
    assert found.throughput >= 0.86


@pytest.mark.parametrize("noise", [0.003, 0.01])
def test_what_is_foretold_for_eight_workers_is_then_measured(noise: float) -> None:
    """Of workers that queue for a lock, and so follow neither law exactly. 95 % are asked, and more is given where the
    noise hides less; 60 runs at 95 % stay above 86 %."""

    def rate_per_s(workers: int) -> float:
        return throughput_per_s(workers, sleep_s=0.018, lock_s=0.002)

    assert foretold_at(8, rate_per_s, 60, np.random.default_rng(7), noise) >= 0.86


def test_what_will_be_measured_is_less_certain_than_what_there_is() -> None:
    law = fit_laws(measured(0.05, 0.005, 0.02)).universal
    mean, prediction = law.throughput(8), law.prediction(8)
    assert prediction.value == mean.value
    assert mean.low is not None
    assert mean.high is not None
    assert prediction.low is not None
    assert prediction.high is not None
    assert prediction.low < mean.low < mean.high < prediction.high


@pytest.mark.parametrize(
    ("rates", "why"),
    [
        ({1: [1.0, 1.0], 2: [2.0, 2.0]}, "3 different numbers of workers, there are 2"),
        ({1: [1.0], 2: [2.0], 3: [3.0]}, "2 complete blocks, there are 1"),
        ({1: [1.0, 1.0], 2: [2.0], 3: [3.0, 3.0]}, "every number of workers once"),
        ({1: [1.0, 1.0], 2: [2.0, 0.0], 3: [3.0, 3.0]}, "must be positive"),
    ],
)
def test_what_can_not_carry_a_fit_is_refused(rates: dict[int, list[float]], why: str) -> None:
    with pytest.raises(ScalingError, match=why):
        fit_laws(rates)
