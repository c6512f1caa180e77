"""Run folders to be edited: one of each kind, the first of them measured."""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Final

from harness.load.spec import Arrivals
from harness.measure.compare import compare
from harness.measure.preparation import prepare
from harness.record import NoiseFloor, Program, SkippedTopology
from harness.scenario.file import PublishedRun
from tests.changed_runs import RAW, Made, clusters_of, run_of
from tests.made_runs import BEGAN, made_run, offered, open_record, scenario_of, topology
from tests.server.topologies import prefork, small
from tests.trial.test_compare import Silent, named
from tests.trial.trials import scenario

SEARCHED: Final = Path(__file__).parents[2] / "results" / "capacity"
REPORTS: Final = ignore_patterns("charts", "capacity.*", "plan.*")
GATES: Final = ("throughput < -5%", "p99 < 250ms", "errors > +0.1%", "memory_growth < 1MB", "ready < 5s")


def _measured(results: Path) -> Path:
    """Measure one round of a process and a cluster."""
    compared = scenario(named("one", small("page")), named("two", prefork(2)))
    return compare(prepare(compared, 1), results, "harness compare it", Silent()).resolve()


def _clusters(results: Path) -> Path:
    """Make up a closed loop whose clusters scale by a law."""
    return clusters_of(results, {1: Made(), 2: Made(requests=1.9), 4: Made(requests=3.5)}, rounds=3).path


def _commits(results: Path) -> Path:
    """Make up two commits with gates, one of which the generator was late for."""
    return run_of(results, Made(requests=0.9, failing=0.01), rounds=6, gates=GATES, late_rounds=1).path


def _searched(results: Path) -> Path:
    """Copy the search for the capacity that is kept here."""
    return Path(copytree(SEARCHED, results / "capacity", ignore=REPORTS))


def _offered(results: Path) -> Path:
    """Make up an open loop, and what a run may know besides: noise, programs, what was skipped, a trial that failed."""
    two = topology("cluster-2", workers=2)
    compared = scenario_of([RAW, two], 3)
    published = PublishedRun(
        topology="raw",
        heading="published",
        requests=1000,
        duration_s=10.0,
        read_mib=1.0,
        requests_per_s=100.0,
        transfer_mib_per_s=0.1,
        latency_mean_ms=1.0,
        latency_stdev_ms=0.1,
        latency_max_ms=3.0,
        timeouts=0,
    )
    load = compared.load.model_copy(update={"arrivals": Arrivals(rate_per_s=500.0)})
    records = [
        open_record(block, each, offered(500, dropped=2, late=3, queued=4)) for block in (1, 2) for each in (RAW, two)
    ]
    failed = open_record(3, RAW, offered(500)).model_copy(
        update={"status": "failed", "reason": "it ended", "log_tail": ["its last words"], "load": None, "usage": None}
    )
    return made_run(
        results,
        compared.model_copy(update={"load": load, "documented": (published,)}),
        [records[0], failed, *records[1:]],
        skipped=[SkippedTopology(name="third", reason="it is not here")],
        noise=NoiseFloor(
            measured_at=BEGAN,
            rounds=5,
            block_s=4.0,
            scatter={"p99": 0.03, "p50": 0.02},
            scatter_at_equal_pace={"p99": 0.02},
        ),
        programs=[Program(name="x", path="/usr/bin/x", version="1.0", real_path="/usr/bin/x-1")],
    ).path


# Each makes a run in a folder of results and returns where it is.
RUNS: Final[dict[str, Callable[[Path], Path]]] = {
    "measured": _measured,
    "clusters": _clusters,
    "commits": _commits,
    "offered": _offered,
    "searched": _searched,
}
