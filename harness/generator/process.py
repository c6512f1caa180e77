"""The generator as seen from the process that uses it: started, read from, stopped."""

import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Final, Self

from harness.generator.crew import Crew, GeneratorError, LocalCrew
from harness.generator.merge import Collector
from harness.generator.messages import Begin, PartEvent, PartSlice, Paused, Reopen, RunInTurns, RunSlice, Turns, WarmUp
from harness.generator.slices import MeasuredSlice, join_slices
from harness.load.cpus import Placement
from harness.load.result import Event, LoadResult, Second
from harness.load.spec import Load

SLACK_S: Final = 20.0  # that starting, a last batch and the result may take beyond warm-up and window


class Generator:
    """A crew of processes that generate one load. They begin with :meth:`begin`. Leaving the context ends them."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._load: Load | None = None
        self._slice: Iterator[tuple[int, PartEvent] | None] = iter(())  # what comes of the slice that was ordered
        self._received: list[tuple[int, PartEvent]] = []  # of it, so far

    @classmethod
    def here(cls, processes: int = 1, cpus: Sequence[int] = ()) -> Self:
        """Return a generator of so many processes on this machine, which are being started: see :class:`LocalCrew`."""
        return cls(LocalCrew(processes, cpus))

    def begin(self, load: Load) -> None:
        """Start the load in all processes at the same time, as soon as every one is ready. To be called once.

        Raises GeneratorError when a process does not become ready, and ValueError when the load can't be shared among
        so many processes.
        """
        self._load = load
        self._crew.hand_out(load)
        self._crew.order(Begin(at_ns=self._soon_ns()))

    def warm_up(self, load: Load) -> Iterator[Event | None]:
        """Start the load, which is to pause after its warm-up and to go on in slices. To be called once, instead of
        :meth:`begin`. Yield the events until it pauses, None whenever nothing came for a second.

        Raises GeneratorError when a process does not become ready or ends, and ValueError when the load can't be shared
        among so many processes.
        """
        self._load = load
        self._crew.hand_out(load)
        self._crew.order(WarmUp(at_ns=self._soon_ns()))
        return self._merge(self._receive())

    def reopen(self) -> int:
        """Have the connections opened again that the server has closed in the pause; return how many there were.

        Raises GeneratorError when a process ends.
        """
        self._crew.order(Reopen(at_ns=time.monotonic_ns()))
        received = [each[1] for each in self._receive() if each]
        return sum(event.opened for event in received if isinstance(event, Paused))

    def run_slice(self, duration_s: float) -> MeasuredSlice:
        """Measure one slice and return it. Raises GeneratorError when a process ends, or is silent for longer than it
        can be busy."""
        self._crew.order(RunSlice(at_ns=self._soon_ns(), duration_s=duration_s))
        self._slice = self._receive()
        while (measured := self.look_for_slice()) is None:
            pass
        return measured

    def order_turns(self, duration_s: float, begin_ns: int, turns: Turns, place: int) -> None:
        """Have one slice measured in the turns of the load at this place, from a time of this machine's monotonic clock
        on. The server has to be stopped between them. Raises GeneratorError."""
        self._crew.order(RunInTurns(at_ns=begin_ns, duration_s=duration_s, turns=turns, place=place))
        self._slice = self._receive(patience_s=0.0, others=turns.of - 1)

    def look_for_slice(self) -> MeasuredSlice | None:
        """Return the slice that was ordered; None as long as it is not measured. Raises GeneratorError when a process
        ends, or is silent for longer than it can be busy."""
        for each in self._slice:
            if each is None:
                return None
            self._received.append(each)
        received, self._received = self._received, []
        parts = {index: event for index, event in received if isinstance(event, PartSlice)}
        seconds = [event for event in self._merge(iter(received)) if isinstance(event, Second)]
        return MeasuredSlice.of([parts[index] for index in sorted(parts)], seconds)

    def join(self, slices: Sequence[MeasuredSlice]) -> LoadResult:
        """Return the result of all slices (at least one) together."""
        assert self._load is not None, "warm_up comes first"
        return join_slices(self._load, slices, self._crew)

    def events(self, patience_s: float = 1.0) -> Iterator[Event | None]:
        """Yield the events of the generator, the LoadResult last; None whenever nothing came for ``patience_s``.

        Raises GeneratorError when a process ends without its result, or is silent for longer than it can be busy.
        """
        return self._merge(self._receive(patience_s))

    def result(self) -> LoadResult:
        """Wait for the end and return the result; the other events are discarded. Raises GeneratorError."""
        for event in self.events():
            if isinstance(event, LoadResult):
                return event
        raise GeneratorError("the generator ended without a result")

    def stop(self) -> None:
        """Ask the generator to end the window now. The events go on until the result."""
        self._crew.stop()

    @property
    def pids(self) -> Sequence[int]:
        """The ids of its processes on this machine."""
        return self._crew.pids

    def _soon_ns(self) -> int:
        """Return a time at which all processes can begin together."""
        return time.monotonic_ns() + self._crew.head_start_ns

    def _merge(self, received: Iterator[tuple[int, PartEvent] | None]) -> Iterator[Event | None]:
        """Yield each event once every part of it has come."""
        assert self._load is not None, "begin comes first"
        collector = Collector(self._load, self._crew)
        for each in received:
            if each is None:
                yield None
            else:
                yield from collector.take(*each)

    def _receive(self, patience_s: float = 1.0, others: int = 0) -> Iterator[tuple[int, PartEvent] | None]:
        """Yield what the crew sends, each with the index of its part, until it has carried out the order; None whenever
        nothing came for ``patience_s``. So many ``others`` have turns of the same length meanwhile."""
        assert self._load is not None, "begin comes first"
        heard_s, most_s = time.monotonic(), (1 + others) * (self._load.warmup_s + SLACK_S)
        while not self._crew.is_done:
            if received := self._crew.receive(patience_s):
                yield from received
                heard_s = time.monotonic()
            else:
                if (silent_s := time.monotonic() - heard_s) > most_s:
                    raise GeneratorError(f"the generator told nothing for {silent_s:.0f} s")
                yield None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._crew.end()


StartGenerator = Callable[[Placement], Generator]


def start_here(placement: Placement) -> Generator:
    """Return a generator on this machine, whose processes are being started where the placement says."""
    return Generator.here(placement.processes, placement.generator)
