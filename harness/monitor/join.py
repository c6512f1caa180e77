"""The use of the machine in the slices of one trial, joined as though they followed each other."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from statistics import harmonic_mean
from typing import Final, TypeVar

from harness.monitor.service_usage import add_services
from harness.record import (
    CoreUsage,
    LimitUsage,
    LinkUsage,
    MachineUsage,
    OtherProcess,
    ProcessUsage,
    Usage,
    UsageSecond,
)

# Of each field, the figure is added up over the slices; None where it is unknown in one of them.
PROCESS_SUMS: Final = (
    "user_s",
    "system_s",
    "run_delay_s",
    "busiest_thread_s",
    "voluntary_switches",
    "involuntary_switches",
    "timeslices",
    "disk_bytes",
    "minor_faults",
    "major_faults",
    "lived_s",
)
CORE_SUMS: Final = ("busy_s", "irq_s", "idle_s", "steal_s")
MACHINE_SUMS: Final = (
    "pressure_s",
    "listen_overflows",
    "listen_drops",
    "throttled_periods",
    "throttled_s",
    "io_pressure_s",
    "sent_segments",
    "resent_segments",
)
LINK_SUMS: Final = ("received_bytes", "sent_bytes")

LIMIT_SUMS: Final = ("periods", "throttled_periods", "throttled_s", "oom_kills")

Part = TypeVar("Part", ProcessUsage, CoreUsage, MachineUsage, LimitUsage, LinkUsage)


def join_usages(usages: Sequence[Usage], answered: Sequence[int]) -> Usage:
    """Return the use in all slices (at least one) together. ``answered`` are the requests of each."""
    pace_us = [usage.pace_us for usage in usages if usage.pace_us is not None]
    return Usage(
        window_s=sum(usage.window_s for usage in usages),
        processes=_join_processes(usages),
        machine=_join_machines([usage.machine for usage in usages]),
        pace_us=harmonic_mean(pace_us) if pace_us else None,
        series=list(_join_series(usages, answered)),
        reaped_cpu_s=sum(usage.reaped_cpu_s for usage in usages),
        reaped_minor_faults=sum(usage.reaped_minor_faults for usage in usages),
        reaped_major_faults=sum(usage.reaped_major_faults for usage in usages),
        requests=sum(answered),
        is_cpu_lost=any(usage.is_cpu_lost for usage in usages),
        others=_join_others(usages),
        limit=_join_limits([usage.limit for usage in usages if usage.limit is not None]),
        services=add_services(service for usage in usages for service in usage.services),
    )


def _join_processes(usages: Sequence[Usage]) -> list[ProcessUsage]:
    """Return the processes of all slices. One that the last slice did not see has ended in a pause."""
    by_pid = defaultdict[int, list[ProcessUsage]](list)
    for usage in usages:
        for process in usage.processes:
            by_pid[process.pid].append(process)
    last_pids = {process.pid for process in usages[-1].processes}
    return [_join_process(found, pid not in last_pids) for pid, found in by_pid.items()]


def _join_process(found: Sequence[ProcessUsage], is_gone: bool) -> ProcessUsage:
    threads = [each.threads for each in found if each.threads is not None]
    busy_threads = [each.busy_threads for each in found if each.busy_threads is not None]
    joined = _add_fields(found, PROCESS_SUMS)
    most = {"threads": max(threads, default=None), "busy_threads": max(busy_threads, default=None)}
    return joined.model_copy(update=most | {"ended": joined.ended or is_gone})


def _join_machines(machines: Sequence[MachineUsage]) -> MachineUsage:
    cores = [_add_fields(of_one, CORE_SUMS) for of_one in zip(*(machine.cores for machine in machines), strict=True)]
    by_name = [{link.name: link for link in machine.links} for machine in machines]
    links = [
        _add_fields([each[link.name] for each in by_name], LINK_SUMS)
        for link in machines[-1].links
        if all(link.name in each for each in by_name)
    ]
    return _add_fields(machines, MACHINE_SUMS).model_copy(update={"cores": cores, "links": links})


def _join_limits(limits: Sequence[LimitUsage]) -> LimitUsage | None:
    return _add_fields(limits, LIMIT_SUMS) if limits else None


def _add_fields(parts: Sequence[Part], names: Sequence[str]) -> Part:
    """Return the last part, with the sums of all in these fields."""
    values = {name: [getattr(part, name) for part in parts] for name in names}
    sums = {name: None if None in found else sum(found) for name, found in values.items()}
    return parts[-1].model_copy(update=sums)


def _join_series(usages: Sequence[Usage], answered: Sequence[int]) -> Iterator[UsageSecond]:
    """Yield the last row of each slice, with all that was used before it."""
    before_s, cpu_s, reaped_s = 0.0, defaultdict[int, float](float), 0.0
    for usage, so_far in zip(usages, accumulate(answered), strict=True):
        row = usage.series[-1]
        before_s += row.end_s
        reaped_s += row.reaped_cpu_s
        for pid, used_s in row.cpu_s.items():
            cpu_s[pid] += used_s
        yield UsageSecond(
            end_s=before_s, cpu_s=dict(cpu_s), rss_bytes=row.rss_bytes, reaped_cpu_s=reaped_s, answered=so_far
        )


def _join_others(usages: Sequence[Usage]) -> list[OtherProcess]:
    """Return the busiest of all other processes, each with its use in all slices."""
    by_pid = defaultdict[int, list[OtherProcess]](list)
    for usage in usages:
        for other in usage.others:
            by_pid[other.pid].append(other)
    joined = [found[-1].model_copy(update={"cpu_s": sum(other.cpu_s for other in found)}) for found in by_pid.values()]
    return sorted(joined, key=lambda other: other.cpu_s, reverse=True)
