"""At SIGUSR1, workers that burn CPU and are replaced as they end, a few at a time; each has a child that does as much,
and every second leaves one behind that others have to adopt. Writes to its log what each has used as it ended, and at
last that all have."""

import os
import signal
import time
from collections.abc import Callable
from typing import NoReturn

from tests.server.servers.serving import options

BURN_S = 0.04
AT_A_TIME = 2


def burn() -> None:
    """Use so much CPU."""
    until_s = time.process_time() + BURN_S
    while time.process_time() < until_s:
        pass


def forked(work: Callable[[], None]) -> int:
    """A process that does it and ends."""
    pid = os.fork()
    if pid == 0:
        work()
        end()
    return pid


def end() -> NoReturn:
    """Tell what this process has used."""
    os.write(1, f"used {time.process_time_ns()}\n".encode())
    os._exit(0)


def worker(number: int) -> None:
    """Burn, and have a child burn, that is waited for or left behind."""
    child = forked(burn)
    burn()
    if number % 2:
        os.waitpid(child, 0)


def replace(workers: int) -> None:
    """One for each that ends."""
    for number in range(workers):
        if number >= AT_A_TIME:
            os.wait()
        forked(lambda number=number: worker(number))  # type: ignore[misc]
    for _ in range(min(workers, AT_A_TIME)):
        os.wait()


if __name__ == "__main__":
    asked = options(workers=12)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    os.write(1, b"ready\n")
    signal.sigwait([signal.SIGUSR1])
    began_ns = time.process_time_ns()
    replace(asked.workers)
    time.sleep(2 * BURN_S)  # for what was left behind
    os.write(1, f"used {time.process_time_ns() - began_ns}\nover\n".encode())
    signal.pause()
