"""Which numbers of workers speak against a trial."""

import re
from typing import Final

import pytest

from harness.record import WorkerCounts
from harness.scenario import Topology
from harness.server.staffing import objections
from tests.server.topologies import topology

CLUSTER: Final = topology("server", "{port}", workers=2)
RAW: Final = topology("server", "{port}")
AS_FOUND: Final = RAW.model_copy(update={"workers_as_found": True})
WHERE: Final = "configuration file, WEB_CONCURRENCY"


def counts(found: int, **more: object) -> WorkerCounts:
    """Of a trial in which nothing changed, but for what is said."""
    same = {"ready": found, "found": found, "least": found, "most": found, "at_end": found}
    return WorkerCounts.model_validate(same | more)


REPLACED: Final = {"started": 3, "ended": {"exit status 0": 3}}
RIGHT: Final = [
    pytest.param(CLUSTER, counts(2), id="as declared"),
    pytest.param(CLUSTER, counts(2, least=1, most=3, **REPLACED), id="replaced, missed and doubled for a moment"),
    pytest.param(
        CLUSTER,
        counts(1, ready=2, most=2, at_end=2, started=1, ended_before=1),
        id="one was just being replaced as it began",
    ),
    pytest.param(RAW, counts(1), id="one process"),
    pytest.param(RAW, counts(3, ready=1, most=4, at_end=4, started=1), id="a pool that grew under load"),
    pytest.param(RAW, counts(0, ready=0), id="nobody was told apart"),
    pytest.param(AS_FOUND, counts(5), id="as found"),
    pytest.param(AS_FOUND, counts(5, least=2, at_end=2, ended={"exit status 0": 3}), id="a pool that shrank"),
]
WRONG: Final = [
    pytest.param(CLUSTER, counts(1), f"1 worker was found, and the scenario says 2.*{WHERE}", id="too few"),
    pytest.param(CLUSTER, counts(4), f"4 workers were found, and the scenario says 2.*{WHERE}", id="too many"),
    pytest.param(CLUSTER, counts(2, most=3, at_end=3, started=1), "2 to 3 workers were found", id="grew in the window"),
    pytest.param(
        CLUSTER, counts(2, least=1, at_end=1, ended={"exit status 0": 1}), "1 to 2 workers were found", id="shrank"
    ),
    pytest.param(CLUSTER, counts(3, least=2, **REPLACED), "3 workers were found before the load", id="replaced, three"),
    pytest.param(RAW, counts(2), r'2 workers were found, .* workers = \[2\], or workers = "as found"', id="no process"),
    pytest.param(
        AS_FOUND,
        counts(1, crashed=["worker 7 ended during the trial: SIGSEGV"], ended={"SIGSEGV": 1}),
        "worker 7 ended during the trial: SIGSEGV",
        id="crashed",
    ),
]


@pytest.mark.parametrize(("of", "seen"), RIGHT)
def test_the_workers_that_were_to_be_there_are_no_objection(of: Topology, seen: WorkerCounts) -> None:
    assert list(objections(of, seen, may_change=True, broke=False)) == []


@pytest.mark.parametrize(("of", "seen", "reason"), WRONG)
def test_other_workers_are_an_objection(of: Topology, seen: WorkerCounts, reason: str) -> None:
    (objection,) = objections(of, seen, may_change=True, broke=False)
    assert re.search(reason, objection), objection


def test_replacement_is_an_objection_where_the_scenario_says_so() -> None:
    (objection,) = objections(CLUSTER, counts(2, **REPLACED), may_change=False, broke=False)
    assert objection.startswith("in the window 3 workers ended and 3 came")


def test_an_end_that_nobody_can_tell_counts_as_a_crash_where_connections_broke() -> None:
    untold = counts(2, untold=1, started=1, ended={"not told": 1})
    assert list(objections(CLUSTER, untold, may_change=True, broke=False)) == []
    (objection,) = objections(CLUSTER, untold, may_change=True, broke=True)
    assert "connections broke" in objection


def test_who_may_not_change_may_stay() -> None:
    assert list(objections(CLUSTER, counts(2), may_change=False, broke=False)) == []
    first, *_ = objections(CLUSTER, counts(2, most=3, at_end=3, started=1), may_change=False, broke=False)
    assert first.startswith("in the window 0 workers ended and 1 came")


def test_a_crash_explains_the_number_that_it_leaves() -> None:
    crashed = ["worker 7 ended during the trial: SIGSEGV"]
    seen = counts(2, least=1, at_end=1, crashed=crashed, ended={"SIGSEGV": 1})
    assert list(objections(CLUSTER, seen, may_change=True, broke=False)) == crashed


def test_a_pool_that_grows_and_is_replaced_has_the_most_that_were_seen() -> None:
    on_demand = counts(1, ready=0, most=2, at_end=2, started=2, ended={"exit status 0": 1})
    assert list(objections(CLUSTER, on_demand, may_change=True, broke=False)) == []
    (objection,) = objections(CLUSTER, on_demand.model_copy(update={"most": 3}), may_change=True, broke=False)
    assert "the scenario says 2" in objection
