"""The state of everything that commands would run, within bounds: programs, named files, source trees, packages."""

import contextlib
import hashlib
import json
import os
import re
import shlex
import stat
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from harness.machine.tools import run_tool
from harness.record import Fingerprint, Program
from harness.record.fingerprint import FileState
from harness.scenario import Topology
from harness.server.launch import ServerCommand, list_commands
from harness.server.programs import ANSWER_S, PYTHON
from harness.text import printable

MAX_FILES: Final = 20_000
MAX_READ_BYTES: Final = 64 * 1024 * 1024  # beyond that, files are known by size and time alone
MAX_CPU_S: Final = 1.0
MAX_SCAN_S: Final = 3.0  # where a disk is slow, or the machine busy

_CACHES: Final = re.compile(r"\.git|\.hg|\.svn|__pycache__|\.hypothesis|\.tox|\.nox|\.[a-z_]+_cache|\.cache")
_RUN: Final = ("run.json", "scenario.json")  # make a folder a run folder
_ENVIRONMENT: Final = "pyvenv.cfg"  # makes a folder a virtual environment, whose packages its Python lists
_OF_THE_SYSTEM: Final = re.compile(r"/(dev|proc|sys|run|var/log|var/run)(/.*)?|/|/var/tmp")

_CODE: Final = re.compile(r"\.(py|pth|json|so(\.[\d.]+)?)$|^RECORD$")
_OUTPUTS: Final = (1, 2)  # descriptors to which the harness prints
_SEPARATORS: Final = re.compile(r"[=:,]")

# Run by a Python: prints the folders from which it imports, less its own library, and those of editable packages.
_PYTHON_CODE: Final = """
import json, os, sys, sysconfig
from importlib import metadata
own = {os.path.realpath(sysconfig.get_path(each)) for each in ("stdlib", "platstdlib")}
own |= {os.path.join(each, "lib-dynload") for each in own}
found = [each for each in sys.path if os.path.isdir(each) and os.path.realpath(each) not in own]
for each in metadata.distributions():
    origin = json.loads(each.read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        found.append(origin["url"].removeprefix("file://"))
print(json.dumps(found))
"""


def take_fingerprint(topologies: Sequence[Topology], programs: Sequence[Program]) -> Fingerprint:
    """Return the present state of everything that the topologies would run; ``programs`` are their programs."""
    scan = _Scan()
    commands = [(topology, command) for topology in topologies for command in list_commands(topology)]
    named = [path for topology, command in commands for path in _find_named_paths(topology, command)]
    for path in [*(Path(program.path) for program in programs), *named]:
        scan.add_file(path)
    imported = list(_iter_import_folders([command for _, command in commands], programs))
    trees = [command.folder for _, command in commands] + [str(path) for path in named if not _is_shared_folder(path)]
    for folder in dict.fromkeys(trees + [each for each in imported if not _has_packages(each)]):
        scan.add_tree(Path(folder))
    for folder in dict.fromkeys(filter(_has_packages, imported)):
        scan.add_packages(Path(folder))
    return Fingerprint(
        files=scan.files, packages=scan.packages, unseen=sorted(scan.unseen), outputs=sorted(scan.outputs)
    )


def _find_named_paths(topology: Topology, command: ServerCommand) -> list[Path]:
    """Return every file and folder that is named in the command or in a variable that the scenario declares."""
    texts = [
        *command.words,
        *(command.env[name] for name in (*topology.env, *topology.pass_env) if name in command.env),
    ]
    parts = [
        part for text in texts for word in (text, *_split_words(text)) for part in (word, *_SEPARATORS.split(word))
    ]
    paths = [Path(command.folder, part) for part in dict.fromkeys(parts) if part]
    if topology.ca_file is not None:
        paths.append(Path(topology.ca_file))
    return [path for path in paths if _exists(path)]


def _split_words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long, or with a zero byte
        return False


def _is_shared_folder(folder: Path) -> bool:
    """Return whether the folder is one that others write to all the time, or one of the system."""
    path = str(folder.resolve())
    return path in (os.path.expanduser("~"), tempfile.gettempdir()) or _OF_THE_SYSTEM.fullmatch(path) is not None


def _iter_import_folders(commands: Sequence[ServerCommand], programs: Sequence[Program]) -> Iterator[str]:
    """Yield the folders from which the Pythons among the programs import, without their own libraries."""
    pythons = dict.fromkeys(program.path for program in programs if PYTHON.fullmatch(program.name))
    asked = {
        (python, command.folder, command.env.get("PYTHONPATH")): command for command in commands for python in pythons
    }
    for (python, _, _), command in asked.items():
        with contextlib.suppress(OSError, ValueError):
            answer = run_tool([python, "-c", _PYTHON_CODE], ANSWER_S, command.env, command.folder)
            yield from json.loads(answer.output)


