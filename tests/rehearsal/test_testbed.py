"""The virtual testbed: trials follow their law, and come out the same whatever was measured before."""

import json
from pathlib import Path

import numpy as np
import pytest

from harness.load.cpus import Placement
from harness.load.latency import LatencyHistogram
from harness.load.spec import Arrivals
from harness.measure.progress import Phase, Progress
from harness.record import PlannedTrial, TrialRecord, read_run
from harness.scenario import Topology
from tests.made_runs import LOAD, scenario_of, topology
from tests.rehearsal.forms import SCENARIO, SERVICES
from tests.rehearsal.service import Service
from tests.rehearsal.stage import rehearse
from tests.rehearsal.testbed import VirtualTestbed

RAW = topology("raw", baseline=True)
FOUR = topology("cluster-4", workers=4)


def simulate(
    testbed: VirtualTestbed, of: Topology = RAW, rate_per_s: float | None = None, seconds: float = 30.0
) -> TrialRecord:
    """Make one trial."""
    scenario = scenario_of([of], 1)
    scenario = scenario.model_copy(update={"load": LOAD.model_copy(update={"duration_s": seconds})})
    planned = PlannedTrial(id=f"r01-01-{of.name}", block=1, position=1, seed=1, topology=of, rate_per_s=rate_per_s)
    return testbed.run_trial(planned, scenario, Placement(), Path(), lambda _: None)


@pytest.mark.parametrize(("of", "workers"), [(RAW, 1), (FOUR, 4)])
def test_a_closed_loop_gets_through_what_the_workers_can_do(of: Topology, workers: int) -> None:
    load = simulate(VirtualTestbed({of.name: Service(mean_ms=2.0)}), of).load
    assert load is not None
    assert load.requests_per_s == pytest.approx(workers * 500, rel=0.02)
    assert load.in_flight == pytest.approx(LOAD.connections, rel=0.02)
    assert load.doubts == []


def test_more_workers_than_cores_get_through_what_the_cores_can_do() -> None:
    record = simulate(VirtualTestbed({FOUR.name: Service(mean_ms=2.0, cpu_share=1.0)}, cores=2), FOUR)
    assert record.load
    assert record.usage
    assert record.load.requests_per_s == pytest.approx(1000, rel=0.02)
    assert record.usage.cpu_s == pytest.approx(2 * 30, rel=0.03)


def test_an_open_loop_waits_as_one_line_of_random_arrivals_does() -> None:
    """In M/M/1, P(T > t) = exp(−(μ − λ)t)."""
    load = simulate(VirtualTestbed({"raw": Service(mean_ms=2.0)}), rate_per_s=300.0, seconds=300.0).load
    assert load is not None
    assert load.offered is not None
    assert load.requests_per_s == pytest.approx(300, rel=0.02)
    late = LatencyHistogram.decode(load.histogram).above(5e6) / load.requests
    assert late == pytest.approx(np.exp(-200 * 0.005), rel=0.05)


def test_a_rate_beyond_the_capacity_queues_and_times_out() -> None:
    load = simulate(VirtualTestbed({"raw": Service(mean_ms=2.0)}), rate_per_s=700.0).load
    assert load is not None
    assert load.offered is not None
    assert load.offered.queued > 0
    assert load.errors.timeout > 0
    assert load.started == load.ok + load.errors.total + load.unfinished


def test_errors_slow_requests_and_memory_are_as_the_law_has_them() -> None:
    service = Service(mean_ms=1.0, failing=0.05, slow_share=0.02, slow_ms=100.0, memory_bytes=1000, kept_bytes=2.0)
    record = simulate(VirtualTestbed({"raw": service}))
    assert record.load
    assert record.load.latency_ms
    assert record.usage
    assert record.load.error_share == pytest.approx(0.05, rel=0.2)
    assert record.load.service_ms
    assert record.load.latency_ms.max > 100
    served = [row.rss_bytes for row in record.usage.series]
    assert sum(served[-1].values()) - sum(served[0].values()) == pytest.approx(
        2 * 29 / 30 * record.load.requests, rel=0.1
    )


