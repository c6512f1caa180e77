"""Does the same small piece of work again and again: ``python pace_probe.py CPU,CPU,…``, one core after another.

Writes the CPU time of each to its standard output, eight bytes (ns, native), until nobody reads them any more.
"""

import os
import struct
import sys
import time
from itertools import cycle

PERIOD_S = 0.02
ROUNDS = 3000  # about a hundredth of the period


def work() -> int:
    """Nothing that waits, and little that caches could hold."""
    total = 0
    for number in range(ROUNDS):
        total += number * number
    return total


def main(cpus: list[int]) -> None:
    """Until the reader is gone."""
    for cpu in cycle(cpus):
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
