"""Sleep, then hold one lock: a server that waits and hardly works, and whose law of scaling is known exactly.

As a cluster: `gunicorn 'servers.sleep_lock:create_app()' -c servers/shared_folder.py -w 2 -b 127.0.0.1:8080`, with sync
workers, each of which takes one connection after another. Its settings are the environment variables `SLEEP_MS`,
`LOCK_MS` and `LOCK_FILE`, a new file that all workers lock, which `shared_folder.py` gives them.

A request sleeps `SLEEP_MS` and then holds the lock, which all workers share, for a time that is drawn from the
exponential distribution with the mean `LOCK_MS`. As long as there are two connections or more for each worker, none is
ever idle, and the throughput is that of `machine_repairman.py`. So that nothing else takes time, each of the two runs
from the end of the one before: the sleep from when the worker was done with its last request (answering it, and taking
and parsing the next, are a part of it), and the lock's time from when it was free (so is passing it on). A worker that
was idle sleeps shorter, as it has rested already.
"""

import fcntl
import os
import sys
import time
from collections.abc import Mapping
from math import isfinite
from random import Random
from typing import Final
from wsgiref.types import StartResponse, WSGIEnvironment

from servers.cart.settings import WORKER_CANNOT_START

NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000
BODY: Final = b"slept and held the lock\n"


class SleepLock:
    """The application in one worker. The file at `lock_file` also holds when the lock was last given back."""

    def __init__(self, lock_file: str, sleep_ms: float, lock_ms: float, seed: int) -> None:
        # Opened by each worker, since a lock belongs to an open file: one that they inherit would keep out nobody.
        self._lock = os.open(lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        self._sleep_ns = round(sleep_ms * NS_PER_MS)
        self._lock_ns = lock_ms * NS_PER_MS
        self._dice = Random(seed)
        self._done_ns = 0

    def __call__(self, _: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        """Answer one request."""
        wanted_ns = max(self._done_ns + self._sleep_ns, time.monotonic_ns())
        sleep_until(wanted_ns)
        self._done_ns = self._hold_the_lock(wanted_ns)
        headers = [("Content-Length", str(len(BODY))), ("Content-Type", "text/plain"), ("X-Worker", str(os.getpid()))]
        start_response("200 OK", headers)
        return [BODY]

    def _hold_the_lock(self, wanted_ns: int) -> int:
        """Wait for the lock and hold it; return until when."""
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        free_ns = int.from_bytes(os.pread(self._lock, 8, 0))
        until_ns = max(wanted_ns, free_ns) + round(self._dice.expovariate(1 / self._lock_ns))
        sleep_until(until_ns)
        os.pwrite(self._lock, until_ns.to_bytes(8), 0)
        fcntl.flock(self._lock, fcntl.LOCK_UN)
        return until_ns


def sleep_until(deadline_ns: int) -> None:
    """Sleep until the monotonic clock is there."""
    while (left_ns := deadline_ns - time.monotonic_ns()) > 0:
        time.sleep(left_ns / NS_PER_S)


def milliseconds(environment: Mapping[str, str], name: str, default: str) -> float:
    """The setting `name` in `environment`; ValueError when it is not a time above 0."""
    text = environment.get(name, default)
    try:
        value_ms = float(text)
    except ValueError:
        value_ms = 0.0
    if not (isfinite(value_ms) and value_ms > 0):
        raise ValueError(f"{name} must be a number of milliseconds above 0, not {text!r}")
    return value_ms


def configured(environment: Mapping[str, str], seed: int) -> SleepLock:
    """The application as `environment` sets it. Raises ValueError where it can't, and OSError without the lock file."""
    if "LOCK_FILE" not in environment:
        raise ValueError("LOCK_FILE must name a file that the workers share")
    sleep_ms = milliseconds(environment, "SLEEP_MS", "18")
    lock_ms = milliseconds(environment, "LOCK_MS", "2")
    return SleepLock(environment["LOCK_FILE"], sleep_ms, lock_ms, seed)


def create_app() -> SleepLock:
    """The application of this worker, with dice of its own; a wrong setting ends it with one line on stderr."""
    try:
        return configured(os.environ, seed=os.getpid())
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        raise SystemExit(WORKER_CANNOT_START) from None
