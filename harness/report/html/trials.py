"""Every trial of a run, with what each process of its server did."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness.analysis.bottleneck import Diagnosis, diagnose
from harness.analysis.launch import PerRequest, per_request
from harness.record import ProcessUsage, Role, Run, TrialRecord


@dataclass(frozen=True)
class ProcessRow:
    """One process in the measured window.

    ``requests`` are None where the server does not name its workers, and for what is no worker; ``threads`` and memory
    are None where the kernel does not report them.
    """

    pid: int
    role: Role
    requests: int | None
    share: float | None
    cpu_cores: float
    threads: int | None
    busy_threads: int | None
    pss_bytes: int | None
    rss_bytes: int
    ended: bool


@dataclass(frozen=True)
class TrialRow:
    """One trial, whether it counts or not; what was not measured is None or empty."""

    record: TrialRecord
    limiting: Diagnosis | None
    processes: list[ProcessRow]
    memory_bytes: int | None

    @property
    def cpu_ms_per_request(self) -> float | None:
        """The CPU time of all the server's processes for one completed request."""
        load, usage = self.record.load, self.record.usage
        return usage.cpu_s * 1000 / usage.requests_of(load) if load and usage and usage.requests_of(load) else None

    @property
    def per_request(self) -> PerRequest | None:
        """The page faults and context switches for one completed request."""
        load, usage = self.record.load, self.record.usage
        return per_request(load, usage) if load and usage else None


def trial_rows(run: Run) -> Iterator[TrialRow]:
    """Yield a row for each trial, in the order in which they were made."""
    for record in run.records:
        limiting = diagnose(record.load, record.usage) if record.load and record.usage else None
        yield TrialRow(record, limiting, list(_processes(record)), _memory_bytes(record))


def _processes(record: TrialRecord) -> Iterator[ProcessRow]:
    """Yield the processes of a trial: the workers first, the busiest on top."""
    if record.usage is None:
        return
    served = record.load.workers if record.load else {}
    total = sum(served.values())
    for process in sorted(record.usage.processes, key=lambda each: (each.role != "worker", -each.cpu_s)):
        requests = served.get(str(process.pid), 0) if total and process.role == "worker" else None
        yield ProcessRow(
            pid=process.pid,
            role=process.role,
            requests=requests,
            share=None if requests is None else requests / total,
            cpu_cores=_cores(process, record.usage.window_s),
            threads=process.threads,
            busy_threads=process.busy_threads,
            pss_bytes=process.pss_bytes,
            rss_bytes=process.rss_bytes,
            ended=process.ended,
        )


def _memory_bytes(record: TrialRecord) -> int | None:
    """Return the memory of the server: proportional where that is known, and resident otherwise."""
    if record.usage is None:
        return None
    return record.usage.pss_bytes or record.usage.rss_bytes


def _cores(process: ProcessUsage, window_s: float) -> float:
    return process.cpu_s / window_s
