"""One comparison at a time."""

import os
import subprocess
import sys

import pytest

from harness.machine.lock import BusyError, exclusive_run

pytestmark = pytest.mark.compares


def test_the_second_is_told_who_is_there() -> None:
    with exclusive_run(), pytest.raises(BusyError, match=rf"process {os.getpid()}\)"), exclusive_run():
        pass


def test_one_after_the_other_is_alone() -> None:
    for _ in range(2):
        with exclusive_run():
            pass


def test_a_killed_one_leaves_nothing_behind() -> None:
    code = (
        "import time\nfrom harness.machine.lock import exclusive_run\n"
        "with exclusive_run():\n    print(flush=True)\n    time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(BusyError, match=f"process {other.pid}"), exclusive_run():
            pass
        other.kill()
    with exclusive_run():
        pass
