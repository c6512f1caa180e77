"""Whether a trial had the workers that its scenario says."""

from collections.abc import Iterator
from typing import Final

from harness.record import WorkerCounts
from harness.scenario import Topology

WHERE_IT_IS_SET: Final = (
    "a configuration file, WEB_CONCURRENCY or another variable, an option such as --workers, or the code that forks"
    " (cluster.fork)"
)


def objections(topology: Topology, counts: WorkerCounts, may_change: bool, broke: bool) -> Iterator[str]:
    """Give every reason not to count a trial that follows from the workers that were seen in it.

    ``may_change`` is the scenario's word on workers that are replaced; ``broke`` says whether connections ended before
    their time, as those of a worker that crashes do.
    """
    yield from counts.crashed
    if counts.untold and broke:
        yield f"{_workers(counts.untold)} ended and connections broke, and this kernel does not tell how they ended"
    if not may_change and (counts.started or counts.changed):
        yield (
            f"in the window {_workers(counts.changed)} ended and {counts.started} came,"
            " and the scenario says workers_may_change = false"
        )
    if not counts.crashed and not _fits(topology, counts):
        yield _mismatch(topology, counts)


def _fits(topology: Topology, counts: WorkerCounts) -> bool:
    if topology.workers_as_found:
        return True
    if topology.workers is None and counts.ready <= 1:
        return True  # one process that its own settings let become a pool under load
    expected = topology.workers or 1
    if counts.is_replacing:  # those that go may be missed for a while, or doubled: before the load nobody had to
        return counts.ready == expected or counts.ready < expected == counts.most
    return counts.least == expected == counts.most


def _mismatch(topology: Topology, counts: WorkerCounts) -> str:
    if counts.is_replacing:
        found = f"{_workers(counts.ready)} {'was' if counts.ready == 1 else 'were'} found before the load"
    elif counts.least == counts.most:
        found = f"{_workers(counts.found)} {'was' if counts.found == 1 else 'were'} found"
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


def _workers(number: int) -> str:
    return f"{number} worker{'' if number == 1 else 's'}"