def _has_packages(folder: str) -> bool:
    return folder.endswith("-packages")


@dataclass
class _Scan:
    """A scan of files and folders, which stops when a bound is reached."""

    files: dict[str, FileState] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    unseen: set[str] = field(default_factory=set)
    outputs: set[str] = field(default_factory=set)
    _read_bytes: int = 0
    _deadline_s: float = field(default_factory=lambda: time.monotonic() + MAX_SCAN_S)
    _cpu_deadline_s: float = field(default_factory=lambda: time.thread_time() + MAX_CPU_S)

    def add_file(self, path: Path) -> None:
        """Record the state of a regular file; anything else is ignored."""
        name = _display_name(path)
        if name in self.files:
            return
        with contextlib.suppress(OSError):
            status = path.stat()
            if (status.st_dev, status.st_ino) in _own_outputs():
                self.outputs.add(name)
            elif stat.S_ISREG(status.st_mode):
                self.files[name] = FileState(status.st_size, status.st_mtime_ns, self._digest(path, status.st_size))

    def add_tree(self, top: Path) -> None:
        """Record the state of every file below the folder, breadth first; what links lead to comes last."""
        near, linked, seen = deque([top]), deque[Path](), set[tuple[int, int]]()
        while near or linked:
            folder = (near or linked).popleft()
            if self._is_exhausted:
                self.unseen.add(_display_name(top))
                return
            with contextlib.suppress(OSError):
                status = folder.stat()
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
                for entry in self._list_entries(folder):
                    if not entry.is_dir():
                        self.add_file(Path(entry.path))
                    elif entry.is_symlink():
                        linked.append(Path(entry.path))
                    else:
                        near.append(Path(entry.path))

    def add_packages(self, folder: Path) -> None:
        """Record a digest of each package that is installed in the folder, of sizes and times alone."""
        with contextlib.suppress(OSError):
            for entry in _sorted_entries(folder):
                if self._is_exhausted:
                    self.unseen.add(_display_name(folder))
                    return
                if not _CACHES.fullmatch(entry.name):
                    digest = hashlib.sha256(os.fsencode("\n".join(_list_states(entry))))
                    self.packages[_display_name(Path(entry.path))] = digest.hexdigest()

    @property
    def _is_exhausted(self) -> bool:
        is_late = time.monotonic() >= self._deadline_s or time.thread_time() >= self._cpu_deadline_s
        return is_late or len(self.files) >= MAX_FILES

    def _list_entries(self, folder: Path) -> "list[os.DirEntry[str]]":
        """Return the entries of a folder, without caches; none of a run folder or a virtual environment."""
        entries = _sorted_entries(folder)
        names = {entry.name for entry in entries}
        if _ENVIRONMENT in names or names.issuperset(_RUN):
            return []
        return [entry for entry in entries if not _CACHES.fullmatch(entry.name)]

    def _digest(self, path: Path, size_bytes: int) -> str | None:
        """Return the SHA-256 of a file; None if it would exceed the bound on bytes, or can't be read."""
        if self._read_bytes + size_bytes > MAX_READ_BYTES:
            return None
        self._read_bytes += size_bytes
        with contextlib.suppress(OSError), path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
        return None


def _own_outputs() -> Iterator[tuple[int, int]]:
    """Yield device and inode of each file to which the harness prints."""
    for descriptor in _OUTPUTS:
        with contextlib.suppress(OSError):
            status = os.fstat(descriptor)
            yield status.st_dev, status.st_ino


def _sorted_entries(folder: Path) -> "list[os.DirEntry[str]]":
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _list_states(entry: "os.DirEntry[str]") -> list[str]:
    """Return one line for each file of code below the entry, and for the list of installed files, sorted."""
    if not entry.is_dir():
        return [_format_state(entry)]
    lines, folders = [], [entry.path]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for each in entries:
                if not each.is_dir(follow_symlinks=False):
                    if _CODE.search(each.name):
                        lines.append(_format_state(each))
                elif each.name != "__pycache__":
                    folders.append(each.path)
    return sorted(lines)


def _format_state(file: "os.DirEntry[str]") -> str:
    try:
        status = file.stat()
    except OSError:  # a link to nothing
        status = file.stat(follow_symlinks=False)
    return f"{file.path} {status.st_size} {status.st_mtime_ns}"


def _display_name(path: Path) -> str:
    """Return the path as it is displayed: relative to the working folder if it is below that."""
    whole, working = os.path.normpath(path), os.path.join(os.getcwd(), "")
    return printable((whole[len(working) :] or ".") if os.path.join(whole, "").startswith(working) else whole)
