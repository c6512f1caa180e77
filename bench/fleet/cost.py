"""``python -m bench.fleet.cost``: what a trial takes longer on other machines, and what an agent costs while it waits.

Three hosts are made of namespaces of this machine, on whose cores everything runs. Whole trials are made on one of
them without a fleet, by its agent, and by its agent with the generators on the two others; five minutes.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import typer

from bench.checking import Checks, Row, run_checks
from harness.fleet.authority import make_keys
from harness.record import read_run
from harness.units import NS_PER_S
from tests.fleet.conftest import REPOSITORY, Site
from tests.fleet.lab import CLOCKS_S, HUB, Lab, harness

ROUNDS: Final = 6
LOAD_S: Final = 0.7  # warm-up and window of a trial
WATCHED_S: Final = 10.0
MANY: Final = 100
TIMES: Final = 170  # that the clock of each host is measured


def overhead_s(site: Site, host: str, *options: str) -> float:
    """Return the median time that a trial took beyond its load (seconds)."""
    words = ["compare", "scenario.toml", "--interleave", "trials", "--out", f"results-{len(options)}-{host}", *options]
    output = site.lab.run(host, harness(*words), site.folder, 200.0)
    run = read_run(site.folder / f"results-{len(options)}-{host}" / "latest")
    assert all(record.status == "ok" for record in run.records), output
    within = [(a, b) for a, b in pairwise(run.records) if a.block == b.block]
    return statistics.median((b.started_at - a.started_at).total_seconds() for a, b in within) - LOAD_S


def check_overhead() -> Iterator[Row]:
    """Compare whole trials in three places."""
    with Lab() as lab, TemporaryDirectory() as folder:
        make_keys(Path(folder, "keys"))
        site = Site(lab, Path(folder), Path(folder, "keys"))
        site.write_scenario(duration="500ms", rounds=ROUNDS)
        found: dict[str, list[float]] = {"local": [], "far": [], "split": []}
        for _ in range(3):
            found["local"].append(overhead_s(site, "a"))
            for name, rig in (("far", "a"), ("split", "abc")):
                site.write_fleet(rig)
                site.start_agents(*rig)
                found[name].append(overhead_s(site, HUB, "--fleet", "fleet.toml"))
                site.collect_agents()
    local, far, split = (statistics.median(found[name]) for name in ("local", "far", "split"))
    yield Row(
        "a whole trial on a far host", f"{far - local:+.2f} s ({local:.2f} s here)", "≤ +0.2 s", far - local <= 0.2
    )
    yield Row("split over three hosts", f"{split - local:+.2f} s", "≤ +0.5 s", split - local <= 0.5)


def check_idle() -> Iterator[Row]:
    """Watch an agent that has nothing to do."""
    with Lab() as lab, TemporaryDirectory() as folder:
        make_keys(Path(folder, "keys"))
        site = Site(lab, Path(folder), Path(folder, "keys"))
        site.write_fleet("a")
        site.start_agents("a")
        leader = lab.start(
            HUB, [sys.executable, "-m", "bench.fleet.waiting", str(site.folder / "fleet.toml")], REPOSITORY
        )
        agent = lab.find("a", "harness.fleet")
        time.sleep(5)
        before, began_s = agent.cpu_times(), time.monotonic()
        time.sleep(WATCHED_S)
        after, rss_mb = agent.cpu_times(), agent.memory_info().rss / 1e6
        used = (after.user + after.system - before.user - before.system) / (time.monotonic() - began_s)
        leader.kill()
    yield Row("an idle agent: CPU", f"{used:.2%} of a core", "≤ 0.5 %", used <= 0.005)
    yield Row("an idle agent: memory", f"{rss_mb:.0f} MB", "≤ 80 MB", rss_mb <= 80)


def check_many() -> Iterator[Row]:
    """Have many light agents join one leader, which they hear once a second."""
    from bench.fleet.many import measure_many

    joined_s, used = measure_many(MANY, WATCHED_S)
    yield Row(f"{MANY} light agents: the leader", f"{used:.2f} cores; joined in {joined_s:.1f} s", "< 0.5", used < 0.5)


def check_clocks() -> Iterator[Row]:
    """Measure clocks whose true offsets are known, on quiet cores and on busy ones."""
    for name, hogs in (("quiet", 0), ("busy", os.cpu_count() or 1)):
        with Lab() as lab, TemporaryDirectory() as folder, ExitStack() as stack:
            for _ in range(hogs):
                hog = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
                stack.callback(hog.kill)
            make_keys(Path(folder, "keys"))
            site = Site(lab, Path(folder), Path(folder, "keys"))
            path = site.write_fleet("a", "b", "c")
            site.start_agents("a", "b", "c")
            words = [sys.executable, "-m", "bench.fleet.clocks", str(path), str(TIMES)]
            lines = [
                line.split() for line in lab.run(HUB, words, REPOSITORY, 200.0).splitlines() if line.count(" ") == 2
            ]
        errors = [(abs(int(offset) - CLOCKS_S[host] * NS_PER_S), int(bound)) for host, offset, bound in lines]
        within = sum(error <= bound for error, bound in errors)
        p50_us, most_us = statistics.median(error for error, _ in errors) / 1000, max(errors)[0] / 1000
        said = f"{within} of {len(errors)} within their bound; off by {p50_us:.0f} µs (p50), {most_us:.0f} µs (max)"
        yield Row(f"clocks, {name} cores", said, "all within", within == len(errors) >= 3 * TIMES)


CHECKS: Final[Checks] = {"clocks": check_clocks, "overhead": check_overhead, "idle": check_idle, "many": check_many}


def main(
    only: Annotated[str | None, typer.Option(metavar="CHECK,CHECK", help=f"Of {', '.join(CHECKS)}.")] = None,
    out: Annotated[Path, typer.Option(help="The Markdown file.")] = Path("results/bench/fleet.md"),
) -> None:
    """Measure what a fleet costs; the exit code is 1 where it is more than was asked."""
    run_checks(CHECKS, only, out)


if __name__ == "__main__":
    typer.run(main)
