"""Page faults and context switches for each request in one launch of a server: the figures that name its mode."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from harness.load.result import LoadResult
from harness.record import ProcessUsage, Role, Usage

ROLES: Final[Sequence[Role]] = ("worker", "front", "supervisor", "helper")
LASTING: Final = 0.99  # of the window


@dataclass(frozen=True)
class PerRequest:
    """Page faults and context switches for each complete response, on the average of one launch.

    Page faults are None in older records. A voluntary switch is a thread's that waits for something, an involuntary one
    is a thread's that had to leave its core.
    """

    minor_faults: float | None
    major_faults: float | None
    voluntary_switches: float
    involuntary_switches: float


def per_request(load: LoadResult, usage: Usage) -> PerRequest | None:
    """Return the figures of all the server's processes, those that ended included; None where no request was answered.

    Of processes that no reading has, page faults are counted and switches are not.
    """
    faults = usage.reaped_minor_faults, usage.reaped_major_faults
    return _per_request(usage.processes, usage.requests_of(load), *faults)


def count_minor_faults(usage: Usage) -> int | None:
    """Return the minor page faults of all processes, those that ended included; None where the kernel does not report
    them."""
    known = _sum_known(usage.processes, lambda process: process.minor_faults)
    return None if known is None else known + usage.reaped_minor_faults


def lasting_faults_per_request(load: LoadResult, usage: Usage) -> float | None:
    """Return the minor page faults for each complete response of the processes that were there from the first reading
    to the last: those of a process that begins or ends within the window are of its start, too. None where there were
    no such processes, or no responses, and in older records."""
    lasting = [each for each in usage.processes if not each.ended and _lived_s(each, usage) >= LASTING * usage.window_s]
    found = _per_request(lasting, usage.requests_of(load))
    return found.minor_faults if found else None


def per_request_by_role(load: LoadResult, usage: Usage) -> Mapping[Role, PerRequest]:
    """Return the figures of the processes of each role that there was."""
    requests = usage.requests_of(load)
    processes = {role: [each for each in usage.processes if each.role == role] for role in ROLES}
    return {role: found for role in ROLES if (found := _per_request(processes[role], requests))}


def _lived_s(process: ProcessUsage, usage: Usage) -> float:
    return usage.window_s if process.lived_s is None else process.lived_s


def _per_request(
    processes: Sequence[ProcessUsage], requests: int, reaped_minor_faults: int = 0, reaped_major_faults: int = 0
) -> PerRequest | None:
    if not processes or not requests:
        return None
    minor_faults = _sum_known(processes, lambda process: process.minor_faults)
    major_faults = _sum_known(processes, lambda process: process.major_faults)
    return PerRequest(
        minor_faults=None if minor_faults is None else (minor_faults + reaped_minor_faults) / requests,
        major_faults=None if major_faults is None else (major_faults + reaped_major_faults) / requests,
        voluntary_switches=sum(process.voluntary_switches for process in processes) / requests,
        involuntary_switches=sum(process.involuntary_switches for process in processes) / requests,
    )


def _sum_known(processes: Sequence[ProcessUsage], count: Callable[[ProcessUsage], int | None]) -> int | None:
    counts = [found for process in processes if (found := count(process)) is not None]
    return sum(counts) if len(counts) == len(processes) else None
