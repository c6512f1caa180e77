"""Resources that may run out: the connections to services and the descriptors that a topology holds."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from harness.analysis.trials import Trial

NEARLY_ALL: Final = 0.8  # of what may be held


def connections_to_services(trials: Sequence[Trial]) -> dict[str, int]:
    """Return how many connections to each service all processes of a topology held at the end of a window, the most of
    its trials."""
    most: dict[str, int] = {}
    for trial in trials:
        held = Counter[str]()
        for process in trial.usage.processes:
            held.update(process.connections_to or {})
        most |= {name: max(number, most.get(name, 0)) for name, number in held.items()}
    return most


def fullest_process(trials: Sequence[Trial]) -> tuple[int, int] | None:
    """Return the descriptors of the process that had the largest part of those that it may have, and that limit; None
    where none had nearly all of them."""
    known = [
        (process.descriptors, process.descriptor_limit)
        for trial in trials
        for process in trial.usage.processes
        if process.descriptors is not None and process.descriptor_limit
    ]
    descriptors, limit = max(known, key=lambda each: each[0] / each[1], default=(0, 1))
    return (descriptors, limit) if descriptors >= NEARLY_ALL * limit else None
