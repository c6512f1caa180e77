"""Several processes that generate one load: no count is lost between them, and they live and end together."""

import os
import signal
import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, repeat
from typing import Final

import psutil
import pytest

from harness.generator.crew import GeneratorError
from harness.generator.process import Generator
from harness.load.arrivals import arrival_times_ns
from harness.load.cpus import list_usable_cpus
from harness.load.latency import LatencyHistogram
from harness.load.result import Errors, Event, LoadResult, Second, WindowBegan, WindowEnded
from harness.load.spec import Arrivals, DataTable, Load, Request
from tests.generator.accounting import assert_adds_up, assert_agrees
from tests.generator.answering_server import paths_of
from tests.generator.answers import CHUNKED, LARGE, SMALL, broken, closing, whole
from tests.generator.loads import short_load
from tests.generator.scripted_server import After, ScriptedServer
from tests.generator.test_process import has_ended, wait_until

PROCESSES: Final = 3
CONNECTIONS: Final = 7  # dealt 3, 2, 2
LONG_S: Final = 60.0
RATE_PER_S: Final = 300.0


@dataclass(frozen=True)
class Run:
    """What three processes told of one load, and the server that they loaded."""

    events: list[Event]
    result: LoadResult
    server: ScriptedServer
    affinities: list[set[int]]


