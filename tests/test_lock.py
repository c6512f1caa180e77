"""One comparison at a time."""

import os
import subprocess
import sys

import pytest

from harness.machine.lock import BusyError, alone

pytestmark = pytest.mark.compares


def test_the_second_is_told_who_is_there() -> None:
    with alone(), pytest.raises(BusyError, match=rf"process {os.getpid()}\)"), alone():
        pass


def test_one_after_the_other_is_alone() -> None:
    for _ in range(2):
        with alone():
            pass


def test_a_killed_one_leaves_nothing_behind() -> None:
    code = (
        "import time\nfrom harness.machine.lock import alone\nwith alone():\n    print(flush=True)\n    time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(BusyError, match=f"process {other.pid}"), alone():
            pass
        other.kill()
    with alone():
        pass
