"""Which processes each topology consisted of, and what each was for."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from harness.record import Role, Run, ServerProcess
from harness.report.summary import TopologySummary

ROLES: Final[Sequence[Role]] = ("worker", "front", "supervisor", "helper")


@dataclass(frozen=True)
class ProcessesRow:
    """One topology, as its last good trial saw it. ``programs`` are by role, in words; empty where there was none."""

    name: str
    programs: dict[Role, str]


def processes_rows(run: Run, summaries: Sequence[TopologySummary]) -> Iterator[ProcessesRow]:
    """Give the topologies of which a trial counts and says what its processes ran."""
    for summary in summaries:
        records = [record for record in run.records if record.topology == summary.name and record.status == "ok"]
        if records and all(process.program for process in records[-1].processes):
            processes = records[-1].processes
            yield ProcessesRow(summary.name, {role: _listed(processes, role) for role in ROLES})


def _listed(processes: Sequence[ServerProcess], role: Role) -> str:
    """Return them by name: ``2 × gunicorn (python3.11), 4 threads each``."""
    kinds = defaultdict[str, list[int]](list)
    for process in processes:
        if process.role == role:
            program = f" ({process.program})" if process.program != process.name else ""
            kinds[f"{process.name}{program}"].append(process.threads)
    does_work = role in ("worker", "front")
    return "; ".join(
        f"{len(threads)} × {kind}{f', {_threads(threads)}' if does_work else ''}" for kind, threads in kinds.items()
    )


def _threads(numbers: Sequence[int]) -> str:
    least, most = min(numbers), max(numbers)
    each = " each" if len(numbers) > 1 else ""
    return f"{least if least == most else f'{least} to {most}'} thread{'' if most == 1 else 's'}{each}"
