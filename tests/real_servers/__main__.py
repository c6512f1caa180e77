"""Measure the servers of the catalogue that this machine has, and write the page of what was found.

Run as ``python -m tests.real_servers``, after ``tests/real_servers/install``. Ends with 1 when anything was not as it
should be, or too few servers were there.
"""

import sys
import time
from pathlib import Path
from typing import Annotated, Final

import typer

from harness.machine.environment import describe_environment
from tests.real_servers.catalogue import SERVERS
from tests.real_servers.measuring import Measured, measure, missing_programs
from tests.real_servers.writing import page_text

PAGE: Final = Path("docs/servers.md")
LEAST: Final = 14  # servers, or the page is not worth its name


def main(
    only: Annotated[str, typer.Option(help="Servers whose names contain this; writes no page.")] = "",
) -> None:
    """Measure, print a line for each server, write the page."""
    measured, missing = dict[str, Measured](), dict[str, list[str]]()
    for server in SERVERS:
        if only not in server.name:
            continue
        if names := missing_programs(server):
            missing[server.name] = names
            print(f"{server.name}: left out, no {', '.join(names)}", flush=True)
            continue
        began_s = time.monotonic()
        measured[server.name] = measure(server)
        said = "; ".join(measured[server.name].faults) or "ok"
        print(f"{server.name}: {said} ({time.monotonic() - began_s:.1f} s)", flush=True)
    faulty = [name for name, found in measured.items() if found.faults]
    print(f"\n{len(measured)} measured, {len(missing)} left out, {len(faulty)} faulty {' '.join(faulty)}".rstrip())
    if only:
        sys.exit(bool(faulty))
    PAGE.write_text(page_text(measured, missing, describe_environment().system), encoding="utf-8")
    sys.exit(bool(faulty) or len(measured) < LEAST)


if __name__ == "__main__":
    typer.run(main)
