"""The use of the machine by a service, between two readings of its processes."""

from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter

from harness.monitor.family import FamilyReading
from harness.monitor.processes import NEWBORN, cpu_s_between
from harness.record import ServiceUsage


def service_usage_between(name: str, first: FamilyReading, last: FamilyReading) -> ServiceUsage:
    """Return what the processes of a service used between two readings. Of those that were born between them, all
    counts."""
    busiest_s = [
        cpu_s_between(first.processes.get(process, NEWBORN), reading) for process, reading in last.processes.items()
    ]
    return ServiceUsage(
        name=name,
        cpu_s=max(0.0, (last.account - first.account).cpu_s),
        busiest_s=max(busiest_s, default=0.0),
        rss_bytes=sum(reading.rss_bytes for reading in last.processes.values()),
    )


def add_services(slices: Iterable[ServiceUsage]) -> list[ServiceUsage]:
    """Return what each service used in all slices together, with its memory at the end of the last."""
    by_name = sorted(slices, key=attrgetter("name"))
    return [_add(list(used)) for _, used in groupby(by_name, key=attrgetter("name"))]


def _add(used: list[ServiceUsage]) -> ServiceUsage:
    cpu_s, busiest_s = sum(each.cpu_s for each in used), sum(each.busiest_s for each in used)
    return used[-1].model_copy(update={"cpu_s": cpu_s, "busiest_s": busiest_s})
