"""Many light agents, all in one process, beside one leader on loopback: what the leader's process uses."""

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import psutil

from harness.fleet.facts import HostFacts
from harness.fleet.file import Fleet
from harness.fleet.keys import security_of
from harness.fleet.leader import Leader
from harness.fleet.wire import CallError, Json, Wire

HOST: Final = "127.0.0.1"
PORT: Final = 8787


def measure_many(number: int, watched_s: float) -> tuple[float, float]:
    """Return how long it took until all had joined (seconds), and how many cores the leader then used."""
    with TemporaryDirectory() as folder:
        hosts = "".join(
            f'[[host]]\nname = "h{n}"\naddress = "{HOST}"\n[[rig]]\nserver = "h{n}"\n' for n in range(number)
        )
        path = Path(folder, "fleet.toml")
        path.write_text(f'unlike = true\n[leader]\naddress = "{HOST}"\nport = {PORT}\n{hosts}', encoding="utf-8")
        agents = subprocess.Popen([sys.executable, "-m", "bench.fleet.many", str(number)])
        try:
            began_s = time.monotonic()
            with Leader(Fleet.read(path), path.parent):
                joined_s = time.monotonic() - began_s
                leader = psutil.Process(os.getpid())
                before, began_s = leader.cpu_times(), time.monotonic()
                time.sleep(watched_s)
                after, took_s = leader.cpu_times(), time.monotonic() - began_s
            return joined_s, (after.user + after.system - before.user - before.system) / took_s
        finally:
            agents.kill()
            agents.wait()


def join_all(number: int) -> None:
    """Join the leader as so many hosts, and answer whatever it asks."""
    facts = HostFacts.gather("h0")

    async def take(message: Json) -> Json:
        return {}

    with Wire(security_of(None, "agent")) as wire:
        contact = wire.listen(HOST, 0, take)
        for n in range(number):
            own = facts.model_copy(update={"name": f"h{n}"}).model_dump_json()
            while True:
                try:
                    wire.call(f"tcp://{HOST}:{PORT}", "join", "", 5.0, contact=contact, secret=f"secret {n}", facts=own)
                    break
                except CallError:
                    time.sleep(0.1)
        time.sleep(1000)


if __name__ == "__main__":
    join_all(int(sys.argv[1]))
