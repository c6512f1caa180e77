"""The times that a server takes to answer under load, and the length that its slices have to have."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from harness.generator.sliced import MOST_WAIT_NS
from harness.generator.slices import MeasuredSlice
from harness.load.cpus import list_usable_cpus
from harness.monitor.family import FamilyReading
from harness.monitor.processes import NEWBORN, wanted_s_between
from harness.units import NS_PER_S

USUAL_IN_SLICE: Final = 8  # answers of the time that those under way usually take, one after the other
SLOW_IN_SLICE: Final = 4  # of a time that one in a hundred takes (p99)
PAUSES_IN_SLICE: Final = 4  # of the time that the generator takes beside lead-in and window
LEAST_TURNED_S: Final = 0.25  # fifty turns of two commits, over which the speeds of a core average out
TURNED_IN_SLICE: Final = 2  # of the p99, in turns, where nearly all of it is the wait in one line
TURNED_IN_WINDOW: Final = 4  # the same, where lead-in and drain are not measured: of several lines
QUEUED: Final = 4  # times as long as without load, and an answer mostly waits for those before it
WORKING: Final = 0.1  # of a core: a process that uses less has no part in the work
BUSY: Final = 0.75  # of the cores that those at work can use: they hardly wait for anything else
ONE_CORE: Final = 1.25  # at the most, where one event loop works, with a garbage collector or a proxy beside it


@dataclass(frozen=True)
class AnswerTimes:
    """The times (seconds) that a server takes to answer under load: ``usual_s`` is how long a request takes that is
    under way at a moment drawn at random, and one in a hundred takes ``slow_s`` or more. ``pause_s`` is what a slice
    takes beside its lead-in and its window: the drain, and the messages.

    Where answers are ``queued`` for cores that are busy all the time, they come one by one, each after the work that it
    takes, however long they have waited.
    """

    usual_s: float
    slow_s: float
    pause_s: float
    queued: bool = False

    @classmethod
    def of(cls, measured: MeasuredSlice, elapsed_s: float, unloaded_s: float | None, is_busy: bool) -> Self:
        """Return the times that a slice shows, which took so long, of a server that kept its cores busy or did not.
        Requests that were given up took a second at the least. ``unloaded_s`` is what an answer takes without load."""
        latencies = measured.latencies
        latencies.record(np.full(measured.undrained, MOST_WAIT_NS))
        if not latencies.total:
            return cls(0.0, 0.0, 0.0)
        usual_s = latencies.mean_under_way_ns() / NS_PER_S
        return cls(
            usual_s=usual_s,
            slow_s=latencies.percentiles_ns([99])[0] / NS_PER_S,
            pause_s=elapsed_s - measured.lead_in_s - measured.duration_s,
            queued=is_busy and unloaded_s is not None and usual_s >= QUEUED * unloaded_s,
        )

    @property
    def least_slice_s(self) -> float:
        """The shortest slices (seconds) in which its answers, but for one in a hundred, are begun and ended many times
        over, and that are long beside the pauses between them. In slices of any length a queue is answered as fast."""
        answers_s = 0.0 if self.queued else USUAL_IN_SLICE * self.usual_s
        return max(answers_s, SLOW_IN_SLICE * self.slow_s, PAUSES_IN_SLICE * self.pause_s)

    def least_turned_s(self, in_one_line: bool) -> float:
        """Return the shortest slices (seconds) where servers take turns, and requests are in one line or in several.
        These cost a lead-in and a drain less often when they are long."""
        waits = TURNED_IN_SLICE if in_one_line else TURNED_IN_WINDOW
        return max(LEAST_TURNED_S, waits * self.slow_s)


def are_in_one_line(workers: int, cores: float) -> bool:
    """Return whether requests are in one line, for one worker that uses so many cores. It is as busy while they begin
    and end as in between. Of several workers, or event loops in one process, one is done before the others."""
    return workers == 1 and cores <= ONE_CORE


def were_cores_busy(before: FamilyReading, after: FamilyReading, available_s: float) -> bool:
    """Return whether the processes that worked kept nearly all the cores busy that they can use, one each, or would
    have done so, if others had not had these cores. Each core was there for ``available_s``."""
    wanted_s = [wanted_s_between(before.processes.get(each, NEWBORN), now) for each, now in after.processes.items()]
    working_s = [each for each in wanted_s if each > WORKING * available_s]
    cores = min(len(working_s), len(list_usable_cpus()))
    return bool(cores) and sum(working_s) >= BUSY * cores * available_s
