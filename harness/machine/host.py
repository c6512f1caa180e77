"""The machine as its kernel presents it: files below a root folder, and the limits of this process."""

import math
import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

_MAX_COUNT: Final = 2**64  # no counter of the kernel is larger


@dataclass(frozen=True)
class Host:
    """A machine. Paths are relative to ``root``, such as ``proc/stat``; what can't be read is None, never an error.

    ``cpus`` are those that this process may run on. ``open_files`` are its soft and hard limit (infinite without one).
    Server and generator inherit both. ``pause`` waits for a number of seconds.
    """

    root: Path
    cpus: tuple[int, ...]
    open_files: tuple[float, float]
    pause: Callable[[float], None] = time.sleep

    @classmethod
    def here(cls) -> Self:
        """Return the machine that this process runs on."""
        soft, hard = map(_limit, resource.getrlimit(resource.RLIMIT_NOFILE))
        return cls(root=Path("/"), cpus=tuple(sorted(os.sched_getaffinity(0))), open_files=(soft, hard))

    def text(self, path: str) -> str | None:
        """Return the text of the file, without white space around it; None if it can't be read."""
        try:
            return (self.root / path).read_text(encoding="utf-8", errors="replace").strip()
        except (OSError, ValueError):  # ValueError: not a valid path
            return None

    def number(self, path: str) -> int | None:
        """Return the whole number in the file; None if there is none."""
        return parse_count(self.text(path))

    def has(self, path: str) -> bool:
        """Return whether there is such a file or folder."""
        return os.path.exists(self.root / path)


def parse_count(text: str | None) -> int | None:
    """Return the text as a whole number from 0 up, as the kernel writes counters and switches; None if it is none."""
    try:
        number = int(text or "")
    except ValueError:
        return None
    return number if 0 <= number < _MAX_COUNT else None


def parse_decimal(text: str | None) -> float | None:
    """Return the text as a finite number from 0 up, as the kernel writes averages; None if it is none."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 <= number < _MAX_COUNT else None


def word_after(text: str | None, key: str) -> str | None:
    """Return the word that follows ``key``, as in ``tw 12``; None if there is none."""
    words = (text or "").split()
    return words[words.index(key) + 1] if key in words[:-1] else None


def _limit(limit: int) -> float:
    return math.inf if limit == resource.RLIM_INFINITY else limit
