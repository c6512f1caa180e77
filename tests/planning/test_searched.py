"""A search for the capacity as the basis of a plan."""

from pathlib import Path
from typing import Final

import pytest

from harness.planning.demand import Demand
from harness.planning.evidence import evidence_of
from harness.planning.excluded import PlanningError
from harness.planning.proposal import propose
from harness.record import Run
from tests.made_runs import topology
from tests.planning.searches import searched_run
from tests.rehearsal.service import Service
from tests.rehearsal.testbed import VirtualTestbed

SERVICES: Final = {  # they serve 200/s and 390/s
    "raw": Service(mean_ms=5.0),
    "cluster-2": Service(mean_ms=2000 / 390, is_shared_line=True),
}
TOPOLOGIES: Final = [topology("raw", baseline=True), topology("cluster-2", workers=2)]


def searched(results: Path, objective: str, rounds: int) -> Run:
    """Of one process and of two workers that take from one line."""
    return searched_run(results, TOPOLOGIES, VirtualTestbed(SERVICES, row_s=60.0), objective, rounds)


def test_the_rate_that_keeps_the_objective_is_planned_with(tmp_path: Path) -> None:
    evidence = evidence_of(searched(tmp_path, "p99 < 115ms", rounds=8))
    rates = {each.topology: each.rate for each in evidence.carried}
    assert rates["raw"]
    assert rates["raw"].value == pytest.approx(160, rel=0.1)
    assert rates["cluster-2"]
    assert rates["cluster-2"].value == pytest.approx(350, rel=0.1)
    assert {each.objective for each in evidence.carried} == {"p99 < 115ms"}
    assert all(each.observed and each.saturation for each in evidence.carried)
    best = propose(evidence, Demand(target_per_s=500, headroom=0.1)).best
    assert (best.carried.topology, best.hosts) == ("cluster-2", 2)


def test_an_objective_that_nothing_keeps_is_no_plan(tmp_path: Path) -> None:
    evidence = evidence_of(searched(tmp_path, "p99 < 1ms", rounds=4))
    assert {each.rate for each in evidence.carried} == {None}
    with pytest.raises(PlanningError, match="no topology keeps p99 < 1ms at any rate that was offered"):
        propose(evidence, Demand(target_per_s=500))


def test_what_the_search_did_not_find_is_refused(tmp_path: Path) -> None:
    evidence = evidence_of(searched(tmp_path, "p99 < 115ms", rounds=1))
    assert evidence.carried == ()
    assert {each.topology for each in evidence.refused} == {"raw", "cluster-2"}
    assert "did not find how much it carries" in evidence.refused[0].why
