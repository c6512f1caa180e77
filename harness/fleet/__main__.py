"""The agent's own process: ``python -m harness.fleet NAME LEADER ADDRESS ROOT [KEYS]``."""

import os
import sys
from pathlib import Path

from harness.errors import HarnessError
from harness.fleet.agent import Agent
from harness.machine.lease import end_with_parent


def main(name: str, leader: str, address: str, root: str, *keys: str) -> None:
    """Run the agent until its leader ends it. What is wrong is printed on stderr, with exit code 2."""
    if not end_with_parent(os.getppid()):
        sys.exit("the process that watches the agent has gone")
    folder = Path(keys[0]).absolute() if keys else None
    try:
        os.chdir(root)
        Agent(name, leader, address, folder).run()
    except OSError as error:
        sys.exit(f"harness agent: {root}: {error.strerror}")
    except HarnessError as error:
        print(f"harness agent: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main(*sys.argv[1:])
