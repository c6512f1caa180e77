"""The library from which a server's processes take their memory, as far as their mapped files tell."""

import contextlib
import re
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Final

import psutil

from harness.record import Allocator, ServerProcess

LIBRARIES: Final[dict[Allocator, re.Pattern[str]]] = {  # one that takes the place of the C library's malloc comes first
    "jemalloc": re.compile(r"libjemalloc\b.*"),
    "mimalloc": re.compile(r"libmimalloc\b.*"),
    "tcmalloc": re.compile(r"libtcmalloc(_\w+)?\b.*"),
    "musl": re.compile(r"ld-musl-.*|libc\.musl-.*"),
    "glibc": re.compile(r"libc\.so\.6|libc-2\.\d+\.so"),
}


def read_allocator(processes: Sequence[ServerProcess]) -> Allocator | None:
    """Return the library from which the workers take their memory, or all processes where none is a worker; "glibc"
    if any of them takes it from there. None where that can't be read.

    A library that is linked into a program can't be seen: such a program is taken to use what else is mapped.
    """
    asked = [process for process in processes if process.role == "worker"] or processes
    found = [allocator for process in asked if (allocator := _read_allocator_of(process.pid))]
    return "glibc" if "glibc" in found else next(iter(found), None)


def find_allocator(files: Iterable[str]) -> Allocator:
    """Return the library from which a process with these mapped files takes its memory; "none" if it has none of those
    that are known, as a static program."""
    names = [PurePath(file).name for file in files]
    return next((found for found, name in LIBRARIES.items() if any(map(name.fullmatch, names))), "none")


def _read_allocator_of(pid: int) -> Allocator | None:
    with contextlib.suppress(psutil.Error, OSError):
        return find_allocator(mapped.path for mapped in psutil.Process(pid).memory_maps())
    return None