def run_on(server: ScriptedServer, load: Load, cpus: tuple[int, ...] = ()) -> Run:
    with server, Generator.here(PROCESSES, cpus) as generator:
        generator.begin(load)
        affinities = [os.sched_getaffinity(pid) for pid in generator.pids]
        events = [event for event in generator.events() if event]
    assert isinstance(events[-1], LoadResult)
    return Run(events, events[-1], server, affinities)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Answers every request."""
    with ScriptedServer(repeat(whole(SMALL))) as server:
        yield server


@pytest.fixture(scope="module")
def closed() -> Run:
    """A closed loop of more than a second, on pinned processes."""
    server = ScriptedServer(repeat(whole(SMALL)))
    return run_on(
        server, short_load(server.port, connections=CONNECTIONS, duration_s=1.6), tuple(list_usable_cpus()[:2])
    )


def in_rows(kind: str) -> tuple[Run, int]:
    """An open loop with as many rows of data as requests, and how many those are."""
    server = ScriptedServer(repeat(whole(SMALL)))
    load = short_load(
        server.port,
        requests=(Request(path="/{row}"),),
        arrivals=Arrivals.model_validate({"kind": kind, "rate_per_s": RATE_PER_S}),
        connections=CONNECTIONS,
        duration_s=0.4,
    )
    number = len(list(arrival_times_ns(load)))
    data = DataTable(columns=("row",), rows=tuple((str(row),) for row in range(number)))
    return run_on(server, load.model_copy(update={"data": data})), number


@pytest.fixture(scope="module", params=["constant", "poisson"])
def rows(request: pytest.FixtureRequest) -> tuple[Run, int]:
    """Of either kind of arrivals."""
    return in_rows(request.param)


# Closed loop ----------------------------------------------------------------------------------------------------


def test_no_count_is_lost_in_a_closed_loop(closed: Run) -> None:
    result, server = closed.result, closed.server
    assert_adds_up(result)
    assert_agrees(result, server)
    assert result.errors == Errors()
    assert result.ok > CONNECTIONS
    assert result.workers == {"7": result.ok}
    assert result.bytes == result.ok * len(SMALL)
    assert result.unfinished <= server.connections == CONNECTIONS


def test_the_result_is_that_of_all_processes(closed: Run) -> None:
    assert closed.result.processes == PROCESSES
    assert closed.result.connections == CONNECTIONS
    assert closed.result.generator_cpu_s > 0
    assert closed.result.requests_per_s == pytest.approx(
        closed.result.requests / closed.result.duration_s, rel=0.05
    )  # each process's own rate over its own window, added


def test_events_are_told_once_for_all(closed: Run) -> None:
    kinds = [type(event) for event in closed.events]
    assert kinds == [WindowBegan, Second, WindowEnded, LoadResult]


def test_seconds_are_merged(closed: Run) -> None:
    told = [event for event in closed.events if isinstance(event, Second)]
    series = closed.result.series
    assert series[: len(told)] == told
    assert len(series) == len(told) + 1
    histograms = [LatencyHistogram.decode(second.histogram) for second in series]
    assert [histogram.total for histogram in histograms] == [second.requests for second in series]
    assert LatencyHistogram.merge(second.histogram for second in series).encode() == closed.result.histogram


def test_processes_are_pinned_in_turn(closed: Run) -> None:
    cpus = list_usable_cpus()[:2]
    pinned = [cpus[index % len(cpus)] for index in range(PROCESSES)]
    assert closed.affinities == [{cpu} for cpu in pinned]
    assert closed.result.cpus == pinned


def test_no_count_is_lost_when_all_goes_wrong() -> None:
    answers = [
        whole(SMALL),
        whole(CHUNKED),
        closing(LARGE),
        broken(SMALL[:-1], after=After.RESET),
        broken(LARGE[:100_000], after=After.CLOSE),
        broken(b"garbage\r\n\r\n"),
        broken(SMALL[:-1]),
    ]
    server = ScriptedServer(cycle(answers))
    run = run_on(server, short_load(server.port, connections=CONNECTIONS, duration_s=0.6, timeout_s=0.05))
    assert_adds_up(run.result)
    assert_agrees(run.result, server)
    errors = run.result.errors
    assert min(run.result.ok, errors.read, errors.protocol, errors.timeout) > 0
    assert LatencyHistogram.decode(run.result.histogram).total == run.result.requests + errors.timeout


# Open loop ------------------------------------------------------------------------------------------------------


def test_no_count_is_lost_in_an_open_loop(rows: tuple[Run, int]) -> None:
    run, number = rows
    assert_adds_up(run.result)
    assert_agrees(run.result, run.server)
    assert run.result.errors == Errors()
    assert run.result.loop == "open"
    assert run.result.offered is not None
    assert run.result.offered.due == run.result.offered.begun + run.result.offered.dropped == number
    assert run.result.started == run.result.offered.begun


def test_the_shares_of_a_schedule_are_disjoint(rows: tuple[Run, int]) -> None:
    """Every row is sent once, whichever process it fell to; at the most those in flight did not arrive."""
    run, number = rows
    asked = Counter(dict(paths_of(run.server)))
    assert max(asked.values()) == 1
    assert set(asked) <= {f"/{row}" for row in range(number)}
    assert run.result.requests <= len(asked) <= run.result.started <= number
    assert run.result.requests > 0.9 * number


def test_processes_begin_together(rows: tuple[Run, int]) -> None:
    """Rows arrive about in their order: a process that began later would bring its third of them later."""
    run, _ = rows
    arrived = [int(path[1:]) for path, _ in paths_of(run.server)]
    assert statistics.median(abs(place - row) for place, row in enumerate(arrived)) < 0.03 * len(arrived)


# Beginning and ending -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("warmup_s", "arrivals"),
    [
        pytest.param(0.0, None, id="in the window"),
        pytest.param(LONG_S, None, id="before all connections are opened"),
        pytest.param(LONG_S, Arrivals(rate_per_s=RATE_PER_S), id="in the warm-up of an open loop"),
    ],
)
def test_stopping_ends_all(server: ScriptedServer, warmup_s: float, arrivals: Arrivals | None) -> None:
    load = short_load(server.port, connections=CONNECTIONS, warmup_s=warmup_s, duration_s=LONG_S, arrivals=arrivals)
    with Generator.here(PROCESSES) as generator:
        generator.begin(load)
        wait_until(lambda: server.connections >= (1 if arrivals or warmup_s else PROCESSES))
        generator.stop()
        events = [event for event in generator.events() if event]
    assert [type(event) for event in events if not isinstance(event, Second)] == [WindowBegan, WindowEnded, LoadResult]
    result = events[-1]
    assert isinstance(result, LoadResult)
    assert_adds_up(result)
    assert result.duration_s < LONG_S


def test_one_that_is_killed_leaves_no_result_and_the_others_end(server: ScriptedServer) -> None:
    with Generator.here(PROCESSES) as generator:
        pids = generator.pids
        generator.begin(short_load(server.port, connections=CONNECTIONS, duration_s=LONG_S))
        wait_until(lambda: server.connections == CONNECTIONS)
        os.kill(pids[1], signal.SIGKILL)
        wait_until(lambda: has_ended(pids[1]))
        with pytest.raises(GeneratorError, match="-9"):
            generator.result()
        assert not has_ended(pids[0])  # until the context is left
        generator.stop()  # says nothing to the dead
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_more_processes_than_connections_are_refused(server: ScriptedServer) -> None:
    with Generator.here(PROCESSES) as generator, pytest.raises(ValueError, match="2 connections and 3 processes"):
        generator.begin(short_load(server.port, connections=2))
    assert server.connections == 0


def test_one_that_cannot_be_pinned_leaves_none_behind() -> None:
    before = set(psutil.Process().children())
    with pytest.raises(OSError, match="Invalid argument"):
        Generator.here(2, cpus=[list_usable_cpus()[0], 1023])
    assert set(psutil.Process().children()) == before
