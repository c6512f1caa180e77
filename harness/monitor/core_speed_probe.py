"""A script that does the same small pieces of work repeatedly, on one core after another.

It runs as ``python core_speed_probe.py CPU,CPU,…``. It writes the core of each reading and its CPU time (ns) to
standard output, in four bytes each, and when it ended (ns of the monotonic clock) in eight, in native byte order, until
nobody reads them any more, or until the process that started it has been stopped for too long (see
harness/machine/lease.py, which is not imported so that the probe starts quickly).
"""

import json
import os
import struct
import sys
import time
from itertools import cycle

PERIOD_S = 0.003
BASE, EXPONENT, MODULUS = 3**320, 65, 2**521 - 1
TEXT = '{"name": "a lamp", "price": 12.5, "tags": ["x", "y"]}'
NUMBERS = [number * 7919 % 211 for number in range(16)]
WORDS = [f"word{number}" for number in NUMBERS]
LINE = " ".join(WORDS)
MOST_NS = 2**31 - 1
LOOK_AFTER = 300  # readings between two looks at the parent
MAX_STOPPED = 5  # successive looks


def work() -> int:
    """Do a piece of several kinds of work that never wait and use little memory.

    A neighbour on the other half of a core slows each kind by another share, and so does the code of the server, which
    happens to stand in one's way for as long as it lives (caches, branch prediction). Of several kinds together neither
    moves much.
    """
    pow(BASE, EXPONENT, MODULUS)
    json.loads(TEXT)
    by_word = dict(zip(WORDS, NUMBERS, strict=True))
    line = "%s costs %.2f" % (LINE.title(), 12.5)  # noqa: UP031 - another kind of work than an f-string
    total = len(line) + len(by_word)
    for number in sorted(NUMBERS):
        total += number
    return total


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
        work()  # what the caches had to fetch is not measured
        begin_ns = time.thread_time_ns()
        work()
        try:
            took_ns = min(time.thread_time_ns() - begin_ns, MOST_NS)
            os.write(sys.stdout.fileno(), struct.pack("iiq", cpu, took_ns, time.monotonic_ns()))
        except BrokenPipeError:
            return


if __name__ == "__main__":
    main([int(cpu) for cpu in sys.argv[1].split(",")])
