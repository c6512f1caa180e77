"""The descendants of a process, and their states.

Only the /proc files of these processes are read. That takes 0.1 ms for a few of them; to read those of all processes of
the machine takes many times that.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import Final

from harness.machine.lease import state_in

HAS_CHILDREN_FILES: Final = os.path.exists(f"/proc/self/task/{os.getpid()}/children")  # CONFIG_PROC_CHILDREN


def children_of(pid: int) -> list[int]:
    """Return the children of a process, zombies too; none if it has ended.

    Some may be missing when others end during the call: call it again.
    """
    if not HAS_CHILDREN_FILES:
        import psutil  # which takes longer than all else that the guardian imports

        with contextlib.suppress(psutil.NoSuchProcess):
            return [child.pid for child in psutil.Process(pid).children()]
        return []
    threads: list[str] = []
    with contextlib.suppress(OSError):
        threads = os.listdir(f"/proc/{pid}/task")
    return [int(child) for thread in threads for child in _read(f"/proc/{pid}/task/{thread}/children").split()]


def descendants_of(pid: int) -> Iterator[int]:
    """Yield the children of a process and their descendants, parents first."""
    for child in children_of(pid):
        yield child
        yield from descendants_of(child)


def state_of(pid: int) -> bytes:
    """Return the state of a process, see :func:`harness.machine.lease.state_in`; empty when it has ended."""
    stat = _read(f"/proc/{pid}/stat")
    return state_in(stat) if stat else b""


def _read(path: str) -> bytes:
    """Return the content of a file in /proc; empty when the process has ended."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall() or b""
    except (FileNotFoundError, ProcessLookupError):
        return b""
