"""The page faults and context switches for each request, topology by topology and role by role."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from harness.analysis.launch import ROLES, PerRequest, per_request, per_request_by_role
from harness.analysis.summary import TopologySummary

MIN_SHOWN: Final = 0.05  # a request: less is shown as 0.0


@dataclass(frozen=True)
class KernelWork:
    """The median over the trials of a topology of what its processes of one role, or ``all`` that there were, had the
    kernel do for a request: in words, with the least and the most of any trial where these differ."""

    topology: str
    role: str
    minor_faults: str
    major_faults: str
    voluntary_switches: str
    involuntary_switches: str


def kernel_work_rows(summaries: Sequence[TopologySummary]) -> Iterator[KernelWork]:
    """Yield a row for all processes of each topology and, where several roles had the kernel do something, one for each
    of these. Runs that did not record page faults have none."""
    for summary in summaries:
        of_all = [found for trial in summary.trials if (found := per_request(trial.load, trial.usage))]
        if not of_all or any(each.minor_faults is None for each in of_all):
            continue
        yield _row(summary.name, "all", of_all)
        by_role = [per_request_by_role(trial.load, trial.usage) for trial in summary.trials]
        of_roles = {role: [found[role] for found in by_role if role in found] for role in ROLES}
        at_work = {role: found for role, found in of_roles.items() if any(map(_does_something, found))}
        if len(at_work) > 1:
            yield from (_row(summary.name, role, found) for role, found in at_work.items())


def _does_something(each: PerRequest) -> bool:
    return max(each.minor_faults or 0, each.voluntary_switches, each.involuntary_switches) >= MIN_SHOWN


def _row(topology: str, role: str, found: Sequence[PerRequest]) -> KernelWork:
    def text(figure: Callable[[PerRequest], float | None]) -> str:
        return _range_text([value for each in found if (value := figure(each)) is not None])

    return KernelWork(
        topology=topology,
        role=role,
        minor_faults=text(lambda each: each.minor_faults),
        major_faults=text(lambda each: each.major_faults),
        voluntary_switches=text(lambda each: each.voluntary_switches),
        involuntary_switches=text(lambda each: each.involuntary_switches),
    )


def _range_text(values: Sequence[float]) -> str:
    """Return ``2.1 (1.9–20.3)``: the median, and what lies around it where that is something else."""
    if not values:
        return "–"
    middle, least, most = (f"{value:,.1f}" for value in (median(values), min(values), max(values)))
    return middle if least == most else f"{middle} ({least}–{most})"
