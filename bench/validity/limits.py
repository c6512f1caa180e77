"""``python -m bench.validity.limits``: whether trials say what limited them, with the generator well and disturbed.

Real trials of the sample server: five with a generator that is well for every two with each fault; four minutes.
Nothing else must run on the machine meanwhile: trials find that out too.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import psutil
import typer

from bench.checking import Row, run_checks
from harness.analysis.bottleneck import Bottleneck, Diagnosis, diagnose
from harness.load.cpus import separate_cores
from harness.machine.cores import UsableCores
from harness.measure.progress import Phase, Progress, Watch
from harness.measure.trial import run_trial
from harness.record import PlannedTrial
from harness.scenario import load_scenario

SCENARIO: Final = Path(__file__).parents[2] / "scenarios" / "cart.toml"
TOPOLOGY: Final = "raw"
WARMUP_S, WINDOW_S = 0.3, 1.0
FREEZE_AFTER_S, FREEZE_S = 0.2, 0.4
HOGS: Final = 3
HOG: Final = "while True: pass"
HEALTHY_PER_FAULT: Final = 2.5
ASKED_OF_FAULTS, ASKED_OF_HEALTHY = 19 / 20, 1 / 50
OF_THE_SERVER: Final = (Bottleneck.SERVER, Bottleneck.NOTHING)
PLACEMENT: Final = separate_cores(UsableCores.here(), processes=1, workers=1)


def unwatched(_: Progress) -> None:
    """Leave the trial alone."""


@contextlib.contextmanager
def undisturbed() -> Iterator[Watch]:
    """Nothing happens."""
    yield unwatched


@contextlib.contextmanager
def frozen() -> Iterator[Watch]:
    """The generator is stopped for a part of the window."""
    timers: list[threading.Timer] = []

    def freeze(progress: Progress) -> None:
        if progress.phase is Phase.MEASURING and not timers:
            generator = generator_process()
            timers.append(threading.Timer(FREEZE_AFTER_S, generator.send_signal, [signal.SIGSTOP]))
            timers.append(threading.Timer(FREEZE_AFTER_S + FREEZE_S, generator.send_signal, [signal.SIGCONT]))
            for timer in timers:
                timer.start()

    try:
        yield freeze
    finally:
        for timer in timers:
            timer.join()


def generator_process() -> psutil.Process:
    """The one that this process started."""
    (process,) = (child for child in psutil.Process().children() if "harness.generator" in child.cmdline())
    return process


@contextlib.contextmanager
def hogged() -> Iterator[Watch]:
    """Others run on the generator's core, as much as they get."""
    with contextlib.ExitStack() as hogs:
        for _ in range(HOGS):
            hog = hogs.enter_context(subprocess.Popen([sys.executable, "-I", "-c", HOG]))
            hogs.callback(hog.kill)
            os.sched_setaffinity(hog.pid, PLACEMENT.generator)
        yield unwatched


@dataclass(frozen=True)
class Kind:
    """One kind of trial: how many connections there are, and what happens to the generator."""

    what: str
    connections: int
    disturbance: Callable[[], AbstractContextManager[Watch]]


HEALTHY: Final = Kind("a generator that is well, 40 connections", 40, undisturbed)
FROZEN: Final = Kind(f"a generator frozen for {FREEZE_S} s of {WINDOW_S:g}", 40, frozen)
HOGGED: Final = Kind(f"a generator with {HOGS} busy processes on its core", 40, hogged)
ALONE: Final = Kind("a single connection", 1, undisturbed)


def limiting(kind: Kind) -> Diagnosis:
    """What limited a trial of this kind. Raises RuntimeError when it could not be made."""
    with tempfile.TemporaryDirectory() as folder, kind.disturbance() as watch:
        scenario = load_scenario(SCENARIO)
        changes = {"connections": kind.connections, "threads": 1, "warmup_s": WARMUP_S, "duration_s": WINDOW_S}
        scenario = scenario.model_copy(update={"load": scenario.load.model_copy(update=changes)})
        (topology,) = scenario.only([TOPOLOGY]).topologies
        planned = PlannedTrial(id="limits", block=1, position=1, seed=1, topology=topology)
        record = run_trial(planned, scenario, PLACEMENT, Path(folder) / "server.log", watch)
    if record.load is None or record.usage is None:
        raise RuntimeError(record.reason)
    return diagnose(record.load, record.usage)


def check(kind: Kind, trials: int) -> Iterator[Row]:
    """How many of so many trials say that their figures are not the server's."""
    limits = Counter(limiting(kind).limit for _ in range(trials))
    flagged = sum(count for limit, count in limits.items() if limit not in OF_THE_SERVER)
    said = f"{flagged} of {trials} ({', '.join(f'{limit.value} {count}' for limit, count in limits.items())})"
    if kind is HEALTHY:
        yield Row(f"{kind.what}: flagged", said, "≤ 1 of 50", flagged <= ASKED_OF_HEALTHY * trials)
    else:
        yield Row(f"{kind.what}: flagged", said, "≥ 19 of 20", flagged >= ASKED_OF_FAULTS * trials)


def main(
    trials: Annotated[int, typer.Option(help="Of each fault; of the healthy generator 2.5 times as many.")] = 20,
    only: Annotated[str | None, typer.Option(metavar="KIND,KIND")] = None,
    out: Annotated[Path, typer.Option(help="The Markdown file.")] = Path("results/bench/limits.md"),
) -> None:
    """Disturb the generator and see whether the trials say so; the exit code is 1 where too few, or too many, do."""
    checks = {
        "healthy": partial(check, HEALTHY, round(HEALTHY_PER_FAULT * trials)),
        "frozen": partial(check, FROZEN, trials),
        "hogged": partial(check, HOGGED, trials),
        "alone": partial(check, ALONE, trials),
    }
    run_checks(checks, only, out)


if __name__ == "__main__":
    typer.run(main)
