"""What goes wrong: servers that misbehave, and blows to whoever takes part, at any phase of a trial."""

import contextlib
import enum
import random
import signal
import threading
import time
from typing import Final

import psutil

from harness.generator import __main__ as generator
from harness.measure.progress import Phase
from harness.monitor import core_speed_probe
from harness.scenario import Topology
from harness.server import guardian
from tests.server.topologies import prefork, small

SERVERS_THAT: Final[dict[str, Topology]] = {
    "are-well": small("page"),
    "are-a-cluster": prefork(2),
    "exit-at-once": small("exits_at_once"),
    "send-garbage": small("garbage"),
    "never-listen": small("never_listens"),
    "listen-late": small("listens_late", "--milliseconds", "200"),
    "answer-500": small("broken"),
    "redirect": small("redirects"),
    "ignore-sigterm": small("ignores_sigterm"),
    "leave-a-daemon": small("leaves_daemon"),
    "have-grandchildren": small("grandchildren"),
    "flood-their-log": small("floods_log"),
    "stop-answering": small("stalls"),
}
PATIENCE_S: Final = 1.0  # until the victim has started
PAUSE_S: Final = 0.7
VICTIMS: Final = ("nobody", "generator", "guardian", "server", "child of the server", "probe")
MARKS: Final = {
    "generator": generator.__name__.removesuffix(".__main__"),
    "guardian": guardian.__file__,
    "probe": core_speed_probe.__file__,
}


class Blow(enum.Enum):
    """What is done to a process."""

    KILL = "killed"
    TERM = "asked to end"
    STOP = "stopped"
    PAUSE = "stopped for a while"

    def strike(self, process: psutil.Process) -> None:
        """Raises psutil.NoSuchProcess."""
        process.send_signal(SIGNALS[self])
        if self is Blow.PAUSE:
            threading.Timer(PAUSE_S, _continue, [process]).start()


SIGNALS: Final = {
    Blow.KILL: signal.SIGKILL,
    Blow.TERM: signal.SIGTERM,
    Blow.STOP: signal.SIGSTOP,
    Blow.PAUSE: signal.SIGSTOP,
}


def _continue(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.resume()


class Strike:
    """A blow to one of those who take part, as a phase begins. ``struck`` are the processes that were hit."""

    def __init__(self, victim: str, phase: Phase, blow: Blow = Blow.KILL) -> None:
        self.victim, self.phase, self.blow = victim, phase, blow
        self.struck: list[psutil.Process] = []

    def strike(self) -> None:
        """Now; in a trial that is only about to start, as soon as there is such a process."""
        if self.phase is Phase.STARTING:
            threading.Thread(target=self._strike_soon, daemon=True).start()
        else:
            self._strike()

    def _strike_soon(self) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while not self.struck and time.monotonic() < deadline_s:
            self._strike()
            time.sleep(0.01)

    def _strike(self) -> None:
        for process in self._processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                self.blow.strike(process)
                self.struck.append(process)

    def _processes(self) -> list[psutil.Process]:
        ours = psutil.Process().children()
        if self.victim in MARKS:
            return [process for process in ours if _says(process, MARKS[self.victim])]
        below = [child for process in ours if _says(process, MARKS["guardian"]) for child in _children(process)]
        if self.victim == "server":
            return below
        return [child for process in below for child in _children(process)][:1]


def drawn_strike(dice: random.Random) -> Strike:
    """In half of the trials somebody is struck."""
    victim = dice.choice(VICTIMS[1:]) if dice.random() < 0.5 else VICTIMS[0]
    return Strike(victim, dice.choice(list(Phase)), dice.choice(list(Blow)))


def _children(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.children()
    return []


def _says(process: psutil.Process, word: str) -> bool:
    with contextlib.suppress(psutil.Error):
        return any(word in part for part in process.cmdline())
    return False


def topologies() -> list[Topology]:
    """All servers, the well one as the baseline."""
    return [
        topology.model_copy(update={"name": name, "family": name, "baseline": name == "are-well"})
        for name, topology in SERVERS_THAT.items()
    ]
