"""Records of a run: its schedule and its measurements, each on disk before the next trial starts."""

from harness.record.fingerprint import Fingerprint
from harness.record.folder import (
    RunFolder,
    RunFolderError,
    read_fingerprint,
    read_noise_floor,
    read_run,
    write_noise_floor,
)
from harness.record.planned import PlannedTrial
from harness.record.revision import Revision
from harness.record.run import Ending, EndReason, NoiseFloor, Program, Run, RunInfo, SkippedTopology
from harness.record.trial import (
    SCHEMA_VERSION,
    CoreUsage,
    MachineUsage,
    OtherProcess,
    ProcessUsage,
    Role,
    ServerProcess,
    Status,
    TrialRecord,
    Usage,
    UsageSecond,
    WorkerCounts,
)

__all__ = [
    "SCHEMA_VERSION",
    "CoreUsage",
    "EndReason",
    "Ending",
    "Fingerprint",
    "MachineUsage",
    "NoiseFloor",
    "OtherProcess",
    "PlannedTrial",
    "ProcessUsage",
    "Program",
    "Revision",
    "Role",
    "Run",
    "RunFolder",
    "RunFolderError",
    "RunInfo",
    "ServerProcess",
    "SkippedTopology",
    "Status",
    "TrialRecord",
    "Usage",
    "UsageSecond",
    "WorkerCounts",
    "read_fingerprint",
    "read_noise_floor",
    "read_run",
    "write_noise_floor",
]
