"""One server of the catalogue, measured as its users would: in a folder of its own, with the library."""

import contextlib
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

import harness
from harness.record import TrialRecord
from tests.real_servers.catalogue import RealServer, Roles, Start
from tests.real_servers.versions import INSTALLED, version_of
from tests.real_servers.writing import scenario_text

FILES: Final = Path(__file__).parent / "files"
SEARCHED: Final = (INSTALLED / "bin", INSTALLED / "python/bin", INSTALLED / "node/node_modules/.bin")
# Where the servers write by default, or as their packages configure them.
OUTSIDE: Final = ("/run", "/run/apache2", "/run/php", "/var/log", "/var/log/apache2", "/var/log/nginx", "/var/lib/nginx")


@dataclass(frozen=True)
class Found:
    """What one trial found: the number of processes in each role, and ``faults``, which say what is not as it should."""

    start: Start
    roles: Counter[str]
    faults: Sequence[str]


@dataclass(frozen=True)
class Measured:
    """A server that was measured, each of its starts once."""

    server: RealServer
    version: str
    found: Sequence[Found]
    left: Sequence[str]

    @property
    def faults(self) -> list[str]:
        """Everything that is not as it should be."""
        return [f"{found.start.topology}: {fault}" for found in self.found for fault in found.faults] + list(self.left)


def missing_programs(server: RealServer) -> list[str]:
    """Return the programs that the server needs and this machine lacks."""
    return [name for name in server.needs if shutil.which(name, path=_search_path()) is None]


def measure(server: RealServer) -> Measured:
    """Measure each start of a server for a second. Raises what :func:`harness.compare` raises."""
    before = _outside()
    with _in_a_folder(server) as folder:
        result = harness.compare("scenario.toml")
        trials = {record.topology: record for record in result.run.records}
        found = [_judge(start, trials[_name(start)]) for start in server.starts]
        left = [f"process {process.pid} ({process.name()}) is left" for process in _processes_of(folder)]
        version = version_of(server.needs[0])
    left += [f"{path} was written" for path in sorted(_outside() - before)]
    return Measured(server, version, found, left)


def _name(start: Start) -> str:
    return start.topology.format(workers=start.workers)


def _judge(start: Start, record: TrialRecord) -> Found:
    roles = Counter(process.role for process in record.processes)
    faults = [*_differences(start.roles, roles)]
    if record.status != "ok":
        faults.append(f"{record.status}: {record.reason}")
    if record.load is not None and record.load.errors.total:
        faults.append(f"errors: {record.load.errors}")
    return Found(start, Counter(roles), faults)


def _differences(expected: Roles, roles: Counter[str]) -> Iterator[str]:
    """Yield each role of which there are more or fewer processes than expected."""
    most_workers = expected.most_workers or expected.workers
    if not expected.workers <= roles["worker"] <= most_workers:
        yield f"expected {expected.workers} to {most_workers} workers, found {roles['worker']}"
    for role, number in (
        ("supervisor", expected.supervisors),
        ("front", expected.fronts),
        ("helper", expected.helpers),
    ):
        if roles[role] != number:
            yield f"expected {number} × {role}, found {roles[role]}"


@contextlib.contextmanager
def _in_a_folder(server: RealServer) -> Iterator[Path]:
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
    return os.pathsep.join([*map(str, SEARCHED), os.environ.get("PATH", os.defpath), "/usr/sbin"])


def _processes_of(folder: Path) -> list[psutil.Process]:
    """Every process that has the folder for its home, which those of a server have from the harness."""
    return [process for process in psutil.process_iter() if _home(process) == str(folder) and process.pid != os.getpid()]


def _home(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("HOME") if process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def _outside() -> set[Path]:
    """What is where servers write by default, and where the caller is at home."""
    places = [Path(place) for place in OUTSIDE if os.access(place, os.R_OK)]
    return {path for place in [*places, Path.home()] for path in place.iterdir()}
