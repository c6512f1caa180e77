"""The window between two readings of the server's processes and of the machine."""

import os
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Final

import psutil

from harness.machine.host import Host
from harness.machine.limits import LimitCounters, LimitGroup
from harness.monitor.core_speed import CoreReading, CoreSpeedProbe
from harness.monitor.family import FamilyReading, is_account_lost, read_family
from harness.monitor.holdings import Address, Holdings, read_holdings
from harness.monitor.machine import machine_usage_between, read_machine
from harness.monitor.others import find_busiest_others
from harness.monitor.pace import PaceMeter
from harness.monitor.processes import NEWBORN, ProcessReading, cpu_s_between, process_usage_between, read_pss_bytes
from harness.monitor.service_usage import service_usage_between
from harness.monitor.stat_file import NOTHING, Account
from harness.record import LimitUsage, ProcessUsage, ServerProcess, Usage, UsageSecond

NO_SERVICES: Final[Mapping[str, int]] = MappingProxyType({})
NO_ADDRESSES: Final[Mapping[Address, str]] = MappingProxyType({})
MIN_OTHER_CORES: Final = 0.05  # a process of others that used less is not listed


@dataclass
class WatchedProcess:
    """A process that was seen in the window, with two readings: the first and the last of the part of the window in
    which it lived, from ``since_s`` to ``until_s`` (seconds after boot)."""

    listed: ServerProcess
    first: ProcessReading
    last: ProcessReading
    since_s: float
    until_s: float

    @property
    def cpu_s(self) -> float:
        """The CPU time between the two readings."""
        return cpu_s_between(self.first, self.last)

    @property
    def account(self) -> Account:
        """The kernel's account between the two readings, in whose ticks it goes on to who waits for the process."""
        return self.last.account - self.first.account


