"""The core speed of slices: each figure is held against that which it met."""

from dataclasses import replace

import numpy as np
import pytest

from harness.analysis.metrics import CPU, MEMORY, P50, THROUGHPUT, Metric
from harness.analysis.rotations import core_speed_slope, pace_us_of, pair_rounds
from harness.analysis.trials import Trial, trials_of
from harness.record import Slice
from harness.scenario import Topology
from tests.made_runs import record, topology

RAW, OTHER = topology("raw", baseline=True), topology("other")
ROTATIONS, ROUNDS = 4, 5
USUAL_US = 30.0


def sliced(of: Topology, block: int, whole: list[float], windows: list[float] | None) -> Trial:
    """A trial whose CPU per request follows the core speed from idle to idle, and whose requests/s that in the
    windows, as far as this is known."""
    slices = [
        Slice(
            begin_s=number,
            lead_in_s=0.1,
            duration_s=0.5,
            requests=round(500 * speed_in_window),
            requests_per_s=1000 * speed_in_window,
            answered=1000,
            cpu_s=1 / speed,
            pace_us=USUAL_US / speed,
            window_pace_us=None if windows is None else USUAL_US / speed_in_window,
        )
        for number, (speed, speed_in_window) in enumerate(zip(whole, windows or whole, strict=True))
    ]
    made = record(block, of, 1000).model_copy(update={"slices": slices})
    assert made.usage
    usage = made.usage.model_copy(update={"pace_us": USUAL_US / float(np.mean(whole))})
    (trial,) = trials_of([made.model_copy(update={"usage": usage})], [of.name])[of.name]
    return trial


def rounds(has_windows: bool) -> list[tuple[Trial, Trial]]:
    """Rounds in which the speed in a window says nothing of that from idle to idle."""
    dice = np.random.default_rng(5)

    def speeds() -> list[float]:
        return [float(each) for each in np.exp(dice.normal(0, 0.2, ROTATIONS))]

    sides = [
        [sliced(of, block, speeds(), speeds() if has_windows else None) for block in range(1, ROUNDS + 1)]
        for of in (RAW, OTHER)
    ]
    return list(pair_rounds(*sides))


@pytest.mark.parametrize("metric", [THROUGHPUT, CPU])
@pytest.mark.parametrize("has_windows", [True, False], ids=["with windows", "of before"])
def test_each_figure_follows_the_speed_that_it_met(metric: Metric, has_windows: bool) -> None:
    """Requests/s are those of the windows, and CPU is counted from idle to idle."""
    assert core_speed_slope(metric, rounds(has_windows)) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(("metric", "is_of_window"), [(THROUGHPUT, True), (P50, True), (CPU, False), (MEMORY, False)])
def test_a_trial_has_the_speed_of_its_slices(metric: Metric, is_of_window: bool) -> None:
    """That of its windows is their harmonic mean, since requests add up as speeds do."""
    trial = sliced(RAW, 1, [1.0, 1.0], [0.5, 1.5])
    assert pace_us_of(trial, metric) == pytest.approx(USUAL_US)
    trial = sliced(RAW, 1, [1.0, 1.0], [0.5, 1.0])
    assert pace_us_of(trial, metric) == pytest.approx(USUAL_US / 0.75 if is_of_window else USUAL_US)


def test_where_it_is_not_known_in_the_windows_it_is_that_from_idle_to_idle() -> None:
    assert pace_us_of(sliced(RAW, 1, [0.5, 1.0], None), THROUGHPUT) == pytest.approx(USUAL_US / 0.75)


def test_where_no_slice_has_one_it_is_that_of_the_trial() -> None:
    trial = sliced(RAW, 1, [0.5, 1.0], None)
    unread = replace(trial, slices=tuple(part.model_copy(update={"pace_us": None}) for part in trial.slices))
    assert pace_us_of(unread, THROUGHPUT) == trial.pace_us == pytest.approx(USUAL_US / 0.75)
