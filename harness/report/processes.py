"""The processes of each topology, by what each was for."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.analysis.launch import ROLES
from harness.analysis.summary import TopologySummary
from harness.record import Role, Run, ServerProcess


@dataclass(frozen=True)
class TopologyProcesses:
    """The processes of one topology, as its last good trial saw them. ``programs`` are by role, in words; empty where
    there was none."""

    name: str
    programs: dict[Role, str]


def process_rows(run: Run, summaries: Sequence[TopologySummary]) -> Iterator[TopologyProcesses]:
    """Yield the processes of each topology of which a trial counts, and recorded the programs."""
    for summary in summaries:
        records = [record for record in run.records if record.topology == summary.name and record.status == "ok"]
        if records and all(process.program for process in records[-1].processes):
            processes = records[-1].processes
            yield TopologyProcesses(summary.name, {role: _programs_text(processes, role) for role in ROLES})


def _programs_text(processes: Sequence[ServerProcess], role: Role) -> str:
    """Return the processes of a role by name: ``2 × gunicorn (python3.11), 4 threads each``."""
    kinds = defaultdict[str, list[int]](list)
    for process in processes:
        if process.role == role:
            program = f" ({process.program})" if process.program != process.name else ""
            kinds[f"{process.name}{program}"].append(process.threads)
    does_work = role in ("worker", "front")
    return "; ".join(
        f"{len(threads)} × {kind}{f', {_threads_text(threads)}' if does_work else ''}"
        for kind, threads in kinds.items()
    )


def _threads_text(numbers: Sequence[int]) -> str:
    least, most = min(numbers), max(numbers)
    each = " each" if len(numbers) > 1 else ""
    return f"{least if least == most else f'{least} to {most}'} thread{'' if most == 1 else 's'}{each}"
