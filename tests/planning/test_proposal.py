"""Which topology is taken, what is refused, and what all of it rests on."""

from dataclasses import replace

import pytest

from harness.planning.assumptions import Basis
from harness.planning.demand import Demand
from harness.planning.excluded import PlanningError
from harness.planning.proposal import Proposal, propose
from harness.stats.estimate import Estimate
from tests.planning.evidence import cluster, evidence, exactly, rounds, usl

RATES = rounds({workers: usl(workers) for workers in (1, 2, 3, 4)})
EVIDENCE = evidence(RATES)


def sizes(proposal: Proposal) -> dict[str, int]:
    """Hosts of each topology, in the order of the plan."""
    return {sizing.carried.topology: sizing.hosts for sizing in proposal.sizings}


def said(proposal: Proposal, basis: Basis) -> str:
    return " ".join(each.what for each in proposal.assumptions if each.basis is basis)


def test_the_fewest_hosts_are_taken_and_the_size_that_fills_a_host_is_foretold() -> None:
    found = propose(EVIDENCE, Demand(target_per_s=1000, lose=1))
    assert list(sizes(found)) == ["cluster-8", "cluster-4", "cluster-3", "cluster-2", "raw", "cluster-1"]
    assert found.best.carried.predicted_from == (1, 2, 3, 4)
    assert not found.is_one_worker_enough
    assert "cluster-8 was not measured" in said(found, Basis.MODELLED)
    assert found.refused == ()


def test_of_as_many_hosts_the_fewest_workers_are_taken() -> None:
    found = propose(EVIDENCE, Demand(target_per_s=200))
    assert sizes(found)["cluster-4"] == sizes(found)["cluster-8"] == 1
    assert found.best.carried.topology == "cluster-4"


def test_one_worker_may_be_enough() -> None:
    found = propose(EVIDENCE, Demand(target_per_s=45, lose=1))
    assert found.is_one_worker_enough
    assert (found.best.carried.topology, found.best.hosts) == ("raw", 2)


def test_only_the_sizes_that_were_asked_for_come_into_question() -> None:
    assert set(sizes(propose(EVIDENCE, Demand(target_per_s=500, workers=(6,))))) == {"cluster-6"}
    assert set(sizes(propose(EVIDENCE, Demand(target_per_s=500, workers=(1, 2))))) == {"raw", "cluster-1", "cluster-2"}


def test_sizes_beyond_the_data_are_refused_with_what_to_measure() -> None:
    found = propose(EVIDENCE, Demand(target_per_s=500, cores_per_host=64))
    (refused,) = found.refused
    assert refused.topology == "cluster-N, 64 workers"
    assert "more than twice the 4" in refused.why
    assert "workers = [1, 2, 3, 4, 32, 64] in the scenario, then: harness compare x.toml" in refused.advice
    with pytest.raises(PlanningError, match=r"64 workers are more than twice.*harness compare x\.toml"):
        propose(EVIDENCE, Demand(target_per_s=500, workers=(64,)))


def test_workers_without_a_core_come_not_into_question_unless_they_wait() -> None:
    small = Demand(target_per_s=500, cores_per_host=2, workers=(4,))
    with pytest.raises(PlanningError, match=r"Its 4 workers would keep 3\.6 cores busy, and compete for 2"):
        propose(EVIDENCE, small)
    waiting = evidence(RATES, busy=0.02, cores=2)
    assert set(sizes(propose(waiting, small))) == {"cluster-4"}
    assert set(sizes(propose(waiting, small.model_copy(update={"workers": (8,)})))) == {"cluster-8"}


def test_a_worker_that_kept_several_cores_busy_needs_as_many() -> None:
    """However few workers there are: here one, with threads."""
    threaded = replace(EVIDENCE, carried=(replace(EVIDENCE.carried[0], demanded_cores=3.0),), families=())
    assert set(sizes(propose(threaded, Demand(target_per_s=50, cores_per_host=3)))) == {"raw"}
    with pytest.raises(PlanningError, match=r"Its 1 worker would keep 3\.0 cores busy, and compete for 2"):
        propose(threaded, Demand(target_per_s=50, cores_per_host=2))


def test_instances_share_the_cores_of_a_host() -> None:
    demand = Demand(target_per_s=500, cores_per_host=4, workers=(2,), instances_per_host=2)
    found = propose(EVIDENCE, demand)
    assert set(sizes(found)) == {"cluster-2"}
    assert "Each of the 2 instances on a host carries what one did alone" in said(found, Basis.GIVEN)
    with pytest.raises(PlanningError, match=r"Its 6 workers would keep 5\.4 cores busy, and compete for 4"):
        propose(EVIDENCE, demand.model_copy(update={"instances_per_host": 3}))
    filled = propose(EVIDENCE, demand.model_copy(update={"workers": (), "cores_per_host": 16}))
    assert filled.best.carried.topology == "cluster-8"


