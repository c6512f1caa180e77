"""One server of the catalogue, measured as its users would: in a folder of its own, with the library."""

import contextlib
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

import harness
from harness.record import TrialRecord
from tests.real_servers.catalogue import RealServer, Start
from tests.real_servers.programs import INSTALLED, version_of
from tests.real_servers.writing import scenario_text

FILES: Final = Path(__file__).parent / "files"
PROGRAMS: Final = (INSTALLED / "bin", INSTALLED / "python/bin", INSTALLED / "node/node_modules/.bin")
# Where servers write by default, or as their packages configure them.
OUTSIDE: Final = (
    "/run",
    "/run/apache2",
    "/run/php",
    "/var/log",
    "/var/log/apache2",
    "/var/log/nginx",
    "/var/lib/nginx",
)


@dataclass(frozen=True)
class Found:
    """What one trial found."""

    start: Start
    record: TrialRecord

    @property
    def roles(self) -> Counter[str]:
        """The number of processes in each role as the window began."""
        return Counter(process.role for process in self.record.processes)

    @property
    def threads(self) -> list[int]:
        """How many threads the workers had: each number once, in order."""
        return sorted({process.threads for process in self.record.processes if process.role == "worker"})

    @property
    def replaced(self) -> int:
        """How many workers ended within the window."""
        counts = self.record.worker_counts
        return sum(counts.ended.values()) if counts else 0

    @property
    def faults(self) -> list[str]:
        """Everything that is not as it should be."""
        return [f"{self.record.topology}: {fault}" for fault in self._faults()]

    def _faults(self) -> Iterator[str]:
        if self.record.status != "ok":
            yield f"{self.record.status}: {self.record.reason}"
        if self.record.load is None:
            return
        if self.record.load.errors.total:
            yield f"errors: {self.record.load.errors}"
        expected = self.start.roles
        # Of those that are replaced, all may be gone at a moment, and their successors not there yet.
        least = 0 if self.start.is_replacing else expected.workers
        most = expected.most_workers or expected.workers
        if not least <= self.roles["worker"] <= most:
            yield f"expected {least} to {most} workers, found {self.roles['worker']}"
        others = {"supervisor": expected.supervisors, "front": expected.fronts, "helper": expected.helpers}
        for role, number in others.items():
            if self.roles[role] != number:
                yield f"expected processes with the role {role}: {number}, found {self.roles[role]}"
        if expected.threads is not None and self.threads != [expected.threads]:
            yield f"expected {expected.threads} threads a worker, found {self.threads}"
        if self.start.is_replacing and not (self.record.worker_counts and self.record.worker_counts.is_replacing):
            yield "expected workers that are replaced, found none"


@dataclass(frozen=True)
class Measured:
    """A server that was measured, each of its starts once. ``left`` says what was left behind."""

    server: RealServer
    versions: Mapping[str, str]
    found: Sequence[Found]
    left: Sequence[str]

    @property
    def faults(self) -> list[str]:
        """Everything that is not as it should be."""
        return [fault for found in self.found for fault in found.faults] + list(self.left)


def missing_programs(server: RealServer) -> list[str]:
    """Return the programs that the server needs and this machine lacks."""
    return [name for name in server.needs if shutil.which(name, path=_search_path()) is None]


def measure(server: RealServer) -> Measured:
    """Measure each start of a server for a second. Raises what :func:`harness.compare` raises."""
    before = _files_outside(server)
    with _folder_of(server) as folder:
        versions = {program: version_of(program) for program in server.needs}
        records = {record.topology: record for record in harness.compare("scenario.toml").run.records}
        found = [Found(start, records[start.name]) for start in server.starts]
        left = [f"process {process.pid} ({process.name()}) was left" for process in _processes_in(folder)]
    left += [f"{path} was written" for path in sorted(_files_outside(server) - before)]
    return Measured(server, versions, found, left)


@contextlib.contextmanager
def _folder_of(server: RealServer) -> Iterator[Path]:
    """Be where the server's files and its scenario are, with the catalogue's programs first and a home of its own."""
    environment, cwd = dict(os.environ), Path.cwd()
    folder = Path(tempfile.mkdtemp(prefix=f"{server.name}-")).resolve()
    try:
        folder.chmod(0o755)  # nginx, Apache and PHP-FPM serve as another user where root starts them
        for name in server.files:
            shutil.copy(FILES / name, folder)
        (folder / "scenario.toml").write_text(scenario_text(server), encoding="utf-8")
        os.environ |= {"PATH": _search_path(), "HOME": str(folder), "TMPDIR": str(folder)}
        os.chdir(folder)
        yield folder
    finally:
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(environment)
        shutil.rmtree(folder)


def _search_path() -> str:
    return os.pathsep.join([*map(str, PROGRAMS), os.environ.get("PATH", os.defpath), "/usr/sbin"])


def _processes_in(folder: Path) -> list[psutil.Process]:
    """Return the processes that are at home or at work in the folder, but for this one."""
    return [process for process in psutil.process_iter() if process.pid != os.getpid() and _is_in(folder, process)]


def _is_in(folder: Path, process: psutil.Process) -> bool:
    try:
        return process.cwd() == str(folder) or process.environ().get("HOME") == str(folder)
    except psutil.Error:  # it has ended, or is another user's
        return False


def _files_outside(server: RealServer) -> set[Path]:
    """Return what is where the caller is at home and, by the name of a program, where servers write by default."""
    words = [program.partition("-")[0] for program in server.needs]
    places = [Path(place) for place in OUTSIDE if os.access(place, os.R_OK)]
    named = {path for place in places for path in place.iterdir() if any(word in str(path) for word in words)}
    return named | set(Path.home().iterdir())
