"""One whole trial: launch, wait until ready, warm up, measure, stop. It always ends in a record."""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from harness.generator.process import GeneratorError
from harness.load.cpus import Placement, list_usable_cpus
from harness.load.result import LoadResult, Second, WindowBegan, WindowEnded
from harness.measure.launch import LaunchedTopology, enter_on_free_port, launch_topology
from harness.measure.progress import Phase, Progress, Watch
from harness.monitor import CoreSpeedProbe
from harness.record import PlannedTrial, TrialRecord, Usage
from harness.scenario import Scenario
from harness.server.launch import read_failure
from harness.server.service import UpService
from harness.server.supervised import ServerError


def run_trial(
    planned: PlannedTrial,
    scenario: Scenario,
    placement: Placement,
    log: Path,
    watch: Watch,
    known_body: str | None = None,
    services: Sequence[UpService] = (),
) -> TrialRecord:
    """Make one trial and return its record. Where the server or the generator fails, the record is a failed or an
    invalid one.

    ``watch`` is called with the state of the trial whenever it changes. ``known_body`` is the digest of the body that
    an earlier trial of the topology found to be always the same, ``services`` are up beside it.
    """
    started_at = datetime.now(UTC)
    watch(Progress(Phase.STARTING))
    try:
        with CoreSpeedProbe(placement.server or list_usable_cpus()) as core_speed, ExitStack() as stack:
            start = partial(
                launch_topology, planned, scenario, placement, log, known_body, core_speed, services, started_at
            )
            launch = enter_on_free_port(stack, planned, start)
            result, usage = _measure(launch, watch)
            examined = launch.examine(result)
            watch(Progress(Phase.STOPPING))
    except (ServerError, GeneratorError) as error:
        return TrialRecord.of_failure(planned, started_at, str(error), read_failure(log))
    return launch.record(examined, result, usage)


def _measure(launch: LaunchedTopology, watch: Watch) -> tuple[LoadResult, Usage]:
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
        server.check_alive()
        watch(Progress(Phase.MEASURING, event if isinstance(event, Second) else None))
    raise GeneratorError("the generator ended without a result")
