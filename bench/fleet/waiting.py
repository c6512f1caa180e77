"""A leader that has nothing to do: ``python -m bench.fleet.waiting FLEET``."""

import sys
import time
from pathlib import Path

from harness.fleet.file import Fleet
from harness.fleet.leader import Leader

if __name__ == "__main__":
    with Leader(Fleet.read(Path(sys.argv[1])), Path(sys.argv[1]).parent):
        time.sleep(1000)
