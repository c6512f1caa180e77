"""A whole comparison under faults, in this process, and what it left behind of processes, descriptors and memory."""

import gc
import os
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil

from harness.measure.compare import compare
from harness.measure.preparation import prepare
from harness.measure.progress import Progress
from harness.record import Run, read_run
from tests.soak.faults import drawn_strike, topologies
from tests.trial.test_compare import Silent
from tests.trial.trials import scenario

START_TIMEOUT_S = 1.0


@dataclass(frozen=True)
class Resources:
    """What this process holds."""

    descriptors: int
    rss_bytes: int

    @classmethod
    def now(cls) -> "Resources":
        """After a collection of what is garbage."""
        gc.collect()
        return cls(len(os.listdir("/proc/self/fd")), psutil.Process().memory_info().rss)


class Saboteur(Silent):
    """Strikes in the middle of trials, as drawn from the seed, and looks at the resources as each trial ends."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.resources: list[Resources] = []
        self.strikes = Counter[str]()
        self._dice = random.Random(seed)
        self._is_struck = False

    def on_trial(self, planned: object) -> None:
        """Draw what is to happen."""
        self._strike, self._is_struck = drawn_strike(self._dice), False

    def on_progress(self, progress: Progress) -> None:
        """Strike once, as the phase begins."""
        if progress.phase is self._strike.phase and not self._is_struck:
            self._is_struck = True
            self._strike.strike()

    def on_record(self, record: object) -> None:
        """Look at who was struck, and at the resources."""
        if self._strike.struck:
            self.strikes[f"{self._strike.victim} {self._strike.blow.value}"] += 1
        self.resources.append(Resources.now())


@dataclass(frozen=True)
class Soaked:
    """The run, and what was held after each trial."""

    run: Run
    resources: list[Resources]
    strikes: Counter[str]


def soak(rounds: int, seed: int, results: Path) -> Soaked:
    """So many rounds of every server there is."""
    compared = scenario(*topologies(), rounds=rounds, start_timeout_s=START_TIMEOUT_S)
    saboteur = Saboteur(seed)
    path = compare(prepare(compared, seed), results, "python -m tests.soak", saboteur)
    return Soaked(read_run(path), saboteur.resources, saboteur.strikes)
