"""The arithmetic of hosts: enough, and not one too many."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.planning.demand import Demand
from harness.planning.sizing import PlannedHost, hosts_needed, sizing_of
from tests.planning.evidence import cluster, exactly

RATES = st.floats(min_value=0.1, max_value=1e5)
HEADROOM = st.floats(min_value=0, max_value=0.95)
LOSE = st.integers(min_value=0, max_value=20)
NEXT_TO_NOTHING = 1e-8


def is_enough(hosts: float, peak: float, careful: float, headroom: float, lose: int) -> bool:
    """Also with some lost."""
    return peak <= (hosts - lose) * careful * (1 - headroom)


@given(RATES, RATES, HEADROOM, LOSE)
def test_there_are_enough_hosts_and_one_fewer_would_not_do(
    peak: float, careful: float, headroom: float, lose: int
) -> None:
    assume(peak / careful < 1e5)
    hosts = hosts_needed(peak, careful, headroom, lose)
    assert is_enough(hosts + NEXT_TO_NOTHING, peak, careful, headroom, lose)
    assert hosts > lose
    assert not is_enough(hosts - 1 - NEXT_TO_NOTHING, peak, careful, headroom, lose)


@given(RATES, RATES, RATES, HEADROOM, LOSE, LOSE)
def test_more_to_carry_and_more_to_lose_never_need_fewer(
    one: float, other: float, careful: float, headroom: float, lose: int, more: int
) -> None:
    less, greater = sorted((one, other))
    assert hosts_needed(less, careful, headroom, lose) <= hosts_needed(greater, careful, headroom, lose + more)


@pytest.mark.parametrize(
    ("peak", "headroom", "lose", "hosts"),
    [
        (700, 0.3, 0, 1),  # exactly
        (701, 0.3, 0, 2),
        (700, 0.3, 1, 2),
        (1400, 0.3, 1, 3),
        (10_000, 0.3, 1, 16),
        (10_000, 0.0, 3, 13),
        (1, 0.3, 2, 3),
    ],
)
def test_hosts_of_a_thousand_requests_per_second(peak: float, headroom: float, lose: int, hosts: int) -> None:
    assert hosts_needed(peak, 1000, headroom, lose) == hosts


def test_the_lower_end_is_planned_with_and_everything_is_counted_against_it() -> None:
    demand = Demand(target_per_s=800, peak_factor=1.5, lose=1, host_cost_per_h=0.5)
    sizing = sizing_of(cluster(4, exactly(700, 600, 800)), demand, PlannedHost(8, 2.0**34))
    assert sizing is not None
    assert (sizing.hosts, sizing.planned_rate_per_s, sizing.idle_cores) == (4, 600, 4)
    assert sizing.at_target == pytest.approx(800 / 2400)
    assert sizing.at_peak == pytest.approx(1200 / 2400)
    assert sizing.after_loss == pytest.approx(1200 / 1800)
    assert sizing.cost_per_h == pytest.approx(2.0)
    assert sizing.cost_per_month == pytest.approx(1460)
    assert sizing.memory_bytes == 5 * 2**25


def test_instances_on_a_host_carry_as_many_times_as_much() -> None:
    demand = Demand(target_per_s=800, instances_per_host=2)
    sizing = sizing_of(cluster(4, exactly(700, 600, 800)), demand, PlannedHost(8, 2.0**34))
    assert sizing
    assert (sizing.hosts, sizing.planned_rate_per_s, sizing.idle_cores) == (1, 1200, 0)
    assert sizing.memory_bytes == 2 * 5 * 2**25


def test_without_an_interval_there_is_no_size() -> None:
    rate = exactly(700)
    bare = cluster(4, type(rate)(700, None, None, 1, "made"))
    assert sizing_of(bare, Demand(target_per_s=1), PlannedHost(8, 2.0**34)) is None
