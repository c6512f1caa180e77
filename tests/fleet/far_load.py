"""A load from the hosts of a fleet on a server of the hub: ``python -m tests.fleet.far_load FLEET KIND SECONDS``.

It prints what was counted on both sides, and how far the clocks seemed to be ahead, as JSON.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Final

from harness.fleet.file import Fleet
from harness.fleet.leader import Leader
from harness.fleet.messages import Seat
from harness.load.latency import LatencyHistogram
from harness.load.spec import Arrivals, Load, Target
from harness.units import NS_PER_S
from tests.fleet import counting_server

PORT: Final = 8000
FROZEN_S: Final = 1.4
ARRIVALS: Final = {
    "closed": None,
    "constant": Arrivals(rate_per_s=400.0),
    "poisson": Arrivals(kind="poisson", rate_per_s=400.0),
    "frozen": Arrivals(rate_per_s=300.0),  # and the server is stopped for a while
}


def freeze(pid: int) -> None:
    """Stop the server for a while, soon after the window has begun."""
    time.sleep(1.0)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(FROZEN_S)
    os.kill(pid, signal.SIGCONT)


def main(file: str, kind: str, duration_s: str) -> None:
    """Offer the load, and print what came of it."""
    fleet = Fleet.read(Path(file))
    host = fleet.leader.address
    with (
        subprocess.Popen([sys.executable, counting_server.__file__, host, str(PORT)]) as server,
        Leader(fleet, Path(file).parent) as leader,
    ):
        joined = [leader.joined[each.name] for each in fleet.hosts]
        seats = [Seat(name=each.host.name, address=each.address, token=each.token, processes=2) for each in joined]
        load = Load(
            target=Target(host=host, port=PORT),
            connections=12,
            threads=2,
            duration_s=float(duration_s),
            timeout_s=5.0,
            arrivals=ARRIVALS[kind],
            seed=7,
        )
        with leader.start_generator(seats) as generator:
            generator.begin(load)
            if kind == "frozen":
                threading.Thread(target=freeze, args=[server.pid]).start()
            result = generator.result()
        time.sleep(0.2)  # for what was in flight as the window closed
        with urllib.request.urlopen(f"http://{host}:{PORT}/count", timeout=5) as answer:
            counted = int(answer.read())
        server.kill()
    print(
        json.dumps(
            {
                "started": result.started,
                "requests": result.requests,
                "unfinished": result.unfinished,
                "errors": result.errors.total,
                "due": result.offered.due if result.offered else None,
                "processes": result.processes,
                "max_ms": result.latency_ms.max if result.latency_ms else None,
                "slow": LatencyHistogram.decode(result.histogram).above(FROZEN_S / 2 * NS_PER_S),
                "counted": counted,
                "hosts": [each.model_dump() for each in result.hosts],
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