def test_a_service_that_only_fails_does_not_count_and_one_that_is_down_has_a_reason() -> None:
    failing = simulate(VirtualTestbed({"raw": Service(failing=1.0)}))
    assert (failing.status, failing.load is not None) == ("invalid", True)
    assert "got a status that is not good (500: " in str(failing.reason)
    down = simulate(VirtualTestbed({"raw": Service(down="it exited")}))
    assert (down.status, down.reason, down.load) == ("failed", "it exited", None)


def test_an_observer_sees_a_trial_go_on_in_virtual_time() -> None:
    testbed, seen = VirtualTestbed({"raw": Service(start_s=0.5)}), list[tuple[Phase, float]]()

    def watch(progress: Progress) -> None:
        seen.append((progress.phase, round(testbed.monotonic_s(), 3)))

    planned = PlannedTrial(id="r01-01-raw", block=1, position=1, seed=1, topology=RAW)
    testbed.run_trial(planned, scenario_of([RAW], 1), Placement(), Path(), watch)
    assert seen[:3] == [(Phase.STARTING, 0.0), (Phase.WARMING_UP, 0.5), (Phase.MEASURING, 1.5)]
    assert seen[3:] == [*((Phase.MEASURING, 1.5 + second) for second in (1, 2, 3)), (Phase.STOPPING, 4.5)]
    assert testbed.monotonic_s() == pytest.approx(4.6)


def test_constant_arrivals_and_stages_are_those_of_the_generator() -> None:
    load = LOAD.model_copy(update={"arrivals": Arrivals(rate_per_s=100.0)})
    planned = PlannedTrial(id="r01-01-raw", block=1, position=1, seed=1, topology=RAW)
    scenario = scenario_of([RAW], 1).model_copy(update={"load": load})
    made = VirtualTestbed({"raw": Service(is_constant=True)}).run_trial(
        planned, scenario, Placement(), Path(), lambda _: None
    )
    assert made.load
    assert made.load.offered
    assert (made.load.offered.kind, made.load.offered.due, made.load.offered.queued) == ("constant", 300, 0)
    assert made.load.latency_ms
    assert made.load.latency_ms.max == pytest.approx(made.load.latency_ms.p50)


@pytest.mark.parametrize(("interleave", "interrupt", "kept"), [("trials", 5, 4), ("slices", 4, 3)])
def test_a_run_that_was_gone_on_with_is_the_one_that_was_not_interrupted(
    interleave: str, interrupt: int, kept: int, tmp_path: Path
) -> None:
    """Of a round in slices all trials are recorded at its end."""
    whole, resumed = (tmp_path / name for name in ("whole", "resumed"))
    codes = []
    for folder, interrupt_at in ((whole, None), (resumed, interrupt)):
        folder.mkdir()
        with rehearse(folder, VirtualTestbed(SERVICES, interrupt_at=interrupt_at)) as stage, stage.undrawn():
            stage.write("shop.toml", SCENARIO)
            codes.append(stage.call("compare", "shop.toml", "--seed", "1", "--interleave", interleave).exit_code)
            if interrupt_at:
                assert len(read_run(folder / "results" / "latest").records) == kept
                codes.append(stage.call("resume", "results/latest").exit_code)
    one, other = (read_run(folder / "results" / "latest") for folder in (whole, resumed))
    assert codes == [0, 130, 0]
    assert one.records == other.records
    assert one.left_out == other.left_out == []
    assert other.ending is not None
    assert len(other.ending.resumed_at) == 1


def test_the_same_seed_makes_the_same_run_and_another_seed_another(tmp_path: Path) -> None:
    found = []
    for name, seed in (("one", 1), ("two", 1), ("three", 2)):
        folder = tmp_path / name
        folder.mkdir()
        with rehearse(folder, VirtualTestbed(SERVICES, seed=seed)) as stage, stage.undrawn():
            stage.write("shop.toml", SCENARIO)
            done = stage.call("compare", "shop.toml", "--seed", "1", "--rounds", "2", "--format", "json")
            found.append(json.loads(done.stdout))
    assert found[0] == found[1] != found[2]
