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
from harness.record.run import Ending, EndReason, Interleaving, NoiseFloor, Program, Run, RunInfo, SkippedTopology
from harness.record.trial import (
    SCHEMA_VERSION,
    Allocator,
    CoreUsage,
    LimitUsage,
    MachineUsage,
    OtherProcess,
    ProcessUsage,
    Role,
    ServerProcess,
    ServiceUsage,
    Slice,
    Status,
    TrialRecord,
    Usage,
    UsageSecond,
    WorkerCounts,
)

__all__ = [
    "SCHEMA_VERSION",
    "Allocator",
    "CoreUsage",
    "EndReason",
    "Ending",
    "Fingerprint",
    "Interleaving",
    "LimitUsage",
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
    "ServiceUsage",
    "SkippedTopology",
    "Slice",
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
