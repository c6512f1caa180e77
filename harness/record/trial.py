"""What one trial measured: immutable, versioned."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness.load.result import LoadResult
from harness.record.planned import TrialId
from harness.scenario.topology import NumberOfWorkers
from harness.text import Printable
from harness.units.ranges import Amount, Count, CountDifference, Difference, Moment, PositiveAmount

LOGS: Final = "logs"  # the folder of them
SCHEMA_VERSION: Final = 3  # of the records and of all else in a run folder

Role = Literal["worker", "front", "supervisor", "helper"]
Status = Literal["ok", "invalid", "failed"]


class RecordPart(BaseModel):
    """A part of a record."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class ServerProcess(RecordPart):
    """One process of the server. With ``born_s`` (seconds after boot) the pid is unmistakable. ``program`` is the name
    of the file that it runs, empty where that can't be read."""

    pid: Count
    born_s: Amount
    role: Role
    name: Printable
    program: Printable = ""
    threads: Count = 1


class WorkerCounts(RecordPart):
    """How many workers were seen: when the server was ready, before any load; as the measured window began; the least
    and the most in it; and as it ended.

    ``started`` came within the window. ``ended`` are those that went in it, by how they did; ``crashed`` says of each
    that was not asked to go how it did, and of ``untold`` of them the kernel does not tell. ``changed_seconds`` are the
    seconds of the window (from 0) in which some came or went. Between readiness and the window, ``started_before`` came
    and ``ended_before`` went.
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
        """Whether some workers went and others came, as where each is to serve so many requests only. Where none was
        left at a moment, those that served the requests may have come and gone between two looks."""
        return self.ended_before + self.changed > 0 and (self.started_before + self.started > 0 or self.least == 0)

    @property
    def changed(self) -> int:
        """How many went within the window."""
        return sum(self.ended.values())


class ProcessUsage(RecordPart):
    """What one process of the server used in the measured window, until its last reading where it ``ended`` in it.

    ``lived_s`` is the part of the window in which it was there; None in records from before that was told, and all of
    it. ``pss_bytes`` is its memory as the window ended, of shared pages its share; ``rss_bytes`` counts all of these.
    ``run_delay_s`` is the time in which its threads could have run and had no core, added up; ``busiest_thread_s`` the
    CPU of the one that used most, ``busy_threads`` the fewest that together used nearly all. ``timeslices`` counts how
    often one of them was given a core, ``disk_bytes`` what they had storage read and written. None where the kernel
    does not tell.
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
    lived_s: Difference | None = None
    ended: bool = False

    @property
    def cpu_s(self) -> float:
        """User and system time."""
        return self.user_s + self.system_s


class CoreUsage(RecordPart):
    """What one core did, in seconds. ``irq_s``, for interrupts, is in ``busy_s``; ``steal_s`` is the hypervisor's."""

    cpu: Count
    busy_s: Difference
    irq_s: Difference
    idle_s: Difference
    steal_s: Difference


class MachineUsage(RecordPart):
    """What happened on the usable cores, and for how long some task of the machine waited for one (``pressure_s``), or
    for storage (``io_pressure_s``).

    ``quota_cores`` is the CPU time that was allowed, in cores' worth, where that is less than there are cores. It was
    used up in so many ``throttled_periods``, and stopped processes for ``throttled_s``, every core counted for itself.
    ``listen_overflows`` are the attempts to connect that found the queue of a listening socket full, ``listen_drops``
    all that were turned away by one. None where the kernel does not tell.
    """

    cores: list[CoreUsage] = Field(min_length=1)
    pressure_s: Difference | None
    listen_overflows: CountDifference | None
    listen_drops: CountDifference | None
    quota_cores: PositiveAmount | None = None
    throttled_periods: CountDifference | None = None
    throttled_s: Difference | None = None
    io_pressure_s: Difference | None = None

    @property
    def busy_s(self) -> float:
        """All cores together."""
        return sum(core.busy_s for core in self.cores)

    @property
    def idle_s(self) -> float:
        """All cores together, waiting for I/O included."""
        return sum(core.idle_s for core in self.cores)

    @property
    def steal_s(self) -> float:
        """All cores together."""
        return sum(core.steal_s for core in self.cores)


class OtherProcess(RecordPart):
    """A process that is not the run's, what it used in the window, and the core on which it ran last."""

    pid: Count
    name: Printable
    cpu_s: Difference
    cpu: Count


class UsageSecond(RecordPart):
    """CPU (seconds since the window began) and resident memory of each process, ``end_s`` into the window.

    ``reaped_cpu_s`` is the CPU of those that ended, as far as no reading of them has it.
    """

    end_s: Difference
    cpu_s: dict[Count, Difference]
    rss_bytes: dict[Count, Count]
    reaped_cpu_s: Difference = 0.0

    @property
    def all_cpu_s(self) -> float:
        """Of all processes together."""
        return sum(self.cpu_s.values()) + self.reaped_cpu_s


class Usage(RecordPart):
    """The server's use of the machine between the two readings that enclose the measured window.

    ``processes`` are all that were seen in the window, also those that ended in it; ``reaped_cpu_s`` is the CPU that no
    reading of them has, and that of others that came and went unseen: by the accounts of those who waited for them.
    Where somebody's children ended and nobody waits for them, CPU ``is_cpu_lost``.
    ``pace_us`` is the CPU time that the same small piece of work took on the server's cores: the less, the faster they
    were. It is the harmonic mean, since requests add up as speeds do. None when it was not done.
    ``unloaded_ms`` is how long the quickest answer took before there was any load; None where the load is of several
    requests, of which one tells little. ``others`` are the busiest of all other processes, as far as they used much.
    """

    window_s: Amount
    processes: list[ProcessUsage]
    machine: MachineUsage
    pace_us: PositiveAmount | None
    series: list[UsageSecond]
    reaped_cpu_s: Difference = 0.0
    is_cpu_lost: bool = False
    unloaded_ms: PositiveAmount | None = None
    others: list[OtherProcess] = []

    @property
    def cpu_s(self) -> float:
        """User and system time of all processes."""
        return sum(process.cpu_s for process in self.processes) + self.reaped_cpu_s

    @property
    def rss_bytes(self) -> int:
        """Resident memory of the processes that were there at the end; pages that they share are counted in each."""
        return sum(process.rss_bytes for process in self.left)

    @property
    def pss_bytes(self) -> int | None:
        """Proportional memory of the same, shared pages counted once; None unless it is known of all."""
        known = [process.pss_bytes for process in self.left if process.pss_bytes is not None]
        return sum(known) if known and len(known) == len(self.left) else None

    @property
    def left(self) -> list[ProcessUsage]:
        """The processes that were there at the end."""
        return [process for process in self.processes if not process.ended]


class TrialRecord(RecordPart):
    """One trial. ``load`` and ``usage`` are None when the trial failed before they were measured; ``rate_per_s`` is
    what a search for the capacity had offered, None for the scenario's own load. ``log_tail`` is what its server wrote
    of why the trial does not count: the first exception of one that failed, or else its last lines."""

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
    body_bytes: Count | None = None
    body_sha256: str | None = None
    processes: list[ServerProcess] = []
    worker_counts: WorkerCounts | None = None
    load: LoadResult | None = None
    usage: Usage | None = None
    killed: Count = 0

    @property
    def log(self) -> str:
        """Where its server wrote, within the run folder."""
        return f"{LOGS}/{self.trial}.log"

    @property
    def number_of_workers(self) -> int:
        """As many as were declared, else as were found as the window began; one where nobody counted them."""
        return self.workers or (self.worker_counts.found if self.worker_counts else 1)
