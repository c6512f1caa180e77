"""What one trial measured: immutable, versioned."""

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from harness.generator.result import LoadResult
from harness.text import Printable

SCHEMA_VERSION: Final = 3  # of the records and of all else in a run folder

Role = Literal["worker", "front", "supervisor", "helper"]
Status = Literal["ok", "invalid", "failed"]


class Data(BaseModel):
    """A part of a record."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class ServerProcess(Data):
    """One process of the server. With ``born_s`` (seconds after boot) the pid is unmistakable. ``program`` is the file
    that it runs, without its folder."""

    pid: int
    born_s: float
    role: Role
    name: Printable
    program: Printable = ""
    threads: int = 1


class WorkerCounts(Data):
    """How many workers were seen: when the server was ready, before any load; as the measured window began; the least
    and the most in it; and as it ended.

    ``started`` came within the window. ``ended`` are those that went in it, by how they did; ``crashed`` says of each
    that was not asked to go how it did, and of ``untold`` of them the kernel does not tell. ``changed_seconds`` are the
    seconds of the window (from 0) in which some came or went. Between readiness and the window, ``started_before`` came
    and ``ended_before`` went.
    """

    ready: int
    found: int
    least: int
    most: int
    at_end: int
    started: int = 0
    ended: dict[Printable, int] = {}
    crashed: list[Printable] = []
    untold: int = 0
    changed_seconds: list[int] = []
    started_before: int = 0
    ended_before: int = 0

    @property
    def is_replacing(self) -> bool:
        """Whether some workers went and others came, as where each is to serve so many requests only."""
        return self.ended_before + self.changed > 0 and self.started_before + self.started > 0

    @property
    def changed(self) -> int:
        """How many went within the window."""
        return sum(self.ended.values())


class ProcessUsage(Data):
    """What one process of the server used in the measured window; ``rss_bytes`` is as the window ended.

    ``run_delay_s`` is the time in which its threads could have run and had no core, added up; ``busiest_thread_s``
    the CPU of the one that used most. None where the kernel keeps no such statistics.
    """

    pid: int
    role: Role
    user_s: float
    system_s: float
    run_delay_s: float | None
    busiest_thread_s: float | None
    rss_bytes: int
    voluntary_switches: int
    involuntary_switches: int

    @property
    def cpu_s(self) -> float:
        """User and system time."""
        return self.user_s + self.system_s


class CoreUsage(Data):
    """What one core did, in seconds. ``irq_s``, for interrupts, is in ``busy_s``; ``steal_s`` is the hypervisor's."""

    cpu: int
    busy_s: float
    irq_s: float
    idle_s: float
    steal_s: float


class MachineUsage(Data):
    """What happened on the usable cores, and for how long some task of the machine waited for one (``pressure_s``).

    ``listen_overflows`` are the attempts to connect that found the queue of a listening socket full, ``listen_drops``
    all that were turned away by one. None where the kernel does not tell.
    """

    cores: list[CoreUsage]
    pressure_s: float | None
    listen_overflows: int | None
    listen_drops: int | None

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


class UsageSecond(Data):
    """CPU (seconds since the window began) and resident memory of each process, ``end_s`` into the window."""

    end_s: float
    cpu_s: dict[int, float]
    rss_bytes: dict[int, int]


class Usage(Data):
    """The server's use of the machine between the two readings that enclose the measured window.

    ``pace_us`` is the CPU time that the same small piece of work took on the server's cores: the less, the faster they
    were. It is the harmonic mean, since requests add up as speeds do. None when it was not done.
    """

    window_s: float
    processes: list[ProcessUsage]
    machine: MachineUsage
    pace_us: float | None
    series: list[UsageSecond]

    @property
    def cpu_s(self) -> float:
        """User and system time of all processes."""
        return sum(process.cpu_s for process in self.processes)

    @property
    def rss_bytes(self) -> int:
        """Resident memory of all processes; pages that they share are counted in each."""
        return sum(process.rss_bytes for process in self.processes)


class TrialRecord(Data):
    """One trial. ``load`` and ``usage`` are None when the trial failed before they were measured; ``rate_per_s`` is
    what a search for the capacity had offered, None for the scenario's own load."""

    schema_version: int = SCHEMA_VERSION
    trial: str
    block: int
    position: int
    topology: str
    workers: int | None
    rate_per_s: float | None = None
    status: Status
    reason: Printable | None = None
    log_tail: list[Printable] = []
    started_at: datetime
    ready_s: float | None = None
    body_bytes: int | None = None
    body_sha256: str | None = None
    processes: list[ServerProcess] = []
    worker_counts: WorkerCounts | None = None
    load: LoadResult | None = None
    usage: Usage | None = None
    killed: int = 0

    @property
    def number_of_workers(self) -> int:
        """As many as were declared, else as were found as the window began; one where nobody counted them."""
        return self.workers or (self.worker_counts.found if self.worker_counts else 1)
