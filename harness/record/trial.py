"""The record of one trial: immutable and versioned."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from harness.load.result import LoadResult
from harness.record.planned import PlannedTrial, TrialId
from harness.scenario.topology import NumberOfWorkers
from harness.text import Printable
from harness.units.ranges import Amount, Count, CountDifference, Difference, Moment, PositiveAmount

LOGS: Final = "logs"  # the folder of the servers' logs
SCHEMA_VERSION: Final = 3  # of the records and of all other files in a run folder

Role = Literal["worker", "front", "supervisor", "helper"]
Status = Literal["ok", "invalid", "failed"]
Allocator = Literal["glibc", "musl", "jemalloc", "mimalloc", "tcmalloc", "none"]


class RecordPart(BaseModel):
    """A part of a record."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class ServerProcess(RecordPart):
    """One process of the server.

    ``born_s`` is when it began, in seconds after boot: pid and ``born_s`` together name one process. ``program`` is the
    name of the file that it runs, empty where that can't be read.
    """

    pid: Count
    born_s: Amount
    role: Role
    name: Printable
    program: Printable = ""
    threads: Count = 1


class WorkerCounts(RecordPart):
    """The numbers of workers that were seen.

    ``ready`` is the number when the server was ready, before any load; ``found`` the number as the measured window
    began; ``least`` and ``most`` bound it within the window; ``at_end`` is the number as the window ended.
    ``started`` workers began within the window. ``ended`` counts the workers that ended within it, by the way in which
    they ended. ``crashed`` describes the end of each worker that nobody had asked to end; of ``untold`` of them the
    kernel does not report how. ``changed_seconds`` are the seconds of the window (from 0) in which workers began or
    ended. Between readiness and the window, ``started_before`` began and ``ended_before`` ended.
    """

    ready: Count
    found: Count
    least: Count
    most: Count
    at_end: Count
    started: Count = 0
    ended: dict[Printable, Count] = {}
    crashed: list[Printable] = []
    untold: Count = 0
    changed_seconds: list[Count] = []
    started_before: Count = 0
    ended_before: Count = 0

    @property
    def is_replacing(self) -> bool:
        """True if workers ended and others began, as where each serves a limited number of requests. Where there was no
        worker at some moment, those that served the requests may have begun and ended between two readings."""
        return self.ended_before + self.number_ended > 0 and (self.started_before + self.started > 0 or self.least == 0)

    @property
    def number_ended(self) -> int:
        """The number of workers that ended within the window."""
        return sum(self.ended.values())

    def of_slices(self) -> Self:
        """Return the same counts of a trial in slices, for each of which there were two readings: ``changed_seconds``
        are then the slices."""
        return self.model_copy(update={"changed_seconds": sorted({second // 2 for second in self.changed_seconds})})

    def with_found(self, found: int) -> Self:
        """Return the same counts with another number of workers found."""
        return self.model_copy(update={"found": found})


class ProcessUsage(RecordPart):
    """The use of the machine by one process of the server within the measured window, or until its last reading where
    it ``ended`` within the window.

    ``lived_s`` is the part of the window in which the process existed; None in older records, which means all of it.
    ``pss_bytes`` is its memory as the window ended, with its share of shared pages; ``rss_bytes`` counts shared pages
    in full. ``run_delay_s`` is the time in which its threads were runnable and had no core, added up over threads.
    ``busiest_thread_s`` is the CPU time of the thread that used most, ``busy_threads`` the smallest number of threads
    that together used nearly all. ``timeslices`` counts how often a thread was given a core, ``disk_bytes`` the bytes
    that storage read and wrote for the process. A page fault is minor where the page was in memory, or had only to be
    taken from the kernel, and major where storage had to read it. ``descriptors`` were open at the end, of
    ``descriptor_limit``; ``connections_to`` are those to each service by TCP. None where the kernel does not report a
    figure, and in older records.
    """

    pid: Count
    role: Role
    program: Printable = ""
    user_s: Difference
    system_s: Difference
    run_delay_s: Difference | None
    busiest_thread_s: Difference | None
    rss_bytes: Count
    pss_bytes: Count | None = None
    voluntary_switches: CountDifference
    involuntary_switches: CountDifference
    threads: Count | None = None
    busy_threads: Count | None = None
    timeslices: CountDifference | None = None
    disk_bytes: CountDifference | None = None
    minor_faults: CountDifference | None = None
    major_faults: CountDifference | None = None
    lived_s: Difference | None = None
    ended: bool = False
    descriptors: Count | None = None
    descriptor_limit: Count | None = None
    connections_to: dict[Printable, Count] | None = None

    @property
    def cpu_s(self) -> float:
        """The CPU time: user and system."""
        return self.user_s + self.system_s


class CoreUsage(RecordPart):
    """The time of one core, in seconds. ``busy_s`` includes ``irq_s``, that of interrupts; ``steal_s`` was taken by the
    hypervisor."""

    cpu: Count
    busy_s: Difference
    irq_s: Difference
    idle_s: Difference
    steal_s: Difference


class LinkUsage(RecordPart):
    """The use of one network interface that leads to other machines; ``bytes_per_s`` is what it carries each way, None
    where the kernel does not say."""

    name: Printable
    received_bytes: CountDifference
    sent_bytes: CountDifference
    bytes_per_s: PositiveAmount | None = None


class MachineUsage(RecordPart):
    """The use of the usable cores, and the state of the machine around them.

    ``pressure_s`` is the time in which some task of the machine waited for a core, ``io_pressure_s`` that in which one
    waited for storage. ``quota_cores`` is the CPU quota in cores, where it is less than the number of cores. The quota
    was used up in ``throttled_periods`` periods, and stopped processes for ``throttled_s``, added up over cores.
    ``listen_overflows`` counts the attempts to connect that found the queue of a listening socket full,
    ``listen_drops`` all attempts that a listening socket turned away. Of ``sent_segments`` of TCP, ``resent_segments``
    were sent again. None where the kernel does not report a figure.
    """

    cores: list[CoreUsage] = Field(min_length=1)
    pressure_s: Difference | None
    listen_overflows: CountDifference | None
    listen_drops: CountDifference | None
    quota_cores: PositiveAmount | None = None
    throttled_periods: CountDifference | None = None
    throttled_s: Difference | None = None
    io_pressure_s: Difference | None = None
    sent_segments: CountDifference | None = None
    resent_segments: CountDifference | None = None
    links: list[LinkUsage] = []

    @property
    def busy_s(self) -> float:
        """The busy time of all cores together."""
        return sum(core.busy_s for core in self.cores)

    @property
    def idle_s(self) -> float:
        """The idle time of all cores together, waiting for I/O included."""
        return sum(core.idle_s for core in self.cores)

    @property
    def steal_s(self) -> float:
        """The time that the hypervisor took, of all cores together."""
        return sum(core.steal_s for core in self.cores)


class OtherProcess(RecordPart):
    """A process that does not belong to the run: its CPU time within the window, and the core on which it ran last."""

    pid: Count
    name: Printable
    cpu_s: Difference
    cpu: Count


class UsageSecond(RecordPart):
    """The state of all processes ``end_s`` after the window began: CPU time since its beginning (seconds) and resident
    memory (bytes), by pid.

    ``reaped_cpu_s`` is the CPU time of processes that ended, as far as no reading of them includes it. ``answered`` are
    the requests that were answered in that time, where these are not those of the load's window.
    """

    end_s: Difference
    cpu_s: dict[Count, Difference]
    rss_bytes: dict[Count, Count]
    reaped_cpu_s: Difference = 0.0
    answered: Count | None = None

    @property
    def all_cpu_s(self) -> float:
        """The CPU time of all processes together."""
        return sum(self.cpu_s.values()) + self.reaped_cpu_s


class ServiceUsage(RecordPart):
    """The use of the machine by a service beside the server within the measured window. ``busiest_s`` is the CPU time
    of the process that used most."""

    name: Printable
    cpu_s: Difference
    busiest_s: Difference
    rss_bytes: Count


class LimitUsage(RecordPart):
    """The limits of the topology, and how far they were reached within the measured window: the CPU time of ``cpus``
    cores was used up in ``throttled_periods`` of ``periods``, its processes then stood still for ``throttled_s``, added
    up over cores, and ``oom_kills`` of them were killed for their memory."""

    cpus: PositiveAmount | None
    memory_bytes: Count | None
    periods: CountDifference
    throttled_periods: CountDifference
    throttled_s: Difference
    oom_kills: CountDifference


class Usage(RecordPart):
    """The server's use of the machine between the two readings that enclose the measured window.

    ``processes`` are all that were seen within the window, those that ended in it included. ``reaped_cpu_s`` is the CPU
    time that no reading includes: the rest of processes that ended, and all of those that began and ended between two
    readings. It is known from the accounts of the parents that waited for them, as are the page faults of the same
    processes. ``is_cpu_lost`` is set where children ended for which no parent waits, so that their CPU time is unknown.
    ``requests`` are those that were answered between the two readings, where these are not those of the load's window.

    ``pace_us`` is the core speed: the CPU time that a fixed small piece of work took on the server's cores, so that
    less is faster. It is the harmonic mean, since requests add up as speeds do; None where the work was not done.
    ``unloaded_ms`` is the least response time before there was any load; None where the load has several requests, of
    which a single one says little. ``others`` are the busiest of all other processes, as far as they used much.
    ``services`` are those of the scenario that the harness started; none of their CPU time is the server's.
    ``limit`` is None where the topology has none of its own.
    """

    window_s: Amount
    processes: list[ProcessUsage]
    machine: MachineUsage
    pace_us: PositiveAmount | None
    series: list[UsageSecond]
    reaped_cpu_s: Difference = 0.0
    reaped_minor_faults: CountDifference = 0
    reaped_major_faults: CountDifference = 0
    requests: Count | None = None
    is_cpu_lost: bool = False
    unloaded_ms: PositiveAmount | None = None
    others: list[OtherProcess] = []
    services: list[ServiceUsage] = []
    limit: LimitUsage | None = None

    def within(self, window_s: float) -> Self:
        """Return the usage of a window of so long at the most, outside of which the server had nothing to do. What
        others did in all the time is taken to be spread evenly."""
        share = min(1.0, window_s / self.window_s)
        processes = [
            used.model_copy(update={"lived_s": None if used.lived_s is None else share * used.lived_s})
            for used in self.processes
        ]
        series = [row.model_copy(update={"end_s": share * row.end_s}) for row in self.series]
        others = [other.model_copy(update={"cpu_s": share * other.cpu_s}) for other in self.others]
        changes = {"window_s": share * self.window_s, "processes": processes, "series": series, "others": others}
        return self.model_copy(update=changes)

    @property
    def cpu_s(self) -> float:
        """The CPU time of all processes: user and system."""
        return sum(process.cpu_s for process in self.processes) + self.reaped_cpu_s

    @property
    def services_cpu_s(self) -> float:
        """The CPU time of all services beside the server."""
        return sum(service.cpu_s for service in self.services)

    @property
    def rss_bytes(self) -> int:
        """The resident memory of the processes that existed at the end; pages that they share are counted in each."""
        return sum(process.rss_bytes for process in self.remaining_processes)

    @property
    def pss_bytes(self) -> int | None:
        """The proportional memory of these processes, shared pages counted once; None unless it is known of all."""
        known = [process.pss_bytes for process in self.remaining_processes if process.pss_bytes is not None]
        return sum(known) if known and len(known) == len(self.remaining_processes) else None

    @property
    def remaining_processes(self) -> list[ProcessUsage]:
        """The processes that existed at the end."""
        return [process for process in self.processes if not process.ended]

    def requests_of(self, load: LoadResult) -> int:
        """Return the number of requests that were answered between the two readings."""
        return load.requests if self.requests is None else self.requests

    def with_roles(self, roles: Mapping[int, Role]) -> Self:
        """Return the usage with these roles, by pid; processes that have none here keep theirs."""
        processes = [used.model_copy(update={"role": roles.get(used.pid, used.role)}) for used in self.processes]
        return self.model_copy(update={"processes": processes})

    def with_unloaded_ms(self, unloaded_ms: float | None) -> Self:
        """Return the usage with the least response time before there was any load (milliseconds)."""
        return self.model_copy(update={"unloaded_ms": unloaded_ms})


class Slice(RecordPart):
    """A slice of a trial: a stretch of time in which the load was its topology's, while the others of the round had
    none.

    ``begin_s`` is when it began, in seconds after the first slice of the round, whose topology may be another. Its
    window of ``duration_s``, with ``requests``, follows after ``lead_in_s``. ``answered`` are the responses of the
    whole slice, from idle to idle, for which the server used ``cpu_s`` and had ``minor_faults``. At its end,
    ``undrained`` requests were given up; ``outlasting`` ones were, too, or took longer than its window. For
    ``stalled_s`` the generator was kept from running. Of ``requests_per_s``, see :mod:`harness.generator.partial`.

    With ``in_turns_s``, it was measured in turns of some milliseconds that all topologies of the round took, which
    lasted for so long in all: then its other times are without those in which the server was stopped.

    ``idle_s`` is the time between the topology's last load and this slice, in which the server used ``idle_cpu_s``.
    ``pace_us`` is the core speed from idle to idle (see :class:`Usage`), ``window_pace_us`` that in its window alone;
    None where they were not measured.
    """

    begin_s: Amount
    lead_in_s: Amount
    duration_s: PositiveAmount
    requests: Count
    requests_per_s: Amount
    answered: Count
    cpu_s: Difference
    minor_faults: CountDifference | None = None
    undrained: Count = 0
    outlasting: Count = 0
    stalled_s: Amount = 0.0
    idle_s: Amount = 0.0
    idle_cpu_s: Difference = 0.0
    in_turns_s: PositiveAmount | None = None
    pace_us: PositiveAmount | None = None
    window_pace_us: PositiveAmount | None = None

    @property
    def loaded_s(self) -> float:
        """The time for which the server had load: in which it answers as many requests at the rate of the window."""
        return self.answered / self.requests_per_s if self.requests_per_s else self.lead_in_s + self.duration_s


class EventRecord(RecordPart):
    """One event of the scenario: what was done, ``at_s`` after the measured window began, and how long that took."""

    at_s: Amount
    took_s: Amount
    what: Printable


class TrialRecord(RecordPart):
    """The record of one trial.

    ``load`` and ``usage`` are None when the trial failed before they were measured. ``rate_per_s`` is the rate that a
    search for the capacity offered, None for the scenario's own load. ``reason`` says why the trial does not count.
    ``log_tail`` are the lines of the server's log that explain it: the first exception of a trial that failed, or else
    the last lines. ``allocator`` is the library from which the server took its memory ("none": no library that is
    known), None where that was not read. ``killed`` is the number of server processes that had to be killed. ``slices``
    are those of a trial whose load alternated with that of others; a whole trial has none. ``ready_cpu_s`` is the CPU
    time that the server took until it was ready. ``events`` are those that were carried out. ``rig`` is the server's
    machine where a fleet made the trial.
    """

    schema_version: int = SCHEMA_VERSION
    trial: TrialId
    block: Count
    position: Count
    topology: str
    workers: NumberOfWorkers | None
    rate_per_s: Amount | None = None
    status: Status
    reason: Printable | None = None
    log_tail: list[Printable] = []
    started_at: Moment
    ready_s: Amount | None = None
    ready_cpu_s: Amount | None = None
    body_bytes: Count | None = None
    body_sha256: str | None = None
    processes: list[ServerProcess] = []
    allocator: Allocator | None = None
    worker_counts: WorkerCounts | None = None
    load: LoadResult | None = None
    usage: Usage | None = None
    killed: Count = 0
    slices: list[Slice] = []
    events: list[EventRecord] = []
    rig: Printable | None = None

    @property
    def log(self) -> str:
        """The path of the server's log within the run folder."""
        return f"{LOGS}/{self.trial}.log"

    @property
    def number_of_workers(self) -> int:
        """The declared number of workers, or else the number as the window began; one where nobody counted them."""
        return self.workers or (self.worker_counts.found if self.worker_counts else 1)

    @classmethod
    def of_failure(cls, planned: PlannedTrial, started_at: datetime, reason: str, log_tail: Sequence[str]) -> Self:
        """Return the record of a trial that came to no result."""
        record = cls(
            trial=planned.id,
            block=planned.block,
            position=planned.position,
            topology=planned.topology.name,
            workers=planned.topology.workers,
            rate_per_s=planned.rate_per_s,
            status="failed",
            started_at=started_at,
        )
        return record._with_texts(reason, log_tail)

    @classmethod
    def of_measurement(
        cls,
        planned: PlannedTrial,
        started_at: datetime,
        *,
        reasons: Sequence[str],
        log_tail: Sequence[str],
        ready_s: float,
        ready_cpu_s: float | None = None,
        body_bytes: int | None,
        body_sha256: str | None,
        processes: list[ServerProcess],
        worker_counts: WorkerCounts,
        load: LoadResult,
        usage: Usage,
        killed: int,
        allocator: Allocator | None = None,
        slices: Sequence[Slice] = (),
        events: Sequence[EventRecord] = (),
    ) -> Self:
        """Return the record of a trial that was measured to its end; with ``reasons`` why it does not count, it is
        invalid."""
        record = cls(
            trial=planned.id,
            block=planned.block,
            position=planned.position,
            topology=planned.topology.name,
            workers=planned.topology.workers,
            rate_per_s=planned.rate_per_s,
            status="invalid" if reasons else "ok",
            started_at=started_at,
            ready_s=ready_s,
            ready_cpu_s=ready_cpu_s,
            body_bytes=body_bytes,
            body_sha256=body_sha256,
            processes=processes,
            worker_counts=worker_counts,
            load=load,
            usage=usage,
            killed=killed,
            allocator=allocator,
            slices=list(slices),
            events=list(events),
        )
        return record._with_texts("; ".join(reasons) or None, log_tail)

    def with_objection(self, reason: str) -> Self:
        """Return the record with one more reason for which the trial does not count."""
        status = "invalid" if self.status == "ok" else self.status
        told = "; ".join(filter(None, (self.reason, reason)))
        return self.model_copy(update={"status": status})._with_texts(told, self.log_tail)

    def _with_texts(self, reason: str | None, log_tail: Sequence[str]) -> Self:
        """Return the record with these texts as they are.

        They are not validated, which would write their control characters out: secrets are cut out of the text as the
        server wrote it, when the record is written (:class:`harness.record.RunFolder`), and that comes first.
        """
        return self.model_copy(update={"reason": reason, "log_tail": list(log_tail)})
