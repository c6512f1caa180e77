"""Programs whose threads take turns to hold one global lock, by the names of their files."""

from fnmatch import fnmatchcase
from typing import Final

LOCKED: Final = ("python*", "pypy*", "ruby*", "uwsgi*")
UNLOCKED: Final = "python[0-9].[0-9]*t"  # CPython without it: PEP 703


def has_global_lock(program: str) -> bool:
    """Return True if all threads of the program together use one core at most."""
    return any(fnmatchcase(program, each) for each in LOCKED) and not fnmatchcase(program, UNLOCKED)
