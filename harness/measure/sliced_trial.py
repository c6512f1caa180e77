"""One trial of a sliced round, from its launch to its record."""

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from harness.analysis.launch import count_minor_faults
from harness.generator.crew import GeneratorError
from harness.generator.messages import Turns
from harness.generator.slices import MeasuredSlice
from harness.load.result import LoadResult, Second
from harness.measure.launch import AfterWarmup, Examination, LaunchedTopology, enter_on_free_port
from harness.measure.progress import Phase, Progress, Watch
from harness.monitor.join import join_usages
from harness.monitor.turns import CpuTimes, machine_in_turns
from harness.record import PlannedTrial, Slice, TrialRecord, Usage
from harness.server.launch import read_failure
from harness.server.supervised import ServerError


class SlicedTrial:
    """One trial of a sliced round. The first step that fails is its last, and stops the topology."""

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
        self.is_measuring = False  # a slice in turns
        self._log = log
        self._watch = watch
        self._stack = stack  # which stops whatever was launched
        self._launch = launch
        self._after_warmup = after_warmup
        self._started_at = datetime.now(UTC)
        self._failure: str | None = None
        self._up: LaunchedTopology
        self._since_s = self._paused_s = self._idle_cpu_s = 0.0
        self._measured: list[MeasuredSlice] = []
        self._usages: list[Usage] = []
        self._slices: list[Slice] = []
        self._outcome: tuple[Examination, LoadResult, Usage]

    @property
    def has_failed(self) -> bool:
        """True once a step has failed."""
        return self._failure is not None

    @property
    def body_sha256(self) -> str | None:
        """The digest of its body; None where it failed, or the body was not always the same."""
        return None if self.has_failed else self._up.ready.body_sha256

    def start(self) -> None:
        """Launch the topology, wait until it is ready, and warm it up."""
        self._attempt(self._start)

    def prepare_slice(self) -> None:
        """Have its connections open, and begin to watch what it uses."""
        self._attempt(self._prepare_slice)

    def run_slice(self, duration_s: float) -> None:
        """Measure one slice."""
        self._attempt(lambda: self._measured.append(self._up.generator.run_slice(duration_s)))

    def begin_turns(self, duration_s: float, begin_ns: int, turns: Turns, place: int) -> None:
        """Have one slice measured in turns of the server, which is stopped until the first of them."""
        self.is_measuring = True
        self._attempt(lambda: self._up.generator.order_turns(duration_s, begin_ns, turns, place))

    def look_for_slice(self) -> None:
        """Take the slice, if it was measured."""
        self._attempt(self._look_for_slice)

    def count_all(self) -> None:
        """Have the rates of the last slice be those of all its requests, from idle to idle."""
        self._attempt(self._count_all)

    def correct_rates(self, lengthening: float) -> None:
        """Correct the rates of the last slice, whose turns were so many times as long as they were to be."""
        self._attempt(partial(self._correct_rates, lengthening))

    def end_slice(self) -> None:
        """Read what it used in the slice."""
        self._attempt(self._end_slice)

    def record_slice(self, began_s: float, together: CpuTimes | None = None) -> None:
        """Add the slice to the record of a round that ``began_s`` (monotonic clock). Several that were measured in
        turns used so much CPU time ``together``."""
        self._attempt(partial(self._record_slice, began_s, together))

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

    @property
    def busiest_pids(self) -> Sequence[int]:
        """The ids of its processes, those that have used the most CPU time first."""
        return self._up.monitor.busiest_pids

    @property
    def idle_pids(self) -> Collection[int]:
        """The ids of its processes that have nothing to do but to supervise others."""
        return self._up.process_tree.find_idle_supervisors()

    @property
    def workers(self) -> int:
        """The number of its workers that were found."""
        return self._up.process_tree.workers().found

    @property
    def cores_used(self) -> float:
        """The cores that the server used in the last slice, on average, by the time that its turns were to last."""
        return self._usages[-1].cpu_s / self._measured[-1].elapsed_s

    @property
    def cpu_times(self) -> CpuTimes:
        """The CPU time that server and generator used in the last slice."""
        return CpuTimes(self._usages[-1].cpu_s, self._measured[-1].cpu_s)

    def _attempt(self, step: Callable[[], object]) -> None:
        if self.has_failed:
            return
        try:
            step()
        except (ServerError, GeneratorError) as error:
            self._failure, self.is_measuring = str(error), False
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

    def _prepare_slice(self) -> None:
        self._since_s = time.monotonic()
        self._idle_cpu_s = self._up.monitor.idle_cpu_s()
        self._up.generator.reopen()
        self._up.monitor.begin()

    def _look_for_slice(self) -> None:
        if (measured := self._up.generator.look_for_slice()) is not None:
            self._measured.append(measured)
            self.is_measuring = False

    def _end_slice(self) -> None:
        self._up.monitor.sample()
        self._usages.append(self._up.monitor.usage_without_memory())
        self._up.server.check_alive()

    def _count_all(self) -> None:
        self._measured[-1] = self._measured[-1].from_idle_to_idle()

    def _correct_rates(self, lengthening: float) -> None:
        self._measured[-1] = self._measured[-1].with_rates(1 / lengthening)

    def _record_slice(self, began_s: float, together: CpuTimes | None) -> None:
        measured, usage = self._measured[-1], self._usages[-1]
        made = Slice(
            begin_s=self._since_s - began_s,
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
            idle_s=self._since_s - self._paused_s,
            idle_cpu_s=self._idle_cpu_s,
            in_turns_s=usage.window_s if together else None,
            pace_us=usage.pace_us,
            window_pace_us=None if together else self._up.monitor.pace_between_us(*measured.window_ns),
        )
        self._usages[-1] = usage.within(made.loaded_s)
        if together:
            share, own_cpus = self._usages[-1].window_s / usage.window_s, self._up.placement.generator
            machine = machine_in_turns(usage.machine, share, self.cpu_times, together, own_cpus)
            self._usages[-1] = self._usages[-1].model_copy(update={"machine": machine})
        self._slices.append(made)
        self._report(Phase.MEASURING, measured.row)
        self._paused_s = time.monotonic()

    def _examine(self) -> None:
        result = self._up.generator.join(self._measured)
        used = join_usages(self._usages, [measured.answered for measured in self._measured])
        usage = self._up.monitor.add_memory(used)
        examined = self._up.examine(result, is_in_turns=any(part.in_turns_s for part in self._slices))
        counts = examined.worker_counts.of_slices()
        self._outcome = replace(examined, worker_counts=counts), result, usage
        self._report(Phase.STOPPING)

    def _report(self, phase: Phase, second: Second | None = None) -> None:
        self._watch(Progress(phase, second, self.planned.topology.name))
