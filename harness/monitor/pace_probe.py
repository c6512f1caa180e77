"""Does the same small piece of work again and again: ``python pace_probe.py CPU,CPU,…``, one core after another.

Writes the CPU time of each to its standard output, eight bytes (ns, native), until nobody reads them any more, or the
process that started it has been stopped for too long (see harness/machine/lease.py, of which a probe that starts in no
time imports nothing).
"""

import os
import struct
import sys
import time
from itertools import cycle

PERIOD_S = 0.02
ROUNDS = 3000  # about a hundredth of the period
LOOK_AFTER = 50  # pieces of work
MOST_STOPPED = 5  # looks in a row


def work() -> int:
    """Nothing that waits, and little that caches could hold."""
    total = 0
    for number in range(ROUNDS):
        total += number * number
    return total


def is_parent_stopped() -> bool:
    """By its state (proc_pid_stat(5))."""
    try:
        with open(f"/proc/{os.getppid()}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[0] == b"T"
    except FileNotFoundError:
        return False


def main(cpus: list[int]) -> None:
    """Until the reader is gone, or was stopped for too long."""
    stopped = 0
    for done, cpu in enumerate(cycle(cpus)):
        if done % LOOK_AFTER == 0:
            stopped = stopped + 1 if is_parent_stopped() else 0
            if stopped > MOST_STOPPED:
                return
        time.sleep(PERIOD_S)
        os.sched_setaffinity(0, [cpu])
        begin_ns = time.thread_time_ns()
        work()
        try:
            os.write(sys.stdout.fileno(), struct.pack("q", time.thread_time_ns() - begin_ns))
        except BrokenPipeError:
            return


if __name__ == "__main__":
    main([int(cpu) for cpu in sys.argv[1].split(",")])
