"""Checks of a scenario as a whole: what one of its tables says of another, each problem with its place."""

from collections.abc import Callable, Iterator, Sequence
from typing import ParamSpec

from harness.scenario.event import SECOND_AFTER_S, Event
from harness.scenario.include import Location
from harness.scenario.problem import Problem
from harness.scenario.service import Hooks, Service, check_hook, check_references
from harness.scenario.topology import TopologyTable, placeholders_of
from harness.units import duration_text

Checked = ParamSpec("Checked")


def find_bad_references(
    tables: Sequence[TopologyTable], hooks: Hooks, events: Sequence[Event], services: tuple[Service, ...]
) -> Iterator[Problem]:
    """Yield what refers to a service that is not there, or not for as long."""
    for number, table in enumerate(tables):
        yield from _find_objection(("topology", number), check_references, placeholders_of(table), services)
    for name, hook in hooks.by_name.items():
        yield from _find_objection(("hooks", name), check_hook, name, hook, services)
    stoppable = {service.name for service in services if service.scope == "trial"}
    for number, event in enumerate(events):
        yield from _find_objection(("event", number), check_references, event.placeholders, services)
        if event.stop is not None and event.stop not in stoppable:
            yield (
                ("event", number, "stop"),
                "expected a [[service]] with scope = 'trial', which the next trial has anew, got " + event.stop,
            )


def find_late_events(events: Sequence[Event], window_s: float) -> Iterator[Problem]:
    """Yield the events that come when the window is over, or nearly so."""
    for number, event in enumerate(events):
        if event.at_s + SECOND_AFTER_S > window_s:
            yield (
                ("event", number, "at"),
                f"expected no later than a second before the end of the window of {duration_text(window_s)}"
                f" (load.duration), got {duration_text(event.at_s)}",
            )


def _find_objection(
    location: Location, check: Callable[Checked, object], *arguments: Checked.args, **options: Checked.kwargs
) -> Iterator[Problem]:
    """Yield the ValueError of the check, if it raises one, as a problem of this place."""
    try:
        check(*arguments, **options)
    except ValueError as error:
        yield location, str(error)