def test_more_workers_than_cores_need_twice_what_they_keep_busy() -> None:
    some = evidence(RATES, busy=0.2, cores=8)
    assert set(sizes(propose(some, Demand(target_per_s=50, cores_per_host=2, workers=(4,))))) == {"cluster-4"}
    with pytest.raises(PlanningError, match=r"Its 4 workers would keep 0\.8 cores busy, and compete for 1"):
        propose(some, Demand(target_per_s=50, cores_per_host=1, workers=(4,)))


def test_hosts_with_too_little_memory_are_told() -> None:
    """Each worker has 32 MiB, and they share as much."""
    found = propose(EVIDENCE, Demand(target_per_s=500, memory_per_host_bytes=130 * 2**20))
    assert set(sizes(found)) == {"raw", "cluster-1", "cluster-2", "cluster-3"}
    assert "Its processes need 160.0 MiB of memory, and a host has 130.0 MiB." in [each.why for each in found.refused]


def test_a_single_round_is_no_plan() -> None:
    bare = replace(EVIDENCE, carried=(replace(EVIDENCE.carried[0], rate=Estimate(100, None, None, 1, "made")),))
    with pytest.raises(PlanningError, match=r"no interval.*Measure more rounds: harness compare x\.toml"):
        propose(bare, Demand(target_per_s=10))


def test_saturation_is_no_plan() -> None:
    with pytest.raises(PlanningError, match=r"nothing bounds how long.*harness capacity with --slo"):
        propose(EVIDENCE, Demand(target_per_s=100, headroom=0.0))
    kept = replace(EVIDENCE, carried=(cluster(2, exactly(150), exactly(190)),), families=())
    assert propose(kept, Demand(target_per_s=100, headroom=0.0, workers=(2,))).best.hosts == 1


def test_an_objective_that_nothing_keeps_is_told_once() -> None:
    none = replace(EVIDENCE, carried=tuple(cluster(n, None, exactly(usl(n))) for n in (1, 2)), families=())
    with pytest.raises(PlanningError, match=r"^no topology keeps p99 < 250ms at any rate that was offered: more hosts"):
        propose(none, Demand(target_per_s=10))


def test_a_topology_that_does_not_keep_the_objective_is_left_out() -> None:
    carried = (cluster(1, None, exactly(100)), cluster(2, exactly(150), exactly(190)))
    found = propose(replace(EVIDENCE, carried=carried, families=()), Demand(target_per_s=100, workers=(1, 2)))
    assert sizes(found) == {"cluster-2": 1}
    assert found.refused[0].why.startswith("It keeps p99 < 250ms at no rate")
    assert "the highest rate that keeps p99 < 250ms" in said(found, Basis.MEASURED)


def test_sizes_that_nothing_has_are_told_with_those_there_are() -> None:
    with pytest.raises(PlanningError, match=r"nothing was measured with 3 or 5 workers; there are: 1$"):
        propose(replace(EVIDENCE, carried=EVIDENCE.carried[:1]), Demand(target_per_s=10, workers=(3, 5)))


def test_each_assumption_says_what_it_rests_on() -> None:
    demand = Demand(target_per_s=500, peak_factor=1.5, lose=1, cores_per_host=4, host_cost_per_h=0.34)
    found = propose(EVIDENCE, demand)
    given = said(found, Basis.GIVEN)
    for part in ("750/s, 1.5 times", "30 % stay free", "With one host lost", "has 4 cores", "Test | CPU", "costs 0.34"):
        assert part in given
    assert "one process of raw and leaves its other cores idle" in given
    assert "saturated, under a closed loop of 40 connections" in said(found, Basis.MEASURED)
    defaults = propose(EVIDENCE, Demand(target_per_s=500))
    assert "has 8 cores and 16.0 GiB of memory, as the machine that was measured" in said(defaults, Basis.MEASURED)
    assert "the target itself" in said(defaults, Basis.GIVEN)


def test_more_connections_than_a_service_allows_are_refused() -> None:
    """Of a cluster of four, 40 connections to the database: on three hosts 120, and of eight foretold workers as many
    on two hosts 160."""
    held = tuple(replace(each, service_connections={"db": 10.0 * each.workers}) for each in EVIDENCE.carried)
    wanted = Demand(target_per_s=900, lose=1)
    limited = replace(EVIDENCE, carried=held, allowed_connections={"db": 150})
    hosts = sizes(propose(replace(limited, allowed_connections={}), wanted))
    found = propose(limited, wanted)
    workers = {"raw": 1, "cluster-8": 8} | {f"cluster-{n}": n for n in (1, 2, 3, 4)}
    assert set(sizes(found)) == {name for name, number in hosts.items() if 10 * number * workers[name] <= 150}
    refused = {each.topology: each for each in found.refused}
    assert set(refused) == hosts.keys() - sizes(found).keys() != set()
    each = refused["cluster-8"]
    assert each.why == (
        f"On {hosts['cluster-8']} hosts it would open {80 * hosts['cluster-8']} connections to db, which allows 150"
        " (max_connections)."
    )
