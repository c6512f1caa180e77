"""Parts that a machine combines add up to what all processes would have told one by one."""

import json
import time
from collections.abc import Coroutine, Iterator, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from harness.fleet.clocks import ClockOffset
from harness.fleet.far_crew import FarCrew
from harness.fleet.messages import Seat
from harness.generator.combine import combine_parts
from harness.generator.crew import LocalCrew
from harness.generator.merge import merge_parts
from harness.generator.messages import (
    Begin,
    Order,
    PartEvent,
    PartSlice,
    ProcessResult,
    Reopen,
    RunSlice,
    WarmUp,
    is_last,
)
from harness.load.spec import Arrivals, Load
from harness.units import NS_PER_S
from tests.generator.answers import SMALL, whole
from tests.generator.loads import short_load
from tests.generator.scripted_server import ScriptedServer

if TYPE_CHECKING:
    from harness.fleet.wire import Wire

PROCESSES: Final = 3


@pytest.fixture
def load() -> Iterator[Load]:
    with ScriptedServer(repeat(whole(SMALL))) as server:
        yield short_load(server.port, connections=7)


def collect(load: Load, orders: Sequence[Order]) -> list[PartEvent]:
    """The last event of each process in answer to the last of the orders."""
    crew = LocalCrew(PROCESSES)
    try:
        crew.hand_out(load)
        for order in orders:
            crew.order(order)
            last: list[PartEvent] = []
            while not crew.is_done:
                last += [event for _, event in crew.receive(1.0) if is_last(order, event)]
        return last
    finally:
        crew.end()


def rounded(value: Any) -> Any:
    """The value without what the order of a sum does to its last digits."""
    if isinstance(value, float):
        return round(float(f"{value:.9g}"), 12)  # a sum may cancel
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, list) else value


def fields(event: Any) -> Any:
    return rounded(json.loads(event.model_dump_json()))


@pytest.mark.parametrize("arrivals", [None, Arrivals(rate_per_s=300.0)], ids=["closed", "open"])
def test_parts_of_parts_add_up_to_the_same_result(load: Load, arrivals: Arrivals | None) -> None:
    offered = load.model_copy(update={"arrivals": arrivals})
    parts = collect(offered, [Begin(at_ns=time.monotonic_ns())])
    results = [part for part in parts if isinstance(part, ProcessResult)]
    assert len(results) == PROCESSES
    nobody = LocalCrew(0)
    apart = merge_parts(offered, results, [], nobody)
    for first in ([combine_parts(parts)], [combine_parts(parts[:2]), parts[2]], [parts[0], combine_parts(parts[1:])]):
        combined = [part for part in first if isinstance(part, ProcessResult)]
        assert fields(merge_parts(offered, combined, [], nobody)) == fields(apart)
    assert apart.requests > 0
    assert apart.processes == PROCESSES


def test_combining_is_associative(load: Load) -> None:
    slow: list[Order] = [WarmUp(at_ns=time.monotonic_ns()), Reopen(at_ns=0), RunSlice(at_ns=0, duration_s=0.2)]
    at_once: list[Order] = [Begin(at_ns=0)]
    for orders in (slow, slow[:2], at_once):
        one, two, three = collect(load, orders)
        assert fields(combine_parts([combine_parts([one, two]), three])) == fields(
            combine_parts([one, combine_parts([two, three])])
        )


def test_slices_keep_the_longest_lead_in_and_all_answers(load: Load) -> None:
    parts = collect(load, [WarmUp(at_ns=0), RunSlice(at_ns=0, duration_s=0.2)])
    slices = [part for part in parts if isinstance(part, PartSlice)]
    found = combine_parts(parts)
    assert isinstance(found, PartSlice)
    assert found.answered == sum(each.answered for each in slices) > 0
    assert found.lead_in_s == max(each.lead_in_s for each in slices)
    assert found.window.began_ns == min(each.window.began_ns for each in slices)


class NoWire:
    """A wire that nothing goes through."""

    def run(self, call: Coroutine[Any, Any, Any]) -> list[Any]:
        """Send nothing, and return no answer."""
        call.close()
        return []


def test_what_came_from_afar_has_the_time_of_this_machine(load: Load) -> None:
    """The clock of the other is a minute behind. Where a slice's window began is where the core speed is looked for."""
    behind = ClockOffset(offset_ns=-60 * NS_PER_S, bound_ns=0, round_trip_ns=0)
    parts = collect(load, [WarmUp(at_ns=0), RunSlice(at_ns=0, duration_s=0.2)])
    of_this = combine_parts(parts)
    assert isinstance(of_this, PartSlice)
    there = of_this.window.began_ns + behind.offset_ns
    crew = FarCrew(cast("Wire", NoWire()), [Seat(name="gen", address="tcp://127.0.0.1:1", token="t", processes=1)])
    crew._clocks, crew._order = [behind], RunSlice(at_ns=of_this.window.began_ns, duration_s=0.2)
    window = of_this.window.model_copy(update={"began_ns": there})
    crew._received.put((0, [of_this.model_copy(update={"window": window})]))
    assert list(crew.receive(1.0)) == [(0, of_this)]