class Monitor:
    """A monitor of the server's processes, which all descend from the process ``root_pid``, and of the machine.

    ``list_processes`` returns the processes that live; it is called once for each reading. A process that was not there
    before is watched from its birth. One that ends keeps its last reading; what it used after that is in the CPU times
    of the process that waited for it.

    ``core_speed`` measures the speed of the server's cores, if that is wanted. ``services``, by name and by the process
    from which all of theirs descend, are measured apart; connections are counted to those at ``service_addresses``.
    ``limits`` are those of the server, where it has any.
    """

    def __init__(
        self,
        list_processes: Callable[[], list[ServerProcess]],
        root_pid: int,
        core_speed: CoreSpeedProbe | None = None,
        services: Mapping[str, int] = NO_SERVICES,
        limits: LimitGroup | None = None,
        service_addresses: Mapping[Address, str] = NO_ADDRESSES,
    ) -> None:
        self._list_processes = list_processes
        self._root_pid = root_pid
        self._core_speed = core_speed
        self._services = services
        self._limits = limits
        self._service_addresses = service_addresses
        self._first_limits = self._last_limits = self._read_limits()
        self._first_services = self._last_services = dict[str, FamilyReading]()
        self._begin_ns, self._pace = 0, PaceMeter()
        self._before_last, self._last_readings = FamilyReading(), list[CoreReading]()  # of the interval before a sample
        self._host = Host.here()  # generator and server run on its cores too
        self._first = self._last = FamilyReading()
        self._first_machine = self._last_machine = read_machine(self._host)
        self._watched: dict[psutil.Process, WatchedProcess] = {}
        self._reaped = NOTHING
        self._is_cpu_lost = False
        self._series: list[UsageSecond] = []
        self._begin_s = self._end_s = _now_boot_s()

    def begin(self) -> None:
        """Begin the measured window."""
        self._watched, self._series, self._reaped, self._is_cpu_lost = {}, [], NOTHING, False
        self._first = self._last = read_family(self._root_pid)
        self._begin_s = self._end_s = _now_boot_s()
        self._first_services = self._last_services = self._read_services()
        self._first_limits = self._last_limits = self._read_limits()
        self._begin_ns = time.monotonic_ns()
        self._read_core_speed()  # of the warm-up
        self._pace = PaceMeter()
        self._watch()
        self._first_machine = self._last_machine = read_machine(self._host)  # what reading takes is not in its use

    def idle_cpu_s(self) -> float:
        """Return the CPU time that all processes used since the last reading, and read nothing else."""
        return _at_least_nothing(read_family(self._root_pid).account - self._last.account).cpu_s

    @property
    def busiest_pids(self) -> list[int]:
        """The ids of all processes at the last reading, those that have used the most CPU time first."""
        used = sorted(self._last.processes.items(), key=lambda each: each[1].cpu_ns or 0, reverse=True)
        return [process.pid for process, _ in used]

    def sample(self) -> None:
        """Add a row to the series. The last sample before :meth:`usage` ends the window."""
        unwatched, before = self._unwatched_account(), self._last
        self._last_machine = read_machine(self._host)
        self._last = read_family(self._root_pid)
        self._end_s = _now_boot_s()
        self._last_services = self._read_services()
        self._last_limits = self._read_limits()
        self._before_last, self._last_readings = before, self._read_core_speed()
        self._pace.add(before, self._last, self._last_readings)
        self._is_cpu_lost |= is_account_lost(before, self._last)
        self._watch()
        self._reaped += _at_least_nothing(self._unwatched_account() - unwatched)
        self._series.append(self._build_row())

    def usage(self) -> Usage:
        """Return what was used between :meth:`begin` and the last :meth:`sample`, with the memory as it is now: call it
        before much can have changed."""
        return self.add_memory(self.usage_without_memory())

    def usage_without_memory(self) -> Usage:
        """Return what was used between :meth:`begin` and the last :meth:`sample`. The proportional memory, which takes
        the kernel a millisecond for a process, is not in it."""
        window_s = self._end_s - self._begin_s
        others = find_busiest_others(self._first.stats, self._last.stats, os.getpid(), MIN_OTHER_CORES * window_s)
        return Usage(
            window_s=window_s,
            processes=[self._process_usage(process, watched) for process, watched in self._watched.items()],
            reaped_cpu_s=self._reaped.cpu_s,
            reaped_minor_faults=self._reaped.minor_faults,
            reaped_major_faults=self._reaped.major_faults,
            is_cpu_lost=self._is_cpu_lost,
            machine=machine_usage_between(self._first_machine, self._last_machine),
            pace_us=self._pace.pace_us,
            series=self._series,
            others=others,
            services=[
                service_usage_between(name, self._first_services[name], last)
                for name, last in self._last_services.items()
            ],
            limit=self._limit_usage(),
        )

    def pace_between_us(self, begin_ns: int, end_ns: int) -> float | None:
        """Return the core speed between two moments (monotonic clock) of the interval before the last sample, by the
        CPU time of the whole interval. A core that was not read between them has its speed in all of it; None where no
        core was read at all."""
        between = [each for each in self._last_readings if begin_ns <= each.at_ns <= end_ns]
        read = {each.core for each in between}
        meter = PaceMeter()
        others = [each for each in self._last_readings if each.core not in read]
        meter.add(self._before_last, self._last, [*between, *others])
        return meter.pace_us

    def add_memory(self, usage: Usage) -> Usage:
        """Return the usage with the proportional memory of each process, and what it holds, as it is now."""
        watched = {each.listed.pid: process for process, each in self._watched.items()}
        processes = [_add_memory(used, watched.get(used.pid)) for used in usage.processes]
        held = read_holdings((used.pid for used in processes if not used.ended), self._service_addresses)
        processes = [_add_holdings(used, held.get(used.pid)) for used in processes]
        return usage.model_copy(update={"processes": processes})

    def _process_usage(self, process: psutil.Process, watched: WatchedProcess) -> ProcessUsage:
        return process_usage_between(
            watched.listed,
            watched.first,
            watched.last,
            lived_s=watched.until_s - watched.since_s,
            ended=not self._is_alive(process),
        )

    def _watch(self) -> None:
        """Add new processes, and keep the newest reading of each.

        The processes are listed after they were read, since listing takes some time.
        """
        living = {process.pid: process for process in self._last.processes if self._is_alive(process)}
        for listed in self._list_processes():
            process = living.get(listed.pid)
            if process is None:  # born after the reading: the next one has it
                continue
            watched = self._watched.setdefault(process, self._start_watching(process, listed))
            if watched.listed.role == "helper":  # a worker that was just born may look like a helper at first
                watched.listed = listed
        for process, watched in self._watched.items():
            reading = self._last.processes.get(process)
            if reading is None:
                watched.last = replace(watched.last, has_ended=True)
            elif not watched.last.has_ended:
                watched.last, watched.until_s = reading.merge(watched.last), self._end_s

    def _start_watching(self, process: psutil.Process, listed: ServerProcess) -> WatchedProcess:
        """Return the process as watched from the begin of the window, or from its birth if that is later."""
        first = self._first.processes.get(process)
        if first is None:
            return WatchedProcess(listed, NEWBORN, NEWBORN, max(self._begin_s, listed.born_s), self._end_s)
        return WatchedProcess(listed, first, first, self._begin_s, self._end_s)

    def _is_alive(self, process: psutil.Process) -> bool:
        reading = self._last.processes.get(process)
        return reading is not None and not reading.has_ended

    def _build_row(self) -> UsageSecond:
        cpu_s, rss_bytes = defaultdict[int, float](float), defaultdict[int, int](int)  # a pid may have been reused
        for process, watched in self._watched.items():
            cpu_s[watched.listed.pid] += watched.cpu_s
            rss_bytes[watched.listed.pid] += watched.last.rss_bytes if self._is_alive(process) else 0
        return UsageSecond(
            end_s=self._end_s - self._begin_s,
            cpu_s=dict(cpu_s),
            rss_bytes=dict(rss_bytes),
            reaped_cpu_s=self._reaped.cpu_s,
        )

    def _unwatched_account(self) -> Account:
        """Return the account of all descendants, as far as it is in no reading of a watched process."""
        return self._last.account - sum((watched.account for watched in self._watched.values()), NOTHING)

    def _limit_usage(self) -> LimitUsage | None:
        if self._limits is None or self._first_limits is None or self._last_limits is None:
            return None
        first, last = asdict(self._first_limits), asdict(self._last_limits)
        used = {name: max(0, last[name] - first[name]) for name in first}
        return LimitUsage(**asdict(self._limits.limits), **used)

    def _read_limits(self) -> LimitCounters | None:
        return self._limits.read_counters() if self._limits else None

    def _read_services(self) -> dict[str, FamilyReading]:
        return {name: read_family(root_pid) for name, root_pid in self._services.items()}

    def _read_core_speed(self) -> list[CoreReading]:
        """Return what was read since the begin. What was read before it may come late, since a full pipe holds up the
        probe."""
        found = self._core_speed.read() if self._core_speed else []
        return [each for each in found if each.at_ns >= self._begin_ns]


def _add_memory(used: ProcessUsage, process: psutil.Process | None) -> ProcessUsage:
    if process is None or used.ended:
        return used
    pss_bytes = read_pss_bytes(process)
    has_just_ended = pss_bytes is None and not process.is_running()  # after the last reading
    return used.model_copy(update={"pss_bytes": pss_bytes, "ended": has_just_ended})


def _add_holdings(used: ProcessUsage, held: Holdings | None) -> ProcessUsage:
    return used if held is None else used.model_copy(update=asdict(held))


def _now_boot_s() -> float:
    """Return the present time on the clock of births (s after boot)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _at_least_nothing(account: Account) -> Account:
    """Return the account without what is negative in it: of a process that ended and that nobody waited for yet.

    CPU time is rounded, to remove errors of floating-point sums.
    """
    return Account(max(0.0, round(account.cpu_s, 6)), max(0, account.minor_faults), max(0, account.major_faults))
