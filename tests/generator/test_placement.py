"""Which cores the generator runs on, and which are left to the server."""

import math
from collections.abc import Callable

import pytest

from harness.load.cpus import Placement, list_usable_cpus, max_processes, parse_cpus, separate_cores
from harness.machine.cores import UsableCores
from harness.measure.preparation import choose_placement
from harness.scenario import Scenario
from tests.made_runs import LOAD, scenario_of, topology

SetCpus = Callable[..., None]


@pytest.fixture
def cpus(monkeypatch: pytest.MonkeyPatch) -> SetCpus:
    """Make this process one that may run on the given cores, with such a CPU quota."""

    def set_cpus(cpus: list[int], quota: float = math.inf) -> None:
        monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(cpus))
        monkeypatch.setattr("harness.machine.cores.read_quota_cores", lambda host: quota)

    return set_cpus


@pytest.mark.parametrize(
    ("cpus", "processes", "workers", "generator", "server"),
    [
        ([0, 1], 1, 1, (1,), (0,)),
        ([0, 1, 2, 3], 1, 2, (3,), (0, 1, 2)),
        ([0, 1, 2, 3], 2, 2, (2, 3), (0, 1)),
        ([2, 5, 7], 1, 2, (7,), (2, 5)),
        ([0], 1, 1, (), ()),
        ([0, 1], 1, 2, (), ()),
        ([0, 1, 2, 3], 3, 2, (), ()),
    ],
)
def test_they_are_kept_apart_where_the_server_has_a_core_for_each_worker(
    cpus: list[int], processes: int, workers: int, generator: tuple[int, ...], server: tuple[int, ...]
) -> None:
    placed = separate_cores(UsableCores(tuple(cpus)), processes, workers)
    assert placed == Placement(processes=processes, generator=generator, server=server)


@pytest.mark.parametrize("quota", [0.5, 2.0, 7.9])
def test_nobody_has_cores_of_their_own_under_a_quota(quota: float) -> None:
    assert separate_cores(UsableCores(tuple(range(8)), quota), 1, 1) == Placement()
    assert separate_cores(UsableCores(tuple(range(8)), 8.0), 1, 1).generator == (7,)


@pytest.mark.parametrize(
    ("cores", "quota", "processes"),
    [
        (1, math.inf, 1),
        (2, math.inf, 1),
        (4, math.inf, 3),
        (64, math.inf, 63),
        (64, 4.0, 3),
        (64, 2.9, 1),
        (64, 0.5, 1),
        (4, 64.0, 3),
    ],
)
def test_the_most_processes_leave_one_core_to_the_server(cores: int, quota: float, processes: int) -> None:
    assert max_processes(UsableCores(tuple(range(cores)), quota)) == processes


def test_what_can_be_used_is_what_this_process_may_run_on(cpus: SetCpus) -> None:
    assert list_usable_cpus()
    cpus([7, 2, 5])
    assert list_usable_cpus() == [2, 5, 7]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("0", (0,)),
        ("2,3", (2, 3)),
        ("3,1", (3, 1)),
        ("0-3", (0, 1, 2, 3)),
        ("0-1,5", (0, 1, 5)),
        (" 1 , 2 - 3 ".replace(" - ", "-"), (1, 2, 3)),
        ("2-2", (2,)),
        ("1,1,0-1", (1, 0)),
    ],
)
def test_cpus_are_read_as_taskset_does(cpus: SetCpus, text: str, meant: tuple[int, ...]) -> None:
    cpus([0, 1, 2, 3, 5])
    assert parse_cpus(text) == meant


@pytest.mark.parametrize("text", ["", ",", "1,", "a", "1-", "-1", "1-2-3", "1.5", "0x1", "²", "2-1", "1;2", "1 2"])
def test_what_is_no_list_of_cpus_is_refused(cpus: SetCpus, text: str) -> None:
    cpus([0, 1, 2, 3])
    with pytest.raises(ValueError, match="expected CPUs such as '2,3' or '0-3', got") as caught:
        parse_cpus(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "got"),
    [("4", "4"), ("0,9,8", "9"), ("999", "999"), ("1-5", "1-5"), ("0-3", "2"), ("0-999999", "0-999999")],
)
def test_cpus_that_can_not_be_used_are_refused_beside_those_that_can(cpus: SetCpus, text: str, got: str) -> None:
    cpus([0, 1, 3])
    with pytest.raises(ValueError, match=f"^expected CPUs among 0, 1, 3, got {got}$"):
        parse_cpus(text)


def scenario(workers: list[int | None], processes: int | str = 1, connections: int = 40) -> Scenario:
    """One process and clusters of these sizes."""
    topologies = [topology("raw", baseline=True), *(topology(f"cluster-{n}", workers=n) for n in workers if n)]
    load = LOAD.model_copy(update={"processes": processes, "connections": connections})
    return scenario_of(topologies, 1).model_copy(update={"load": load})


@pytest.mark.parametrize(
    ("cores", "workers", "processes", "placed"),
    [
        (2, [], 1, Placement(generator=(1,), server=(0,))),
        (4, [2], 1, Placement(generator=(3,), server=(0, 1, 2))),
        (4, [1, 2, 3], 1, Placement(generator=(3,), server=(0, 1, 2))),
        (4, [2, 4], 1, Placement()),
        (1, [], 1, Placement()),
        (4, [2], 2, Placement(processes=2, generator=(2, 3), server=(0, 1))),
        (4, [2], 3, Placement(processes=3)),
    ],
)
def test_a_comparison_is_placed_by_its_largest_topology(
    cpus: SetCpus, cores: int, workers: list[int | None], processes: int, placed: Placement
) -> None:
    cpus(list(range(cores)))
    assert choose_placement(scenario(workers, processes)) == placed


@pytest.mark.parametrize(
    ("cores", "workers", "connections", "processes"),
    [
        (8, [2], 40, 6),  # what the largest topology leaves
        (8, [], 40, 7),
        (8, [2], 3, 3),  # no more than connections
        (8, [7], 40, 1),
        (8, [8], 40, 1),  # at least one
        (8, [16], 40, 1),
    ],
)
def test_auto_is_what_the_largest_topology_leaves_free(
    cpus: SetCpus, cores: int, workers: list[int | None], connections: int, processes: int
) -> None:
    cpus(list(range(cores)))
    assert choose_placement(scenario(workers, "auto", connections)).processes == processes
    cpus(list(range(64)), quota=cores + 0.5)
    assert choose_placement(scenario(workers, "auto", connections)) == Placement(processes=processes)
    cpus(list(range(cores)))
    placed = choose_placement(scenario(workers, "auto", connections))
    assert placed.processes == processes
    assert bool(placed.generator) == (processes + max([1, *filter(None, workers)]) <= cores)


def test_workers_that_are_taken_as_found_may_need_every_core(cpus: SetCpus) -> None:
    cpus([0, 1, 2, 3])
    pool = topology("pool", baseline=True).model_copy(update={"workers_as_found": True})
    assert choose_placement(scenario_of([pool, topology("raw")], 1)) == Placement(processes=1)
    assert choose_placement(scenario_of([topology("pool", baseline=True)], 1)).generator == (3,)
