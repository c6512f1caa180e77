"""A server and itself on two machines of namespaces, again and again: ``python -m tests.fleet.same [TIMES]``.

Each run makes rounds on both rigs at once, of a topology that is there twice, until its time is out. Of the runs, about
one in twenty may call any of its metrics different, as on one machine. A quarter of an hour for twenty runs.
"""

import sys
import tempfile
from pathlib import Path
from typing import Final

from harness.analysis.run import RunAnalysis
from harness.fleet.authority import make_keys
from harness.record import Run, read_run
from harness.stats.verdict import Verdict
from tests.fleet.conftest import Site
from tests.fleet.lab import Lab

DIFFERENT: Final = (Verdict.BETTER, Verdict.WORSE)
SETTINGS: Final = 'max_time = "40s"\n'


def compare_with_itself(site: Site) -> Run:
    """Make one run over two rigs and return it."""
    site.write_fleet("a", "b")
    path = site.write_scenario(SETTINGS, duration="1s")
    path.write_text(path.read_text(encoding="utf-8").replace("rounds = 2\n", ""), encoding="utf-8")
    site.start_agents("a", "b")
    said = site.run("compare", "scenario.toml", "--fleet", "fleet.toml", limit_s=180.0)
    site.collect_agents()
    assert (site.folder / "results" / "latest").exists(), said
    return read_run(site.folder / "results" / "latest")


def find_differences(run: Run) -> list[str]:
    """Return the metrics that are called different."""
    compared = RunAnalysis(run).comparisons
    return [each.metric.title for each in compared.values() if each.verdict in DIFFERENT]


def main(times: int) -> int:
    """Compare so many times; return the exit code, 1 where more than a tenth find a difference."""
    different = 0
    with tempfile.TemporaryDirectory() as folder, Lab() as lab:
        make_keys(Path(folder, "keys"))
        for number in range(1, times + 1):
            site = Site(lab, Path(folder), Path(folder, "keys"))
            run = compare_with_itself(site)
            found, machines = find_differences(run), [rig.server for rig in run.info.rigs]
            different += bool(found)
            rounds = len({record.block for record in run.records})
            print(f"{number:3} {rounds} rounds on {' and '.join(machines)}: {', '.join(found) or 'alike'}", flush=True)
    print(f"{different} of {times} with a difference")
    return int(different > times / 10)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
