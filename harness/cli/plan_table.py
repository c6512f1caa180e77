"""The plan of a dry run."""

from collections.abc import Iterator
from itertools import groupby

from rich.table import Table

from harness.measure.preparation import PreparedRun
from harness.measure.schedule import expected_rounds, trial_s
from harness.scenario import Scenario
from harness.units import duration_text


def plan_table(prepared: PreparedRun) -> Table:
    """Return a table with a row for each round."""
    scenario, rounds = prepared.scenario, expected_rounds(prepared.scenario)
    schedule = [planned for planned in prepared.schedule if planned.block <= rounds]
    most_s = duration_text(len(schedule) * trial_s(scenario.load))
    until = "about" if scenario.rounds is not None else "until the verdicts are settled, at most about"
    table = Table(title=f"{scenario.name}: {len(schedule)} trials, {until} {most_s}, seed {prepared.seed}")
    table.add_column("round", justify="right")
    table.add_column("topologies, in order")
    for block, trials in groupby(schedule, key=lambda planned: planned.block):
        table.add_row(str(block), "  ".join(planned.topology.name for planned in trials))
    return table


def describe_surroundings(scenario: Scenario) -> Iterator[str]:
    """Yield what is run beside the servers: each service and hook, a line each."""
    for service in scenario.services:
        yield f"service {service.name}, one for each {service.scope}: {' '.join(service.command) or service.address}"
    for name, hook in scenario.hooks.by_name.items():
        yield f"hook {name}: {' '.join(hook.command)}"
