"""What a run is evidence of."""

from pathlib import Path

import pytest

from harness.load.result import HealthWarning
from harness.load.spec import Arrivals
from harness.planning.evidence import evidence_of
from harness.planning.excluded import PlanningError
from harness.scenario.topology import Side
from tests.made_runs import LOAD, environment, made_run, record, scenario_of, topology

RAW = topology("raw", baseline=True)
TWO = topology("cluster-2", workers=2)
DOUBT = HealthWarning(kind="busy", what="the loop was busy 97% of the time.", advice="Use more processes.")


def test_capacity_is_saturation_over_the_trials_that_tell(tmp_path: Path) -> None:
    bound = record(3, TWO, 500)
    assert bound.load is not None
    bound = bound.model_copy(update={"load": bound.load.model_copy(update={"doubts": [DOUBT]})})
    records = [record(1, RAW, 100), record(2, RAW, 121), record(1, TWO, 200), record(2, TWO, 200), bound]
    found = evidence_of(made_run(tmp_path, scenario_of([RAW, TWO], 3), records))
    raw, two = found.carried
    assert (raw.workers, raw.is_cluster, two.workers, two.is_cluster) == (1, False, 2, True)
    assert raw.rate is not None
    assert raw.rate.value == pytest.approx(110)
    assert raw.rate.low is not None
    assert two.rate is not None
    assert two.rate.value == pytest.approx(200)
    assert two.rate.n == 2
    assert two.rate == two.saturation
    assert two.memory_bytes.value == pytest.approx(2 * 2**25)
    assert not found.is_proportional
    assert two.objective is None


def test_what_was_not_measured_is_refused_with_the_reason(tmp_path: Path) -> None:
    bound = record(1, RAW, 100)
    assert bound.load is not None
    bound = bound.model_copy(update={"load": bound.load.model_copy(update={"doubts": [DOUBT]})})
    failed = record(1, TWO, 0, status="failed", reason="gone")
    found = evidence_of(made_run(tmp_path, scenario_of([RAW, TWO], 1), [bound, failed]))
    assert found.carried == ()
    assert ["load generator was the limit" in found.refused[0].why, "No trial" in found.refused[1].why] == [True, True]


@pytest.mark.parametrize(
    ("cores", "cpu_s", "floor"), [(1, 0.98, "wanted more cores"), (8, 0.98, None), (2, 0.02, "was not the limit")]
)
def test_figures_that_are_a_floor_say_why(tmp_path: Path, cores: int, cpu_s: float, floor: str | None) -> None:
    records = [record(block, each, 100, cpu_s=cpu_s, cores=cores) for block in (1, 2) for each in (RAW, TWO)]
    found = evidence_of(made_run(tmp_path, scenario_of([RAW, TWO], 2), records, machine=environment(cores=cores)))
    said = found.carried[1].floor
    assert (floor in said) if floor and said else said == floor


def test_an_offered_rate_is_no_capacity(tmp_path: Path) -> None:
    load = LOAD.model_copy(update={"arrivals": Arrivals(rate_per_s=100.0)})
    scenario = scenario_of([RAW, TWO], 1).model_copy(update={"load": load})
    with pytest.raises(PlanningError, match=r"carries at least that.*in a closed loop"):
        evidence_of(made_run(tmp_path, scenario, [record(1, RAW, 100), record(1, TWO, 100)]))


def test_two_commits_are_no_basis(tmp_path: Path) -> None:
    sides = [RAW.on(Side(commit=commit, of="raw", root="/x")) for commit in ("base", "head")]
    run = made_run(tmp_path, scenario_of(sides, 1), [record(1, side, 100) for side in sides])
    with pytest.raises(PlanningError, match="two commits is no basis"):
        evidence_of(run)
