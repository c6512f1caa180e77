"""The plan is pure, seeded and made of complete blocks."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from harness.measure.schedule import make_schedule
from harness.scenario import Scenario, Topology
from tests.made_runs import LOAD


def scenario_of(topologies: int, rounds: int) -> Scenario:
    names = [f"t{number}" for number in range(topologies)]
    return Scenario(
        name="x",
        rounds=rounds,
        load=LOAD,
        topologies=tuple(Topology(name=name, family=name, command=("x",), baseline=name == "t0") for name in names),
    )


@given(st.integers(1, 6), st.integers(1, 12), st.integers(0, 2**32))
def test_each_block_holds_each_topology_once(topologies: int, rounds: int, seed: int) -> None:
    plan = make_schedule(scenario_of(topologies, rounds), seed)
    assert len(plan) == topologies * rounds
    for block in range(1, rounds + 1):
        trials = [trial for trial in plan if trial.block == block]
        assert Counter(trial.topology.name for trial in trials) == Counter(f"t{n}" for n in range(topologies))
        assert [trial.position for trial in trials] == list(range(1, topologies + 1))


@given(st.integers(0, 2**32))
def test_the_seed_alone_decides(seed: int) -> None:
    assert make_schedule(scenario_of(4, 5), seed) == make_schedule(scenario_of(4, 5), seed)


def test_orders_differ_between_blocks_and_seeds() -> None:
    plan = make_schedule(scenario_of(4, 20), 1)
    orders = {tuple(trial.topology.name for trial in plan if trial.block == block) for block in range(1, 21)}
    assert len(orders) > 5
    assert plan != make_schedule(scenario_of(4, 20), 2)


@given(st.integers(0, 2**32))
def test_the_two_of_a_pair_follow_each_other(seed: int) -> None:
    plan = make_schedule(scenario_of(3, 4).with_malloc("both"), seed)
    for first, second in zip(plan[::2], plan[1::2], strict=True):
        names = {first.topology.name, second.topology.name}
        assert {each.topology.twin_of or each.topology.name for each in (first, second)} < names
        assert len(names) == 2


def test_ids_are_unique_and_sort_in_order() -> None:
    ids = [trial.id for trial in make_schedule(scenario_of(4, 120), 3)]
    assert len(set(ids)) == len(ids)
    assert sorted(ids) == ids
