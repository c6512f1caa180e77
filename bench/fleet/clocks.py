"""How far the clocks of hosts seem to be ahead, again and again: ``python -m bench.fleet.clocks FLEET TIMES``.

It prints a line for each: the host, the offset and its bound (ns).
"""

import sys
from pathlib import Path

from harness.fleet.file import Fleet
from harness.fleet.leader import Leader


def main(file: str, times: str) -> None:
    """Measure the clock of each host so many times."""
    with Leader(Fleet.read(Path(file)), Path(file).parent) as leader:
        for name in sorted(leader.joined) * int(times):
            found = leader.measure_clock(name)
            print(name, found.offset_ns, found.bound_ns)


if __name__ == "__main__":
    main(*sys.argv[1:])
