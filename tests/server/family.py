"""Every process that a test starts, known by a mark in the environment that it was started with.

A mark stays when a process is orphaned, becomes a daemon or leads a session, so this finds what a walk down the
process tree, which is what the harness goes by, could miss.
"""

import contextlib
import uuid
from typing import Final

import psutil

MARK: Final = "HARNESS_TEST_FAMILY"


class Family:
    """The processes whose environment holds the mark."""

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex

    def alive(self, word: str = "") -> list[psutil.Process]:
        """Those that live; with ``word`` only those that have it in their command line."""
        return [process for process in psutil.process_iter() if self._has(process) and _says(process, word)]

    def end(self) -> list[str]:
        """Kill those that are left; return what they were."""
        left = []
        while alive := self.alive():
            for process in alive:
                with contextlib.suppress(psutil.NoSuchProcess):
                    left.append(repr(process))
                    process.kill()
            psutil.wait_procs(alive)
        return left

    def _has(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


def _says(process: psutil.Process, word: str) -> bool:
    try:
        return word in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False
