"""The machine as its kernel tells of it: files below a root folder, and what this process may use."""

import math
import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

_MOST: Final = 2**64  # no counter of the kernel's is larger


@dataclass(frozen=True)
class Host:
    """A machine. Paths are relative to ``root``, such as ``proc/stat``; what can't be read is None, never an error.

    ``cpus`` are those that this process may run on, ``open_files`` its soft and hard limit (infinite without one):
    server and generator inherit both. ``pause`` lets that many seconds pass.
    """

    root: Path
    cpus: tuple[int, ...]
    open_files: tuple[float, float]
    pause: Callable[[float], None] = time.sleep

    @classmethod
    def here(cls) -> Self:
        """The machine that this runs on."""
        soft, hard = map(_limit, resource.getrlimit(resource.RLIMIT_NOFILE))
        return cls(root=Path("/"), cpus=tuple(sorted(os.sched_getaffinity(0))), open_files=(soft, hard))

    def text(self, path: str) -> str | None:
        """What is in the file, without the space around it."""
        try:
            return (self.root / path).read_text(encoding="utf-8", errors="replace").strip()
        except (OSError, ValueError):  # the latter for a path that can be none
            return None

    def number(self, path: str) -> int | None:
        """The whole number in the file."""
        return whole(self.text(path))

    def has(self, path: str) -> bool:
        """Whether there is such a file or folder."""
        return os.path.exists(self.root / path)


def whole(text: str | None) -> int | None:
    """The number that the text is, as the kernel writes counters and switches: from 0 up."""
    try:
        number = int(text or "")
    except ValueError:
        return None
    return number if 0 <= number < _MOST else None


def decimal(text: str | None) -> float | None:
    """The number that the text is, as the kernel writes averages: finite, from 0 up."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 <= number < _MOST else None


def word_after(text: str | None, key: str) -> str | None:
    """The word that follows ``key`` where files of the kernel name their values: ``tw 12``."""
    words = (text or "").split()
    return words[words.index(key) + 1] if key in words[:-1] else None


def _limit(limit: int) -> float:
    return math.inf if limit == resource.RLIM_INFINITY else limit
