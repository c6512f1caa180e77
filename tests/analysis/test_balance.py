"""Whether a cluster is skewed, from the records of its trials."""

import pytest

from harness.analysis.imbalance import imbalance_of
from harness.analysis.trials import Trial, valid_trials
from harness.load.spec import Arrivals
from tests.made_runs import LOAD, record, topology

TWO = topology("cluster-2", workers=2)


def trials(*served: list[int]) -> tuple[Trial, ...]:
    records = [record(block, TWO, sum(each), served=each) for block, each in enumerate(served, start=1)]
    return valid_trials(records, TWO.name)


def test_a_cluster_whose_connections_all_land_on_one_worker_is_skewed() -> None:
    found = imbalance_of(trials([400, 0]), LOAD)
    assert found is not None
    assert found.is_beyond_chance
    assert found.busiest_share == 1.0


def test_one_within_chance_is_not() -> None:
    """Of 40 connections, 23 and 17 are what hashing deals about every second time."""
    found = imbalance_of(trials([230, 170], [190, 210], [240, 160]), LOAD)
    assert found is not None
    assert not found.is_beyond_chance


def test_a_server_that_does_not_name_its_workers_is_not_judged() -> None:
    assert imbalance_of(valid_trials([record(1, TWO, 400)], TWO.name), LOAD) is None


def test_a_single_worker_is_not_judged() -> None:
    one = topology("cluster-1", workers=1)
    assert imbalance_of(valid_trials([record(1, one, 400, served=[400])], one.name), LOAD) is None


@pytest.mark.parametrize("change", [{"keepalive": False}, {"arrivals": Arrivals(rate_per_s=100.0)}])
def test_connections_that_come_and_go_are_not_judged(change: dict[str, object]) -> None:
    assert imbalance_of(trials([400, 0]), LOAD.model_copy(update=change)) is None
