"""``python -m bench.fleet FLEET SCENARIO``: what more machines bring, on the machines of a fleet file.

Requests/s against generator hosts, with the first rig; rounds/hour against rigs. The agents are started by the fleet
file (``ssh``), or by somebody else. Run folders go to a temporary folder.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from harness.fleet.far_testbed import FarTestbed
from harness.fleet.file import Fleet, FleetRig
from harness.fleet.leader import Leader
from harness.measure.compare import compare
from harness.measure.observer import Observer
from harness.record import Run, read_run
from harness.scenario import Scenario, load_scenario
from harness.units import rate_text

ROUNDS: Final = 3
SECONDS_PER_HOUR: Final = 3600.0


def measure(leader: Leader, rigs: Sequence[FleetRig], scenario: Scenario, rounds: int) -> tuple[Run, float]:
    """Return a run on these rigs, and how long its rounds took (seconds)."""
    testbed = FarTestbed(leader, rigs)
    prepared = testbed.prepare(scenario.model_copy(update={"rounds": rounds, "interleave": "trials"}), 1)
    with TemporaryDirectory() as folder:
        began_s = time.monotonic()
        run = read_run(compare(prepared, Path(folder), "bench.fleet", Observer(), testbed))
        return run, time.monotonic() - began_s


def list_generators(leader: Leader, scenario: Scenario) -> Iterator[tuple[str, ...]]:
    """Yield a row for each number of generator hosts of the first rig."""
    rig = leader.fleet.rigs[0]
    alone = scenario.only([scenario.baseline.name])
    for number in range(1, len(rig.others) + 1):
        fewer = rig.model_copy(update={"generators": rig.others[:number]})
        run, _ = measure(leader, [fewer], alone, ROUNDS)
        loads = [record.load for record in run.records if record.load and record.status == "ok"]
        rates = sorted(load.requests_per_s for load in loads)
        busy = [host.busy for load in loads for host in load.hosts if host.busy is not None]
        yield (
            str(number),
            f"{rate_text(rates[len(rates) // 2])}/s" if rates else "not measured",
            f"{max(busy):.0%}" if busy else "not measured",
        )


def list_rigs(leader: Leader, scenario: Scenario) -> Iterator[tuple[str, ...]]:
    """Yield a row for each number of rigs."""
    for number in range(1, len(leader.fleet.rigs) + 1):
        rounds = ROUNDS * number
        _, took_s = measure(leader, leader.fleet.rigs[:number], scenario, rounds)
        yield str(number), f"{rounds * SECONDS_PER_HOUR / took_s:,.0f}", f"{took_s:.1f} s for {rounds} rounds"


def main(
    fleet: Annotated[Path, typer.Argument(help="The fleet file.")],
    scenario: Annotated[Path, typer.Argument(help="The scenario.")],
) -> None:
    """Print both tables."""
    console, loaded = Console(), load_scenario(scenario)
    with Leader(Fleet.read(fleet), fleet.parent) as leader:
        if leader.fleet.rigs[0].others:
            table = Table("generator hosts", "requests/s", "busiest loop", title="Requests/s against generator hosts")
            for row in list_generators(leader, loaded):
                table.add_row(*row)
            console.print(table)
        table = Table("rigs", "rounds/hour", "measured", title="Rounds/hour against rigs")
        for row in list_rigs(leader, loaded):
            table.add_row(*row)
        console.print(table)


if __name__ == "__main__":
    typer.run(main)
