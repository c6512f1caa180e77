"""The check that a trial had as many workers as its scenario states."""

from collections.abc import Iterator
from typing import Final

from harness.record import WorkerCounts
from harness.scenario import Topology

WHERE_IT_IS_SET: Final = (
    "a configuration file, WEB_CONCURRENCY or another variable, an option such as --workers, or the code that forks"
    " (cluster.fork)"
)


def objections(topology: Topology, counts: WorkerCounts, may_change: bool, broke: bool) -> Iterator[str]:
    """Yield every reason not to count a trial that follows from the workers that were seen in it.

    ``may_change`` is True if the scenario allows that workers are replaced. ``broke`` is True if connections ended
    early, as those of a worker that crashes do.
    """
    yield from counts.crashed
    if counts.untold and broke:
        yield (
            f"{_workers_text(counts.untold)} ended and connections broke, and this kernel does not tell how they ended"
        )
    if not may_change and (counts.started or counts.number_ended):
        yield (
            f"in the window {_workers_text(counts.number_ended)} ended and {counts.started} came,"
            " and the scenario says workers_may_change = false"
        )
    if not counts.crashed and not _fits(topology, counts):
        yield _mismatch_text(topology, counts)


def _fits(topology: Topology, counts: WorkerCounts) -> bool:
    if topology.workers_as_found:
        return True
    if topology.workers is None and counts.ready <= 1:
        return True  # a single process at first, which its own settings let grow to a pool under load
    expected = topology.workers or 1
    if counts.is_replacing:  # during a replacement there may be one too few or too many; before the load there was none
        return counts.ready == expected or counts.ready < expected == counts.most
    return counts.least == expected == counts.most


def _mismatch_text(topology: Topology, counts: WorkerCounts) -> str:
    if counts.is_replacing:
        found = f"{_workers_text(counts.ready)} {'was' if counts.ready == 1 else 'were'} found before the load"
    elif counts.least == counts.most:
        found = f"{_workers_text(counts.found)} {'was' if counts.found == 1 else 'were'} found"
    else:
        found = f"{counts.least} to {counts.most} workers were found"
    if topology.workers is None:
        return (
            f"{found}, and a topology without workers is one process: say workers = [{counts.found}]"
            ', or workers = "as found"'
        )
    return (
        f"{found}, and the scenario says {topology.workers}: their number may be set elsewhere, in {WHERE_IT_IS_SET}."
        ' Set it there, or say workers = "as found"'
    )


def _workers_text(number: int) -> str:
    return f"{number} worker{'' if number == 1 else 's'}"
