"""What a search changes in a scenario."""

from typing import Final

from harness.scenario import Objective, Scenario, ScenarioError
from harness.units import duration_text

SHORTEST_S: Final = 5.0  # a line that grows needs time to show
WARMUP_S: Final = 2.0  # and one that does not, to be as long as it is going to be


def for_search(scenario: Scenario) -> Scenario:
    """The scenario with a closed loop, whose throughput the search begins with, and windows that are long enough."""
    load = scenario.load.closed()
    update = {"duration_s": max(SHORTEST_S, load.duration_s), "warmup_s": max(WARMUP_S, load.warmup_s)}
    return scenario.model_copy(update={"load": load.model_copy(update=update)})


def check_objectives(objectives: list[Objective], scenario: Scenario) -> None:
    """Raises ScenarioError where one could never be seen to be broken, or where two are the same."""
    timeout_s = scenario.load.timeout_s
    for objective in objectives:
        if objective.limit_ms is not None and objective.limit_ms >= timeout_s * 1000:
            raise ScenarioError(
                f"{objective.text}: expected less than the time-out of the load, {duration_text(timeout_s)}, after"
                " which nobody waits for the answer"
            )
    if len({objective.text for objective in objectives}) < len(objectives):
        raise ScenarioError("expected different objectives, got one of them twice")
