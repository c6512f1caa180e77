"""A load from the hosts of a fleet on a server of the hub: ``python -m tests.fleet.far_load FLEET KIND SECONDS``.

It prints what was counted on both sides, and how far the clocks seemed to be ahead, as JSON.
"""

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Final

from harness.fleet.file import Fleet
from harness.fleet.leader import Leader
from harness.fleet.messages import Seat
from harness.load.spec import Arrivals, Load, Target
from tests.fleet import counting_server

PORT: Final = 8000
ARRIVALS: Final = {
    "closed": None,
    "constant": Arrivals(rate_per_s=400.0),
    "poisson": Arrivals(kind="poisson", rate_per_s=400.0),
}


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
            arrivals=ARRIVALS[kind],
            seed=7,
        )
        with leader.start_generator(seats) as generator:
            generator.begin(load)
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
                "counted": counted,
                "hosts": [each.model_dump() for each in result.hosts],
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
