"""The files of a run folder, which may come from anybody: regular files of bounded size, never read through a link.

A folder that the user named may be a link; the files in it may not. Opening never blocks, as it would with a FIFO, and
a file is checked before it is read.
"""

import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Final

from harness.errors import HarnessError
from harness.units import size_text

MAX_FILE_BYTES: Final = 2**26  # of a file that is read at once; the schedule of 10,000 rounds is smaller
MAX_TRIALS_BYTES: Final = 2**30  # of trials.jsonl, which is read line by line
MAX_LINE_BYTES: Final = 2**26  # of one record: nine hours of seconds
MAX_PARSED_BYTES: Final = 400_000_000  # of memory that parsed JSON may take
BYTES_A_VALUE: Final = 40  # of memory, in parsed JSON
BYTES_A_CONTAINER: Final = 300


class FileError(HarnessError):
    """An error for a file that exists and must not be used. The message names it and says why."""


def open_regular(path: Path, flags: int = os.O_RDONLY) -> int:
    """Return a descriptor of the file. Raises FileError unless it is a regular file, and OSError."""
    if path.is_symlink():
        raise FileError(f"{path} is a link to somewhere else")
    if path.exists() and not path.is_file():  # before opening it, which has effects on some devices
        raise FileError(f"{path} is no regular file")
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileError(f"{path} is no regular file")
    return descriptor


def open_bounded(path: Path, max_bytes: int) -> BufferedReader:
    """Return the file, open for reading. Raises FileError unless it is a regular file of at most so many bytes, and
    OSError."""
    file = os.fdopen(open_regular(path), "rb")
    size_bytes = os.fstat(file.fileno()).st_size
    if size_bytes > max_bytes:
        file.close()
        raise FileError(f"{path} is {size_text(size_bytes)}, more than the {size_text(max_bytes)} that are read of it")
    return file


def read_json(path: Path) -> bytes:
    """Return the text of the file. Raises FileError where it is too large to be read at once, and OSError."""
    with open_bounded(path, MAX_FILE_BYTES) as file:
        text = file.read(MAX_FILE_BYTES)
    check_weight(text, str(path))
    return text


def read_lines(path: Path) -> Iterator[bytes | None]:
    """Yield each line without its end; None for one that is too long to be read. Raises FileError and OSError."""
    with open_bounded(path, MAX_TRIALS_BYTES) as file:
        while line := file.readline(MAX_LINE_BYTES):
            if line.endswith(b"\n") or len(line) < MAX_LINE_BYTES:
                yield line.removesuffix(b"\n")
            else:
                _skip_line(file)
                yield None


def check_weight(text: bytes, what: str) -> None:
    """Raise FileError where parsed JSON would take too much memory: a byte or two of text may take hundreds."""
    values, containers = text.count(b","), text.count(b"[") + text.count(b"{")
    if BYTES_A_VALUE * values + BYTES_A_CONTAINER * containers > MAX_PARSED_BYTES:
        raise FileError(f"{what}: holds too many values to be read")


def _skip_line(file: BinaryIO) -> None:
    while (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
        pass
