"""Measure the servers of the catalogue that this machine has, and write the page of what was found.

Run as ``python -m tests.real_servers``, after ``tests/real_servers/install``. Ends with 1 when anything was not as it
should be, or too few servers were there.
"""

import sys
import time
from pathlib import Path
from typing import Annotated, Final

import typer

from harness.environment import describe_environment
from tests.real_servers.catalogue import SERVERS
from tests.real_servers.measuring import Measured, measure, missing_programs
from tests.real_servers.writing import page_text

PAGE: Final = Path("docs/servers.md")
LEAST: Final = 14  # servers, or the page is not worth its name


def main(
    only: Annotated[str, typer.Option(help="Servers whose names contain this; writes no page.")] = "",
) -> None:
    """Measure, print a line for each server, write the page."""
    measured, skipped = list[Measured](), list[str]()
    for server in SERVERS:
        if only not in server.name:
            continue
        if missing := missing_programs(server):
            skipped.append(f"{server.title} (no {', '.join(missing)})")
            print(f"{server.name}: left out, no {', '.join(missing)}", flush=True)
            continue
        began_s = time.monotonic()
        measured.append(measure(server))
        faults = measured[-1].faults
        print(f"{server.name}: {'; '.join(faults) or 'ok'} ({time.monotonic() - began_s:.1f} s)", flush=True)
    faulty = [each.server.name for each in measured if each.faults]
    print(f"\n{len(measured)} servers measured, {len(skipped)} left out, {len(faulty)} faulty: {', '.join(faulty)}")
    if only:
        sys.exit(bool(faulty))
    PAGE.write_text(page_text(measured, skipped, describe_environment().system), encoding="utf-8")
    sys.exit(bool(faulty) or len(measured) < LEAST)


if __name__ == "__main__":
    typer.run(main)
