"""A script that does the same small piece of work repeatedly, on one core after another.

It runs as ``python core_speed_probe.py CPU,CPU,…``. It writes the CPU time of each piece to standard output, in eight
bytes (ns, native byte order), until nobody reads them any more, or until the process that started it has been stopped
for too long (see harness/machine/lease.py, which is not imported so that the probe starts quickly).
"""

import os
import struct
import sys
import time
from itertools import cycle

PERIOD_S = 0.005
POWERS = 2  # in a piece of work: some 25 µs
BASE, EXPONENT, MODULUS = 3**320, 65537, 2**521 - 1
LOOK_AFTER = 200  # pieces of work between two looks at the parent
MAX_STOPPED = 5  # successive looks


def work(powers: int) -> None:
    """Do a piece of work that never waits and hardly uses memory.

    Nearly all of it is one short loop of machine code. An interpreter's own loop jumps between many places: it took a
    third more time beside one launch of a server in ten, as long as that lived, although the cores were as fast as
    ever, since the addresses of the two happened to stand in each other's way (branch prediction).
    """
    for _ in range(powers):
        pow(BASE, EXPONENT, MODULUS)


def is_parent_stopped() -> bool:
    """Return whether the parent is stopped, by its state (proc_pid_stat(5))."""
    try:
        with open(f"/proc/{os.getppid()}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[0] == b"T"
    except FileNotFoundError:
        return False


def main(cpus: list[int]) -> None:
    """Work until the reader has ended, or was stopped for too long."""
    stopped = 0
    for done, cpu in enumerate(cycle(cpus)):
        if done % LOOK_AFTER == 0:
            stopped = stopped + 1 if is_parent_stopped() else 0
            if stopped > MAX_STOPPED:
                return
        time.sleep(PERIOD_S)
        os.sched_setaffinity(0, [cpu])
        work(powers=1)  # what the caches had to fetch is not measured
        begin_ns = time.thread_time_ns()
        work(POWERS)
        try:
            os.write(sys.stdout.fileno(), struct.pack("q", time.thread_time_ns() - begin_ns))
        except BrokenPipeError:
            return


if __name__ == "__main__":
    main([int(cpu) for cpu in sys.argv[1].split(",")])
