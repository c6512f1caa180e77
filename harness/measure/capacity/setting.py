"""The changes that a search for the capacity makes to a scenario."""

from typing import Final

from harness.scenario import Objective, Scenario, ScenarioError
from harness.units import duration_text

MIN_WINDOW_S: Final = 5.0  # a queue that grows needs time to show
MIN_WARMUP_S: Final = 2.0  # and a queue that does not, to reach its steady length


def for_search(scenario: Scenario) -> Scenario:
    """Return the scenario with a closed loop, with whose throughput the search begins, and windows that are long
    enough; without events, since the capacity is that of a server that is left alone."""
    load = scenario.load.as_closed_loop()
    load = load.with_windows(max(MIN_WARMUP_S, load.warmup_s), max(MIN_WINDOW_S, load.duration_s))
    return scenario.with_load(load).model_copy(update={"events": ()})


def check_objectives(objectives: list[Objective], scenario: Scenario) -> None:
    """Check the objectives. Raises ScenarioError where one could never be seen to be broken, or two are the same."""
    timeout_s = scenario.load.timeout_s
    for objective in objectives:
        if objective.limit_ms is not None and objective.limit_ms >= timeout_s * 1000:
            raise ScenarioError(
                f"{objective.text}: expected less than the time-out of the load, {duration_text(timeout_s)}, after"
                " which nobody waits for the answer"
            )
    if len({objective.text for objective in objectives}) < len(objectives):
        raise ScenarioError("expected different objectives, got one of them twice")
