"""The highest demand of a scenario on the machine."""

from dataclasses import dataclass
from typing import Self

from harness.generator.spreading import can_spread
from harness.scenario import Scenario
from harness.scenario.load import OPEN_CONNECTIONS, ScenarioLoad


@dataclass(frozen=True)
class LoadDemand:
    """The highest demand of a load: ``workers`` of the largest topology, and ``processes`` of the generator.

    ``is_spread`` is True if, to every topology, the generator may connect from several addresses, or needs none.
    ``is_reopening`` is True if each request opens a new connection. ``rate_per_s`` is the highest offered rate, None
    for a closed loop.
    """

    connections: int = OPEN_CONNECTIONS
    workers: int = 1
    processes: int = 1
    is_spread: bool = True
    is_reopening: bool = False
    rate_per_s: float | None = None

    @classmethod
    def of(cls, scenario: Scenario | None) -> Self:
        """Return the demand of a scenario; without one, that of one server process under the default number of
        connections."""
        if scenario is None:
            return cls()
        load = scenario.load
        return cls(
            connections=load.connections,
            workers=max(topology.workers or 1 for topology in scenario.topologies),
            processes=1 if load.processes == "auto" else load.processes,  # auto leaves the server its cores
            is_spread=all(each.listens_on_unix_socket or can_spread(each.host) for each in scenario.topologies),
            is_reopening=not load.keepalive,
            rate_per_s=_highest_rate(load),
        )


def _highest_rate(load: ScenarioLoad) -> float | None:
    if load.arrivals is None:
        return None
    return max([load.arrivals.rate_per_s, *(stage.rate_per_s for stage in load.arrivals.stages)])
