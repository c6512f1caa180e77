"""A crew on other machines, as the generator on the server's machine uses it: one part from each machine."""

import asyncio
import queue
import secrets
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Final

from pydantic import TypeAdapter

from harness.fleet.clocks import ClockOffset, measure_clock, most_bound_ns
from harness.fleet.messages import Seat
from harness.fleet.wire import ANSWER_S, CallError, Json, Wire
from harness.generator.crew import START_S, GeneratorError
from harness.generator.messages import PART_EVENTS, Order, PartEvent, PartSlice, ProcessResult, is_last
from harness.load.result import GeneratorHost
from harness.load.spec import Load
from harness.units import NS_PER_MS, NS_PER_S, NS_PER_US

LEAST_HEAD_START_NS: Final = 10 * NS_PER_MS
TRIPS: Final = 4  # round trips that an order has to reach every machine
LONG_POLL_S: Final = 1.0
MOST_LATE_NS: Final = 50 * NS_PER_MS  # that a machine may begin after the agreed time,
MOST_LATE_SHARE: Final = 0.02  # and this part of the window more
SHARES: Final[TypeAdapter[list[Load]]] = TypeAdapter(list[Load])


class FarCrew:
    """The crews of other machines, one for each seat. All are started at construction. Leaving none behind is up to
    them: their agents end with the leader."""

    def __init__(self, wire: Wire, seats: Sequence[Seat]) -> None:
        self.cpus: list[int] = []
        self.pids: list[int] = []
        self.head_start_ns = LEAST_HEAD_START_NS
        self._wire = wire
        self._seats = seats
        self._id = secrets.token_hex(8)
        self._clocks: list[ClockOffset] = []
        self._clocked_s = 0.0
        self._duration_s = self._warmup_s = 0.0
        self._order: Order | None = None
        self._awaited: set[int] = set()
        self._reading: list[Future[None]] = []
        self._begun_ns: dict[int, int] = {}  # when each began what was ordered, after the time that was agreed
        self._apart_ns = 0  # how far apart they were at the worst
        self._received: queue.SimpleQueue[tuple[int, list[PartEvent]] | GeneratorError] = queue.SimpleQueue()
        self._all(lambda seat: self._ask(seat, "crew_start", processes=seat.processes, cpus=seat.cpus))

    @property
    def parts(self) -> int:
        """The number of machines."""
        return len(self._seats)

    @property
    def is_done(self) -> bool:
        """True once each machine has sent the last event of the order."""
        return not self._awaited

    def hand_out(self, load: Load) -> None:
        """Hand each machine the shares of its processes, and find out how far its clock is ahead. Raises
        GeneratorError."""
        shares, dealt = load.shares(sum(seat.processes for seat in self._seats)), 0
        own: dict[str, list[Load]] = {}
        for seat in self._seats:
            own[seat.name] = shares[dealt : dealt + seat.processes]
            dealt += seat.processes
        self._all(
            lambda seat: self._ask(
                seat,
                "crew_hand_out",
                START_S + ANSWER_S,
                shares=SHARES.dump_json(own[seat.name]).decode(),
                connections=load.connections,
            )
        )
        self._duration_s, self._warmup_s = load.duration_s, load.warmup_s
        self._clocks, self._clocked_s = self._measure_clocks(), time.monotonic()
        self.head_start_ns = LEAST_HEAD_START_NS + TRIPS * max(clock.round_trip_ns for clock in self._clocks)

    def order(self, order: Order) -> None:
        """Send every machine the order, for the same moment of its own clock. Raises GeneratorError."""
        self._order, self._awaited, self._begun_ns = order, set(range(self.parts)), {}
        own = {
            seat.name: order.model_copy(update={"at_ns": order.at_ns + clock.offset_ns}).model_dump_json()
            for seat, clock in zip(self._seats, self._clocks, strict=True)
        }
        self._all(lambda seat: self._ask(seat, "crew_order", order=own[seat.name]))
        self._reading = [self._wire.start(self._read(index)) for index in range(self.parts)]

    def receive(self, patience_s: float) -> Sequence[tuple[int, PartEvent]]:
        """Return the events of one machine, each with its index; none where nothing came for so long. Raises
        GeneratorError when a machine is lost, or its crew has ended."""
        assert self._order is not None, "an order comes first"
        try:
            received = self._received.get(timeout=patience_s)
        except queue.Empty:
            return []
        if isinstance(received, GeneratorError):
            raise received
        index, of_machine = received
        events = [self._by_own_clock(index, event) for event in of_machine]
        for event in events:
            self._check_begin(index, event)
        if any(is_last(self._order, event) for event in events):
            self._awaited.discard(index)
        return [(index, event) for event in events]

    def _by_own_clock(self, index: int, event: PartEvent) -> PartEvent:
        """Return the event with the begin of its window by this machine's clock."""
        if isinstance(event, PartSlice):
            return event.model_copy(update={"window": self._by_own_clock(index, event.window)})
        if not isinstance(event, ProcessResult):
            return event
        return event.model_copy(update={"began_ns": event.began_ns - self._clocks[index].offset_ns})

    def _check_begin(self, index: int, event: PartEvent) -> None:
        """Note when a machine began. Raises GeneratorError where it was so late that the others loaded alone."""
        window = event.window if isinstance(event, PartSlice) else event
        if not isinstance(window, ProcessResult) or self._order is None:
            return
        lead_in_s = event.lead_in_s if isinstance(event, PartSlice) else self._warmup_s
        begun_ns = window.began_ns - round(lead_in_s * NS_PER_S)
        self._begun_ns[index] = begun_ns - self._order.at_ns
        self._apart_ns = max(self._apart_ns, max(self._begun_ns.values()) - min(self._begun_ns.values()))
        most_ns = MOST_LATE_NS + MOST_LATE_SHARE * window.duration_s * NS_PER_S
        if len(self._seats) > 1 and self._begun_ns[index] > most_ns:  # alone, it may have warmed up for longer
            late_ms = self._begun_ns[index] / NS_PER_MS
            raise GeneratorError(f"{self._seats[index].name}: it began {late_ms:.0f} ms after the others were to begin")

    def stop(self) -> None:
        """Ask every machine to end the window now."""
        self._all(lambda seat: self._ask(seat, "crew_stop"))

    def describe_hosts(self, parts: Sequence[ProcessResult]) -> list[GeneratorHost]:
        """Return what each machine did. Raises GeneratorError where its clock can't be relied on."""
        again, elapsed_s = self._measure_clocks(), time.monotonic() - self._clocked_s
        for seat, clock, later in zip(self._seats, self._clocks, again, strict=True):
            if not clock.agrees_with(later, elapsed_s):
                apart_us = abs(later.offset_ns - clock.offset_ns) / NS_PER_US
                raise GeneratorError(f"{seat.name}: its clock went {apart_us:,.0f} µs away from the server's meanwhile")
        return [
            GeneratorHost(
                name=seat.name,
                processes=part.processes,
                started=part.started,
                requests=part.requests,
                errors=part.errors.total,
                bytes=part.bytes,
                cpu_s=part.cpu_s,
                busy=part.busy,
                stalled_s=part.stalled_s,
                offset_us=clock.offset_ns / NS_PER_US,
                bound_us=clock.bound_ns / NS_PER_US,
                round_trip_us=clock.round_trip_ns / NS_PER_US,
                begun_us=self._apart_ns / NS_PER_US,
            )
            for seat, part, clock in zip(self._seats, parts, self._clocks, strict=True)
        ]

    def end(self) -> None:
        """End all crews, as far as their machines can be reached."""
        self._awaited = set()
        for reading in self._reading:
            reading.cancel()  # or it would read what the next crew sends
        for seat in self._seats:
            try:
                self._wire.run(self._ask(seat, "crew_end"))
            except GeneratorError:
                continue  # it is lost, and ends what it has by itself

    def _all(self, call: Callable[[Seat], Coroutine[Any, Any, Json]]) -> list[Json]:
        """Make a call to every machine at once, and return the answers. Raises GeneratorError."""

        async def gather() -> list[Json]:
            return await asyncio.gather(*(call(seat) for seat in self._seats))

        return self._wire.run(gather())

    async def _ask(self, seat: Seat, verb: str, limit_s: float = ANSWER_S, **arguments: Any) -> Json:
        try:
            return await self._wire.ask(seat.address, verb, seat.token, limit_s, {**arguments, "crew": self._id})
        except CallError as error:
            raise GeneratorError(f"{seat.name}: {error}") from error

    async def _read(self, index: int) -> None:
        """Read what one machine sends until it has carried out the order."""
        seat = self._seats[index]
        try:
            while True:
                answer = await self._ask(seat, "crew_receive", LONG_POLL_S + ANSWER_S, patience_s=LONG_POLL_S)
                events = [PART_EVENTS.validate_json(text) for text in answer["events"]]
                if events:
                    self._received.put((index, events))
                if answer["is_done"]:
                    return
        except GeneratorError as error:
            self._received.put(error)

    def _measure_clocks(self) -> list[ClockOffset]:
        """Return how far the clock of every machine is ahead. Raises GeneratorError where that can't be told well
        enough for all to begin together."""

        async def gather() -> list[ClockOffset]:
            return await asyncio.gather(*(measure_clock(partial(self._ask, seat, "clock")) for seat in self._seats))

        clocks = self._wire.run(gather())
        for seat, clock in zip(self._seats, clocks, strict=True):
            if clock.bound_ns > most_bound_ns(self._duration_s):
                raise GeneratorError(
                    f"{seat.name}: its clock is known to ±{clock.bound_ns / NS_PER_MS:.1f} ms only, which is too little"
                    f" for windows of {self._duration_s:g} s"
                )
        return clocks
