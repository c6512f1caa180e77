"""What was not measured: foretold where the data carry it, refused with the reason where they don't."""

from dataclasses import replace

import pytest

from harness.planning.excluded import BeyondDataError
from harness.planning.prediction import predict
from harness.stats.estimate import Estimate, mean_over_trials
from tests.planning.evidence import cluster, exactly, family, memory, rounds, usl

RATES = rounds({workers: usl(workers) for workers in (1, 2, 3, 4)})
FAMILY = family(RATES)
MEMBERS = [cluster(workers, mean_over_trials(of)) for workers, of in RATES.items()]


def within(estimate: Estimate | None, value: float) -> bool:
    assert estimate is not None
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low < value < estimate.high


def test_eight_workers_are_foretold_from_four() -> None:
    found = predict(FAMILY, MEMBERS, 8)
    assert found.topology == "cluster-8"
    assert found.predicted_from == (1, 2, 3, 4)
    assert found.rate == found.saturation
    assert within(found.rate, usl(8))
    assert found.rate is not None
    assert found.rate.value == pytest.approx(usl(8), rel=0.1)
    assert found.demanded_cores == pytest.approx(4 * 0.9 * found.rate.value / usl(4), rel=0.02)


def test_memory_grows_by_what_a_worker_has_of_its_own() -> None:
    for workers in (3, 6, 8):
        assert predict(FAMILY, MEMBERS, workers).memory_bytes.value == pytest.approx((1 + workers) * 2**25)
    alone = [replace(member, memory_bytes=memory(member.workers)) for member in MEMBERS if member.workers == 4]
    assert predict(FAMILY, alone, 8).memory_bytes.value == pytest.approx(2 * 5 * 2**25)


def test_the_interval_is_one_of_what_will_be_measured() -> None:
    """So it is wider than that of the mean."""
    found, laws = predict(FAMILY, MEMBERS, 8).rate, FAMILY.laws
    assert found is not None
    assert laws is not None
    assert found == laws.universal.prediction(8)
    mean = laws.universal.throughput(8)
    assert found.low is not None
    assert mean.low is not None
    assert found.low < mean.low


def test_at_an_objective_the_part_of_the_largest_is_kept_and_so_is_its_doubt() -> None:
    members = [cluster(workers, exactly(0.8 * usl(workers)), exactly(usl(workers))) for workers in RATES]
    found = predict(FAMILY, members, 8)
    assert found.rate is not None
    assert found.saturation is not None
    assert found.objective == "p99 < 250ms"
    assert found.rate.value == pytest.approx(0.8 * found.saturation.value)
    assert found.rate.low is not None
    assert found.saturation.low is not None
    assert found.rate.value / found.rate.low > found.saturation.value / found.saturation.low


def test_more_than_twice_the_largest_is_refused() -> None:
    with pytest.raises(BeyondDataError, match="9 workers are more than twice the 4 up to which the law was fitted"):
        predict(FAMILY, MEMBERS, 9)


def test_oversubscribed_points_carry_nothing() -> None:
    """With four of them left out, six are the most."""
    crowded = family(RATES, crowded=[4])
    assert predict(crowded, MEMBERS, 6).predicted_from == (1, 2, 3)
    with pytest.raises(BeyondDataError, match="8 workers are more than twice the 3"):
        predict(crowded, MEMBERS, 8)
    with pytest.raises(BeyondDataError, match=r"there are 2, since cluster-3, cluster-4 wanted more cores than"):
        predict(family(RATES, crowded=[3, 4]), MEMBERS, 4)


def test_without_a_law_nothing_follows() -> None:
    with pytest.raises(BeyondDataError, match="can be fitted to 4 workers alone"):
        predict(None, [cluster(4, exactly(300))], 8)
    few = {workers: RATES[workers] for workers in (1, 2)}
    with pytest.raises(BeyondDataError, match="needs 3 different numbers of workers, there are 2"):
        predict(family(few), MEMBERS[:2], 4)


def test_what_follows_neither_law_is_not_extrapolated() -> None:
    broken = RATES | {3: [rate / 2 for rate in RATES[3]]}
    with pytest.raises(BeyondDataError, match="Neither Amdahl's law nor the Universal Scalability Law fits 1, 2, 3, 4"):
        predict(family(broken), MEMBERS, 8)


def test_an_objective_that_the_largest_does_not_keep_is_refused() -> None:
    members = [*MEMBERS[:3], cluster(4, None, exactly(usl(4)))]
    with pytest.raises(BeyondDataError, match="Even cluster-4 keeps p99 < 250ms at no rate"):
        predict(FAMILY, members, 8)
