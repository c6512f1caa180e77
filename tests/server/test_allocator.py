"""Where the processes of a server take their memory from is told by the files that they have mapped."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.record import Allocator, Role, ServerProcess
from harness.server.allocator import find_allocator, read_allocator

SHELLCHECK = Path(sys.executable).parent / "shellcheck"  # a static program, which waits for what it is to check
MAPS_FILES = """
import mmap, sys
files = [open(name) for name in sys.argv[1:]]
maps = [mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) for file in files]
print("mapped", flush=True)
sys.stdin.read()
"""
GLIBC = "/usr/lib/x86_64-linux-gnu/libc.so.6"
NO_PID = 2**22 + 1  # more than Linux ever gives


@contextmanager
def running(*command: str | Path) -> Iterator[int]:
    """The pid of a program that waits until its input ends."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process.pid
        process.kill()


@contextmanager
def mapping(*files: Path) -> Iterator[int]:
    """The pid of a process of glibc that has mapped these files too."""
    with subprocess.Popen(
        [sys.executable, "-c", MAPS_FILES, *files], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "mapped\n"
        yield process.pid
        process.kill()


def library(folder: Path, name: str) -> Path:
    """A file of this name that can be mapped."""
    (file := folder / name).write_bytes(b"\x7fELF")
    return file


def process(pid: int, role: Role = "worker") -> ServerProcess:
    return ServerProcess(pid=pid, born_s=1.0, role=role, name="server")


def test_a_python_is_of_glibc() -> None:
    with mapping() as pid:
        assert read_allocator([process(pid)]) == "glibc"


def test_a_static_program_is_of_no_library() -> None:
    with running(SHELLCHECK, "-") as pid:
        assert read_allocator([process(pid)]) == "none"


def test_a_library_that_takes_the_place_of_malloc_is_told_before_glibc(tmp_path: Path) -> None:
    with mapping(library(tmp_path, "libjemalloc.so.2")) as pid:
        assert read_allocator([process(pid)]) == "jemalloc"


def test_the_workers_are_asked_and_not_what_is_in_front_of_them(tmp_path: Path) -> None:
    with mapping(library(tmp_path, "libmimalloc.so.2.1")) as worker, mapping() as front:
        assert read_allocator([process(front, "front"), process(worker)]) == "mimalloc"
        assert read_allocator([process(front, "front"), process(worker, "helper")]) == "glibc"


def test_glibc_in_one_worker_is_glibc(tmp_path: Path) -> None:
    with mapping(library(tmp_path, "libjemalloc.so.2")) as one, mapping() as other:
        assert read_allocator([process(one), process(other)]) == "glibc"


def test_of_processes_that_are_gone_nothing_is_known() -> None:
    assert read_allocator([process(NO_PID)]) is None
    assert read_allocator([]) is None


@pytest.mark.parametrize(
    ("files", "allocator"),
    [
        (["[heap]", GLIBC, "/lib64/ld-linux-x86-64.so.2"], "glibc"),
        (["/lib/x86_64-linux-gnu/libc-2.31.so"], "glibc"),
        (["/lib/ld-musl-x86_64.so.1"], "musl"),
        (["/lib/libc.musl-x86_64.so.1", "/usr/lib/libjemalloc.so.2"], "jemalloc"),
        ([GLIBC, "/usr/lib/x86_64-linux-gnu/libmimalloc.so.2.0"], "mimalloc"),
        ([GLIBC, "/opt/mi/libmimalloc-secure.so.2"], "mimalloc"),
        ([GLIBC, "/usr/lib/libtcmalloc.so.4"], "tcmalloc"),
        ([GLIBC, "/usr/lib/libtcmalloc_minimal.so.4.5.9"], "tcmalloc"),
        (["/srv/go-server", "[heap]", "[stack]", "[vdso]"], "none"),
        (["/srv/libc.so.6/server", "/srv/libcrypto.so.3"], "none"),
        ([], "none"),
    ],
)
def test_libraries_are_known_by_their_names(files: list[str], allocator: Allocator) -> None:
    assert find_allocator(files) == allocator
