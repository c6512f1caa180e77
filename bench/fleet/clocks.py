"""How far the clocks of hosts seem to be ahead, again and again: ``python -m bench.fleet.clocks FLEET TIMES``.

It prints a line for each: the host, the offset and its bound (ns).
"""

import sys
import time
from pathlib import Path

from harness.fleet.clocks import EXCHANGES, ClockOffset
from harness.fleet.file import Fleet
from harness.fleet.leader import Leader


def main(file: str, times: str) -> None:
    """Measure the clock of each host so many times."""
    with Leader(Fleet.read(Path(file)), Path(file).parent) as leader:
        for name in sorted(leader.joined) * int(times):
            exchanges = []
            for _ in range(EXCHANGES):
                sent_ns = time.monotonic_ns()
                there_ns = int(leader._ask(leader.joined[name], "clock")["now_ns"])
                exchanges.append((sent_ns, there_ns, time.monotonic_ns()))
            found = ClockOffset.of(exchanges)
            print(name, found.offset_ns, found.bound_ns)


if __name__ == "__main__":
    main(*sys.argv[1:])
