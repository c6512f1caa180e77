"""Records: what one trial measured, immutable and versioned, on disk before the next trial starts; and their folder."""

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.doctor.check import Check
from harness.environment import Environment
from harness.generator.placement import Placement
from harness.generator.result import LoadResult
from harness.plan import PlannedTrial
from harness.scenario import Scenario

SCHEMA_VERSION: Final = 3

Role = Literal["worker", "supervisor", "helper"]
Status = Literal["ok", "invalid", "failed"]
EndReason = Literal["all rounds", "sure", "out of time", "interrupted"]


class RunFolderError(Exception):
    """The folder is not a run, or can't be read or written. The message says which and why."""


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True)


class ServerProcess(_Data):
    """One process of the server. With ``born_s`` (seconds after boot) the pid is unmistakable."""

    pid: int
    born_s: float
    role: Role
    name: str


class ProcessUsage(_Data):
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


class CoreUsage(_Data):
    """What one core did, in seconds. ``irq_s``, for interrupts, is in ``busy_s``; ``steal_s`` is the hypervisor's."""

    cpu: int
    busy_s: float
    irq_s: float
    idle_s: float
    steal_s: float


class MachineUsage(_Data):
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


class UsageSecond(_Data):
    """CPU (seconds since the window began) and resident memory of each process, ``end_s`` into the window."""

    end_s: float
    cpu_s: dict[int, float]
    rss_bytes: dict[int, int]


class Usage(_Data):
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


class TrialRecord(_Data):
    """One trial. ``load`` and ``usage`` are None when the trial failed before they were measured."""

    schema_version: int = SCHEMA_VERSION
    trial: str
    block: int
    position: int
    topology: str
    workers: int | None
    status: Status
    reason: str | None = None
    log_tail: list[str] = []
    started_at: datetime
    ready_s: float | None = None
    body_bytes: int | None = None
    body_sha256: str | None = None
    processes: list[ServerProcess] = []
    load: LoadResult | None = None
    usage: Usage | None = None
    killed: int = 0


class SkippedTopology(_Data):
    """A topology that this machine can't run, and what to install."""

    name: str
    reason: str


class NoiseFloor(_Data):
    """What this machine makes of no difference at all: a topology measured against itself, by ``harness aa``.

    ``scatter`` is the standard deviation of the log-ratios within blocks, by metric (0.03 is about 3 %);
    ``scatter_at_equal_pace`` what is left of it between equally many workers, whose pace is known.
    """

    measured_at: datetime
    rounds: int
    block_s: float
    scatter: dict[str, float]
    scatter_at_equal_pace: dict[str, float] = {}


class RunInfo(_Data):
    """What was to be done: written once, when the run begins.

    ``trials`` are all that may be made, ``looks`` the numbers of blocks after which the verdicts were to be looked at.
    ``scenario_sha256`` is that of scenario.json as it was written.
    ``noise`` is the newest floor measured on this machine with the same load and baseline, ``checks`` what the doctor
    found before the first trial.
    """

    schema_version: int = SCHEMA_VERSION
    seed: int
    started_at: datetime
    command: str
    trials: list[PlannedTrial]
    looks: tuple[int, ...]
    placement: Placement
    skipped: list[SkippedTopology]
    scenario_sha256: str | None = None
    noise: NoiseFloor | None = None
    checks: list[Check] = []


class Ending(_Data):
    """Why a run ended: written when it does. A run without it was killed. ``resumed_at`` tells when it was gone on
    with."""

    reason: EndReason
    ended_at: datetime
    resumed_at: list[datetime] = []


class Run(_Data):
    """All that a run folder holds, as reports read it. ``unreadable`` counts the lines that were no sound record."""

    path: Path
    info: RunInfo
    scenario: Scenario
    environment: Environment
    records: list[TrialRecord]
    unreadable: int
    ending: Ending | None

    @property
    def is_edited(self) -> bool:
        """Whether the scenario is not what it was when the run began."""
        scenario = (self.path / "scenario.json").read_bytes()
        return hashlib.sha256(scenario).hexdigest() != self.info.scenario_sha256

    @property
    def is_whole(self) -> bool:
        """Whether everything was measured that was to be."""
        return self.ending is not None and self.ending.reason != "interrupted"


