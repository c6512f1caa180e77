"""``python -m tests.soak.campaign [COMPARISONS] [SEED]``: blows to any process of a comparison, the harness included.

In each comparison one process is struck at a moment drawn from the seed. Then nothing may be left, nothing may hang, no
other trial may be touched, and what is missing is made by ``harness resume``. A hundred take some fifteen minutes.
"""

import contextlib
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from harness.machine.lease import STOPPED_S
from harness.record import Run, TrialRecord, read_run
from harness.server.supervised import GRACE_S
from tests.server.topologies import ROOT, SERVERS
from tests.soak.faults import MARKS, PAUSE_S, Blow

MARK: Final = "HARNESS_CAMPAIGN"
SCENARIO: Final = f"""
name = "struck"
rounds = 1
start_timeout = "5s"
[load]
connections = 4
threads = 2
warmup = "200ms"
duration = "1s"
[[topology]]
name = "daemon"
command = ["{{harness_python}}", "-m", "{SERVERS}.leaves_daemon", "--port", "{{port}}"]
pass_env = ["{MARK}"]
[[topology]]
name = "prefork"
workers = [2]
command = ["{{harness_python}}", "-m", "{SERVERS}.prefork", "--port", "{{port}}", "--workers", "{{workers}}"]
pass_env = ["{MARK}"]
"""
WITHIN_S: Final = 6.0  # in which the strike falls, once the first trial begins; they take about as long
HANGS_S: Final = 90.0
GONE_S: Final = STOPPED_S + GRACE_S + 10.0
POLL_S: Final = 0.02


@dataclass(frozen=True)
class Struck:
    """One comparison: who was struck, how, and everything that came of it that should not have."""

    victim: str
    blow: Blow
    outcome: str
    wrongs: list[str]


def strike_once(seed: int, folder: Path) -> Struck:
    """Make a comparison and strike one of its processes. In a strike that comes too late nobody is struck."""
    dice, mark = random.Random(seed), f"campaign-{seed}-{time.monotonic_ns()}"
    file, blow = folder / "struck.toml", dice.choice(list(Blow))
    file.write_text(SCENARIO)
    with _harness(["compare", str(file), "--out", str(folder / "results")], mark, folder / "said") as harness:
        while harness.is_running() and not (folder / "results" / "latest").exists():
            time.sleep(POLL_S)
        time.sleep(dice.uniform(0.0, WITHIN_S))
        processes = [harness, *harness.children(recursive=True)] if harness.is_running() else []
        victim, name = None, "nobody"
        while processes and victim is None:
            drawn = processes.pop(dice.randrange(len(processes)))
            with contextlib.suppress(psutil.NoSuchProcess):
                name = _name(drawn, harness)
                at = len(_records(folder))
                blow.strike(drawn)
                victim = drawn
        wrongs = list(_wrongs_after(victim, blow, harness, mark)) if victim else []
    records = read_run(folder / "results" / "latest").records
    if victim:
        wrongs += _touched(records, at)
    wrongs += _not_resumed(folder, mark)
    return Struck(name, blow, records[at].status if victim and at < len(records) else "no record", wrongs)


@contextlib.contextmanager
def _harness(arguments: list[str], mark: str, said: Path) -> Iterator[psutil.Process]:
    words = [sys.executable, "-m", "harness", *arguments]
    with said.open("ab") as output:
        started = psutil.Popen(
            words,
            cwd=ROOT,
            env={**_environment(), MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield started
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            started.kill()
        started.wait()


def _environment() -> dict[str, str]:
    return psutil.Process().environ() | {"OPENBLAS_NUM_THREADS": "1"}


def _name(process: psutil.Process, harness: psutil.Process) -> str:
    if process.pid == harness.pid:
        return "harness"
    words = " ".join(process.cmdline())
    return next((name for name, word in MARKS.items() if word in words), "server")


def _wrongs_after(victim: psutil.Process, blow: Blow, harness: psutil.Process, mark: str) -> Iterator[str]:
    if victim.pid == harness.pid and blow is Blow.STOP:
        if left := _wait_until_gone(mark, {harness.pid}):
            yield f"a harness that stayed stopped left {left}"
        harness.resume()
    try:
        harness.wait(HANGS_S)
    except psutil.TimeoutExpired:
        yield "it hangs"
        harness.kill()
    if left := _wait_until_gone(mark, set()):
        yield f"left behind: {left}"


def _wait_until_gone(mark: str, but: set[int]) -> list[str]:
    """Return those that are still there when they should have gone, which are ended."""
    deadline_s = time.monotonic() + GONE_S
    while (left := [each for each in _marked(mark) if each.pid not in but]) and time.monotonic() < deadline_s:
        time.sleep(POLL_S)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    return [repr(process) for process in left]


def _marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _records(folder: Path) -> list[TrialRecord]:
    latest = folder / "results" / "latest"
    with contextlib.suppress(Exception):  # it is only being made
        return read_run(latest).records
    return []


def _touched(records: list[TrialRecord], at: int) -> Iterator[str]:
    """Give every trial that was touched beside the one under way, and that one if it counts and looks unwell."""
    for place, record in enumerate(records):
        if place != at and record.status != "ok":
            yield f"{record.trial} is {record.status} too: {record.reason}"
    if at < len(records) and (record := records[at]).status == "ok" and record.load:
        late = record.load.latency_ms is not None and record.load.latency_ms.max > 1000 * PAUSE_S / 2
        if record.load.errors.total or (late and not record.load.generator_bound):
            yield f"{record.trial} counts: {record.load.errors}, {record.load.latency_ms}"


def _not_resumed(folder: Path, mark: str) -> Iterator[str]:
    run = read_run(folder / "results" / "latest")
    if run.is_whole:
        return
    said = folder / "said"
    with _harness(["resume", str(run.path)], mark, said) as harness, contextlib.suppress(psutil.TimeoutExpired):
        harness.wait(HANGS_S)
    if not _is_whole(read_run(run.path)):
        yield "it can't be gone on with"


def _is_whole(run: Run) -> bool:
    return run.is_whole and [each.trial for each in run.records] == [planned.id for planned in run.info.trials]


def main(comparisons: int, seed: int) -> None:
    """Say what came of it; the exit code is 1 where anything is wrong."""
    account, wrong = Counter[str](), 0
    for number in range(comparisons):
        with tempfile.TemporaryDirectory() as folder:
            struck = strike_once(seed * 1000 + number, Path(folder))
        what = f"{struck.victim} {struck.blow.value}: {struck.outcome}"
        account[what] += 1
        wrong += bool(struck.wrongs)
        print(f"{seed * 1000 + number}: {what}", *struck.wrongs, sep="; ", flush=True)
    for line, count in sorted(account.items()):
        print(f"{count:4} {line}")
    print(f"{wrong} of {comparisons} went wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main(*(int(text) for text in [*sys.argv[1:], "100", "1"][:2]))
