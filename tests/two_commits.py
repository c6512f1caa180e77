"""Runs of two commits, made up on disk."""

from pathlib import Path

from harness.record import Revision, Run
from harness.scenario import GateTable, Topology
from tests.made_runs import made_run, record, scenario_of, topology

RAW = topology("raw", baseline=True)
TWO = topology("cluster-2", workers=2)
BASE = Revision(ref="main", commit="a" * 40, subject="Serve carts")
HEAD = Revision(ref="working tree", commit="b" * 40, subject="Serve *more* <carts>", is_changed=True)


def run_of_two_commits(
    results: Path,
    factors: dict[str, float],
    rounds: int = 6,
    gates: tuple[str, ...] = ("throughput < -5%",),
    topologies: tuple[Topology, ...] = (RAW, TWO),
) -> Run:
    """The head of each topology serves so many times what its base does, with a scatter of a few percent."""
    compared = scenario_of(list(topologies), rounds).on_two_commits(Path("/base"), Path("/head"))
    compared = compared.model_copy(update={"gate": GateTable(fail_on=gates)})
    records = []
    for block in range(1, rounds + 1):
        for before, after in compared.pairs:
            rate = 1000 * (1 + 0.03 * (block % 3))
            factor = factors[after.title] * (1 + 0.01 * (block % 2))
            records += [record(block, before, rate), record(block, after, round(rate * factor))]
    return made_run(results, compared, records, revisions=[BASE, HEAD])
