"""A server of this bench, started and ended; what it logged is the truth."""

import json
import subprocess
import sys
from types import TracebackType
from typing import Final, Self

from bench.delays import Log

HOST: Final = "127.0.0.1"


class DelayingServer:
    """``bench.delays`` in a process of its own, pinned to ``cpu`` if given; leaving the context fills in the log."""

    def __init__(self, distribution: str, seed: int = 1, cpu: int | None = None) -> None:
        pin = [] if cpu is None else ["taskset", "-c", str(cpu)]
        command = [*pin, sys.executable, "-m", "bench.delays", distribution, str(seed)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.port = int(self._process.stdout.readline())
        self.log = Log()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self.port}/"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        said, _ = self._process.communicate(timeout=30)
        if kind is None:
            self.log = Log(**json.loads(said))
