"""The sliced round: all its topologies are up at once, and the load alternates between them in short slices.

The machine changes its speed within seconds, and for minutes. What is measured a fraction of a second apart has met the
same machine: such changes cancel out of the ratios (duet benchmarking, Bulej et al., ICPE 2020, which loads both at the
same time; taking turns keeps the two from disturbing each other).
"""

import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from harness.analysis.launch import count_minor_faults
from harness.generator.crew import GeneratorError
from harness.generator.process import StartGenerator, start_here
from harness.generator.slices import MeasuredSlice
from harness.load.cpus import Placement, list_usable_cpus
from harness.load.result import LoadResult, Second
from harness.measure.launch import AfterWarmup, Examination, LaunchedTopology, enter_on_free_port, launch_topology
from harness.measure.progress import Phase, Progress, Watch
from harness.measure.schedule import count_rotations
from harness.monitor import CoreSpeedProbe
from harness.monitor.join import join_usages
from harness.record import PlannedTrial, Slice, TrialRecord, Usage
from harness.scenario import Scenario
from harness.server.launch import read_failure
from harness.server.service import UpService
from harness.server.supervised import ServerError


def run_sliced_trials(
    trials: Sequence[PlannedTrial],
    scenario: Scenario,
    placement: Placement,
    logs: Mapping[str, Path],
    watch: Watch,
    known_bodies: Collection[str],
    services: Sequence[UpService] = (),
    after_warmup: AfterWarmup | None = None,
    start_generator: StartGenerator = start_here,
) -> list[TrialRecord]:
    """Make the trials of one round together and return their records. Where a server or a generator fails, its record
    is a failed or an invalid one, and the others go on.

    ``logs`` are the servers' logs, by the ids of the trials, ``known_bodies`` the digests of the bodies that earlier
    trials found to be always the same, and ``services`` those up beside the servers. ``after_warmup`` is called
    when a topology is warm. ``watch`` is called with the state of a trial whenever it changes.
    """
    with CoreSpeedProbe(placement.server or list_usable_cpus()) as core_speed, ExitStack() as stack:
        made, bodies = [], set(known_bodies)
        for planned in trials:
            log = logs[planned.id]
            start = partial(
                launch_topology, planned, scenario, placement, log, bodies, core_speed, services, start_generator
            )
            made.append(_SlicedTrial(planned, log, watch, stack.enter_context(ExitStack()), start, after_warmup))
        for trial in made:
            trial.start()
            if (digest := trial.body_sha256) is not None:
                bodies.add(digest)
        _take_turns(made, scenario)
        for trial in made:
            trial.examine()
        with ThreadPoolExecutor(len(made)) as threads:  # some take a second to stop
            list(threads.map(_SlicedTrial.stop, made))
        return [trial.record() for trial in made]


def _take_turns(trials: Sequence["_SlicedTrial"], scenario: Scenario) -> None:
    """Give each topology that is up one slice in every rotation, in an order drawn anew."""
    dice = random.Random(f"slices {trials[0].planned.seed} {trials[0].planned.block}")
    rotations, began_s = count_rotations(scenario), time.monotonic()
    for _ in range(rotations):
        for trial in dice.sample(trials, k=len(trials)):
            trial.run_slice(scenario.load.duration_s / rotations, began_s)


