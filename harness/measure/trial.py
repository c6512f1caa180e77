"""One whole trial: launch, wait until ready, warm up, measure, stop. It always ends in a record."""

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from harness.generator.crew import GeneratorError
from harness.generator.process import Generator, StartGenerator, start_here
from harness.load.cpus import Placement, list_usable_cpus
from harness.load.result import LoadResult, Second, WindowBegan, WindowEnded
from harness.measure.events import EventRunner
from harness.measure.launch import AfterWarmup, LaunchedTopology, enter_on_free_port, launch_topology
from harness.measure.progress import Phase, Progress, Watch
from harness.monitor import CoreSpeedProbe
from harness.record import PlannedTrial, TrialRecord, Usage
from harness.scenario import Scenario
from harness.server.launch import read_failure
from harness.server.service import UpService
from harness.server.supervised import ServerError

OPENING_S: Final = 0.5  # of the warm-up, for connections that are opened once more after a hook
SHORTEST_S: Final = 0.1  # the window after a warm-up that is made apart, of which nothing is kept


def run_trial(
    planned: PlannedTrial,
    scenario: Scenario,
    placement: Placement,
    log: Path,
    watch: Watch,
    known_bodies: Collection[str] = frozenset(),
    services: Sequence[UpService] = (),
    after_warmup: AfterWarmup | None = None,
    start_generator: StartGenerator = start_here,
) -> TrialRecord:
    """Make one trial and return its record. Where the server or the generator fails, the record is a failed or an
    invalid one.

    ``watch`` is called with the state of the trial whenever it changes. ``known_bodies`` are the digests of the
    bodies that earlier trials found to be always the same, ``services`` are up beside it. ``after_warmup`` is
    called between a warm-up of its own and the load that is measured.
    """
    started_at = datetime.now(UTC)
    watch(Progress(Phase.STARTING))
    try:
        with CoreSpeedProbe(placement.server or list_usable_cpus()) as core_speed, ExitStack() as stack:
            start = partial(
                launch_topology,
                planned,
                scenario,
                placement,
                log,
                known_bodies,
                core_speed,
                services,
                start_generator,
                started_at,
            )
            launch = enter_on_free_port(stack, planned, start)
            if after_warmup is not None:
                launch = _warm_up_apart(launch, start_generator(placement), watch)
                after_warmup(planned.topology.name)
            events = EventRunner(
                scenario.events, launch.server, launch.process_tree, services, planned.topology.name, log
            )
            result, usage = _measure(launch, events, watch)
            examined = launch.examine(result)
            watch(Progress(Phase.STOPPING))
    except (ServerError, GeneratorError) as error:
        return TrialRecord.of_failure(planned, started_at, str(error), read_failure(log))
    return launch.record(examined, result, usage, events=events.records)


def _warm_up_apart(launch: LaunchedTopology, another: Generator, watch: Watch) -> LaunchedTopology:
    """Have another generator offer the load for as long as its warm-up, to its end; return the launch whose load begins
    with no more than the opening of its connections. Raises ServerError and GeneratorError."""
    watch(Progress(Phase.WARMING_UP))
    opening_s = min(OPENING_S, launch.load.warmup_s)
    with another:
        if launch.load.warmup_s > 0:
            another.begin(launch.load.with_windows(launch.load.warmup_s, SHORTEST_S))
            for _ in another.events():
                launch.server.check_alive()
    return replace(launch, load=launch.load.with_warmup(opening_s))


def _measure(launch: LaunchedTopology, happening: EventRunner, watch: Watch) -> tuple[LoadResult, Usage]:
    """Offer the load, and read the server's use of the machine as the window opens, every second and at its end."""
    server, process_tree, monitor = launch.server, launch.process_tree, launch.monitor
    watch(Progress(Phase.WARMING_UP))
    server.watch()
    launch.generator.begin(launch.load)
    events = launch.generator.events()
    with process_tree.look_repeatedly():
        for event in events:
            if isinstance(event, WindowBegan):
                break
            server.check_alive()
            watch(Progress(Phase.WARMING_UP, event if isinstance(event, Second) else None))
    monitor.begin()
    process_tree.begin_window()
    watch(Progress(Phase.MEASURING))
    with happening.running():
        for event in events:
            match event:
                case Second():
                    monitor.sample()
                case WindowEnded():
                    monitor.sample()
                    usage = monitor.usage()
                    process_tree.look()
                case LoadResult():
                    return event, usage
            if not happening.has_begun:
                server.check_alive()
            watch(Progress(Phase.MEASURING, event if isinstance(event, Second) else None))
    raise GeneratorError("the generator ended without a result")