class RunFolder:
    """The folder of a run being made, under ``results/``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.logs = path / "logs"
        self._resumed_at: list[datetime] = []

    @classmethod
    def create(cls, results: Path, info: RunInfo, scenario: Scenario, environment: Environment) -> Self:
        """Make ``<results>/<UTC time>-<scenario>/`` and point ``latest`` to it. Raises RunFolderError."""
        stamp = info.started_at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        try:
            folder = cls(_new_folder(results, f"{stamp}-{scenario.name}"))
            folder.logs.mkdir()
            digest = hashlib.sha256(_write(folder.path / "scenario.json", scenario)).hexdigest()
            _write(folder.path / "run.json", info.model_copy(update={"scenario_sha256": digest}))
            _write(folder.path / "environment.json", environment)
            _point_latest(results, folder.path)
        except OSError as error:
            raise RunFolderError(f"{results}: can't make a run folder: {error.strerror}") from error
        return folder

    @classmethod
    def reopen(cls, run: "Run") -> Self:
        """The folder of a run that goes on. Raises RunFolderError where it can't be written any more."""
        folder = cls(run.path)
        folder._resumed_at = [*(run.ending.resumed_at if run.ending else []), datetime.now(UTC)]
        trials = run.path / "trials.jsonl"
        try:
            with trials.open("ab+") as file:
                if file.tell() and _last_byte(file) != b"\n":
                    file.write(b"\n")  # after a half-written record, which is lost, so that the next one is not
            (run.path / "ending.json").unlink(missing_ok=True)
        except OSError as error:
            raise RunFolderError(f"{run.path}: can't be gone on with: {error.strerror}") from error
        return folder

    def log_path(self, trial: str) -> Path:
        """Where the server of a trial writes its log."""
        return self.logs / f"{trial}.log"

    def append(self, record: TrialRecord) -> None:
        """Add the record and return when it is on disk. Raises RunFolderError."""
        try:
            with (self.path / "trials.jsonl").open("a", encoding="utf-8") as file:
                file.write(record.model_dump_json() + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise RunFolderError(f"{self.path}: can't write the record of {record.trial}: {error.strerror}") from error

    def end(self, reason: EndReason) -> None:
        """Say that the run has ended, and why. Raises RunFolderError."""
        try:
            ending = Ending(reason=reason, ended_at=datetime.now(UTC), resumed_at=self._resumed_at)
            _write(self.path / "ending.json", ending)
        except OSError as error:
            raise RunFolderError(f"{self.path}: can't write how the run ended: {error.strerror}") from error


def read_run(path: Path) -> Run:
    """Everything in a run folder. A half-written last line is counted, not fatal. Raises RunFolderError."""
    try:
        info = RunInfo.model_validate_json((path / "run.json").read_text(encoding="utf-8"))
        scenario = Scenario.model_validate_json((path / "scenario.json").read_text(encoding="utf-8"))
        environment = Environment.model_validate_json((path / "environment.json").read_text(encoding="utf-8"))
        ending = path / "ending.json"
        ended = Ending.model_validate_json(ending.read_text(encoding="utf-8")) if ending.exists() else None
        trials = path / "trials.jsonl"
        text = trials.read_text(encoding="utf-8", errors="replace") if trials.exists() else ""
    except OSError as error:
        raise RunFolderError(f"{path}: not a run folder: {error.strerror}: {error.filename}") from error
    except ValidationError as error:
        raise RunFolderError(f"{path}: not a run of this version: {error.errors()[0]['msg']}") from error
    lines = [line for line in text.split("\n") if line]  # splitlines would cut at more than the end of a record
    records = [record for line in lines if (record := _record(line)) is not None]
    return Run(
        path=path,
        info=info,
        scenario=scenario,
        environment=environment,
        records=records,
        ending=ended,
        unreadable=len(lines) - len(records),
    )


def _record(line: str) -> TrialRecord | None:
    try:
        record = TrialRecord.model_validate_json(line)
    except ValidationError:
        return None
    return record if record.schema_version == SCHEMA_VERSION else None


def _last_byte(file: BinaryIO) -> bytes:
    file.seek(-1, os.SEEK_END)
    return file.read(1)


def _new_folder(results: Path, name: str) -> Path:
    results.mkdir(parents=True, exist_ok=True)
    for suffix in ("", *(f"-{number}" for number in range(2, 100))):
        try:
            (path := results / f"{name}{suffix}").mkdir()
        except FileExistsError:
            continue
        return path
    raise FileExistsError(17, "a hundred runs began in this second", str(results / name))


def _write(path: Path, data: BaseModel) -> bytes:
    text = json.dumps(data.model_dump(mode="json", by_alias=True), indent=2, ensure_ascii=False) + "\n"
    path.write_bytes(text.encode())
    return text.encode()


def _point_latest(results: Path, path: Path) -> None:
    """Replace the link in one step, so that ``latest`` always points somewhere."""
    fresh = results / f".latest-{os.getpid()}"
    fresh.symlink_to(path.name)
    fresh.replace(results / "latest")
