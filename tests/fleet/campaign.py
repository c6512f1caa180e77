"""Sixty blows at whoever takes part in a trial on other machines: ``python -m tests.fleet.campaign [SEED]``.

Leader, agents, generator, guardian and server are killed or stopped, and links are cut, each as a trial starts, warms
up, is measured and stops; twenty minutes. After each, nothing of ours may live on the hosts, and no file may be left
but in the run folder.
"""

import random
import signal
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Final

import psutil

from harness.fleet.authority import make_keys
from harness.record import RunFolderError, read_run
from tests.fleet.conftest import Site
from tests.fleet.lab import HUB, Lab, end

PHASES_S: Final = {"start": 0.1, "warm-up": 1.0, "window": 3.0, "stop": 5.2}  # after the server's process is there
PARTIES: Final = {  # the host, and a word of the command line
    "leader": (HUB, "compare"),
    "server's agent": ("a", "harness.fleet"),
    "generator's agent": ("b", "harness.fleet"),
    "generator": ("b", "harness.generator"),
    "guardian": ("a", "guardian.py"),
    "server": ("a", "counting_server"),
}
BLOWS: Final = {"killed": signal.SIGKILL, "stopped": signal.SIGSTOP}
LINKS: Final = (HUB, "a", "b")
ENDS_S: Final = 60.0
GONE_S: Final = 10.0


def temporary_files() -> set[Path]:
    """What the harness has in the folder of temporary files."""
    return set(Path(tempfile.gettempdir()).glob("harness-*"))


def strike(site: Site, party: str, blow: str, phase: str) -> str | None:
    """Make one trial with this blow; return what is wrong afterwards."""
    before = temporary_files()
    site.write_fleet("ab")
    site.write_scenario('interleave = "trials"', duration="3s", rounds=1)
    scenario = site.folder / "scenario.toml"
    scenario.write_text(scenario.read_text(encoding="utf-8").replace('"200ms"', '"1500ms"'), encoding="utf-8")
    site.start_agents("a", "b")
    leader = site.start("compare", "scenario.toml", "--fleet", "fleet.toml", "--only", "one")
    site.lab.find("a", "counting_server", 30.0)
    time.sleep(PHASES_S[phase])
    struck = None
    if blow == "cut":
        site.lab.cut(party)
    else:
        host, word = PARTIES[party]
        try:
            struck = site.lab.find(host, word, 0.5)
            struck.send_signal(BLOWS[blow])
        except (AssertionError, psutil.NoSuchProcess):
            struck = None  # it has ended already
    try:
        if party == "leader" and blow == "stopped":
            time.sleep(GONE_S)
        else:
            leader.communicate(timeout=ENDS_S)
        return find_wrong(site, before, party, blow)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        if struck is not None:
            end(struck)
        leader.kill()
        leader.communicate()
        if blow == "cut":
            site.lab.mend(party)


def find_wrong(site: Site, before: set[Path], party: str, blow: str) -> str | None:
    """Return what is left that should not be, or is not as it should be."""
    hosts = ["a", "b"] if party == "leader" and blow == "stopped" else [HUB, "a", "b"]
    deadline_s = time.monotonic() + GONE_S
    while left := [each for host in hosts for each in site.lab.processes(host)]:
        if time.monotonic() > deadline_s:
            return f"left: {[each.cmdline()[:4] for each in left if each.is_running()]}"
        time.sleep(0.1)
    if files := temporary_files() - before:
        return f"left: {sorted(map(str, files))}"
    try:
        run = read_run(site.folder / "results" / "latest")
    except RunFolderError as error:
        return str(error)
    for file in run.path.rglob("*"):
        if file.is_file() and b"BEGIN CERTIFICATE" in file.read_bytes():
            return f"{file}: has a certificate"
    hurt = [record for record in run.records if record.status != "ok" and not record.reason]
    return f"{hurt[0].trial}: no reason" if hurt else None


def main(seed: int = 1) -> int:
    """Strike sixty times, in an order drawn by the seed; return 1 where something was wrong."""
    blows = [*product(PARTIES, BLOWS), *((link, "cut") for link in LINKS)]
    every = [(party, blow, phase) for party, blow in blows for phase in PHASES_S]
    random.Random(seed).shuffle(every)
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        make_keys(Path(folder, "keys"))
        for number, (party, blow, phase) in enumerate(every, start=1):
            own = Path(folder, str(number))
            own.mkdir()
            with Lab() as lab:
                site = Site(lab, own, Path(folder, "keys"))
                found = strike(site, party, blow, phase)
                for agent in site.agents.values():
                    agent.kill()
                    agent.communicate()
            wrong += found is not None
            print(f"{number:2} {party} {blow}, {phase}: {found or 'as it should be'}", flush=True)
    print(f"{len(every) - wrong} of {len(every)} as they should be")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