class _SlicedTrial:
    """One trial of a sliced round, from its launch to its record. The first step that fails is its last."""

    def __init__(
        self,
        planned: PlannedTrial,
        log: Path,
        watch: Watch,
        stack: ExitStack,
        launch: Callable[[datetime], AbstractContextManager[LaunchedTopology]],
        after_warmup: AfterWarmup | None,
    ) -> None:
        self.planned = planned
        self._log = log
        self._watch = watch
        self._stack = stack  # which stops whatever was launched
        self._launch = launch
        self._after_warmup = after_warmup
        self._started_at = datetime.now(UTC)
        self._failure: str | None = None
        self._up: LaunchedTopology
        self._paused_s = 0.0
        self._measured: list[MeasuredSlice] = []
        self._usages: list[Usage] = []
        self._slices: list[Slice] = []
        self._outcome: tuple[Examination, LoadResult, Usage]

    def start(self) -> None:
        """Launch the topology, wait until it is ready, and warm it up."""
        self._attempt(self._start)

    @property
    def body_sha256(self) -> str | None:
        """The digest of its body; None where it failed, or the body was not always the same."""
        return None if self._failure is not None else self._up.ready.body_sha256

    def run_slice(self, duration_s: float, began_s: float) -> None:
        """Measure one slice of a round that ``began_s`` (monotonic clock)."""
        self._attempt(self._run_slice, duration_s, began_s)

    def examine(self) -> None:
        """Look for reasons not to count the trial."""
        self._attempt(self._examine)

    def stop(self) -> None:
        """Stop the topology."""
        self._stack.close()

    def record(self) -> TrialRecord:
        """Return the record, after the topology was stopped."""
        if self._failure is not None:
            return TrialRecord.of_failure(self.planned, self._started_at, self._failure, read_failure(self._log))
        return self._up.record(*self._outcome, self._slices)

    def _attempt(self, step: Callable[..., None], *values: float) -> None:
        """Take a step, unless one has failed before. A failure stops the topology."""
        if self._failure is not None:
            return
        try:
            step(*values)
        except (ServerError, GeneratorError) as error:
            self._failure = str(error)
            self._stack.close()

    def _start(self) -> None:
        self._started_at = datetime.now(UTC)
        self._report(Phase.STARTING)
        self._up = enter_on_free_port(self._stack, self.planned, partial(self._launch, self._started_at))
        self._report(Phase.WARMING_UP)
        self._up.server.watch()
        with self._up.process_tree.look_repeatedly():
            for event in self._up.generator.warm_up(self._up.load):
                self._up.server.check_alive()
                self._report(Phase.WARMING_UP, event if isinstance(event, Second) else None)
        if self._after_warmup is not None:
            self._after_warmup(self.planned.topology.name)
        self._up.monitor.begin()
        self._up.process_tree.begin_window()
        self._paused_s = time.monotonic()

    def _run_slice(self, duration_s: float, began_s: float) -> None:
        up, since_s = self._up, time.monotonic()
        idle_cpu_s = up.monitor.idle_cpu_s()
        up.generator.reopen()
        up.monitor.begin()
        measured = up.generator.run_slice(duration_s)
        up.monitor.sample()
        usage = up.monitor.usage_without_memory()
        up.server.check_alive()
        made = Slice(
            begin_s=since_s - began_s,
            lead_in_s=measured.lead_in_s,
            duration_s=measured.duration_s,
            requests=measured.requests,
            requests_per_s=measured.requests_per_s,
            answered=measured.answered,
            cpu_s=usage.cpu_s,
            minor_faults=count_minor_faults(usage),
            undrained=measured.undrained,
            outlasting=measured.outlasting,
            stalled_s=measured.stalled_s,
            idle_s=since_s - self._paused_s,
            idle_cpu_s=idle_cpu_s,
            pace_us=usage.pace_us,
            window_pace_us=up.monitor.pace_between_us(*measured.window_ns),
        )
        self._measured.append(measured)
        self._usages.append(usage.within(made.loaded_s))
        self._slices.append(made)
        self._report(Phase.MEASURING, measured.row)
        self._paused_s = time.monotonic()

    def _examine(self) -> None:
        result = self._up.generator.join(self._measured)
        used = join_usages(self._usages, [measured.answered for measured in self._measured])
        usage = self._up.monitor.add_memory(used)
        examined = self._up.examine(result)
        counts = examined.worker_counts.of_slices()
        self._outcome = replace(examined, worker_counts=counts), result, usage
        self._report(Phase.STOPPING)

    def _report(self, phase: Phase, second: Second | None = None) -> None:
        self._watch(Progress(phase, second, self.planned.topology.name))
