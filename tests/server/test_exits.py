"""How processes end that are none of ours to wait for."""

import os
import signal
import subprocess
import sys
from typing import Final

import pytest

from harness.server.exits import ExitWatch, describe_exit, is_expected_exit
from tests.server.polling import wait_until

# Its child ends once the parent reads a line, and the parent waits for it before it says so.
PARENT: Final = """
import os, signal, sys
how, (reading, writing) = int(sys.argv[1]), os.pipe()
if not (pid := os.fork()):
    os.read(reading, 1)
    if how < 0:
        os.kill(os.getpid(), -how)
    os._exit(how)
print(pid, flush=True)
sys.stdin.readline()
os.write(writing, b"x")
os.waitpid(pid, 0)
print("over", flush=True)
sys.stdin.readline()
"""


def watch_end(how: int) -> int | None:
    """Return how a grandchild is seen to end."""
    command = [sys.executable, "-c", PARENT, str(how)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdin
        assert parent.stdout
        watch = ExitWatch(int(parent.stdout.readline()))
        assert watch.status() is None
        parent.stdin.write("\n")
        parent.stdin.flush()
        assert parent.stdout.readline() == "over\n"
        status = watch.status()
        watch.close()
        parent.stdin.close()
    return status


@pytest.mark.parametrize("how", [0, 3, 143, -signal.SIGTERM, -signal.SIGKILL])
def test_the_end_of_a_grandchild_is_told_or_not_known(how: int) -> None:
    release = tuple(map(int, os.uname().release.split("-")[0].split(".")[:2]))
    status = watch_end(how)
    assert status == (how if release >= (6, 15) else None)


def test_a_process_that_is_gone_already_is_not_known() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    watch = ExitWatch(child.pid)
    wait_until(lambda: watch.status() is None, "nothing to be known")
    watch.close()


def test_what_was_asked_to_end_did_not_crash() -> None:
    asked = [signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2]
    assert all(map(is_expected_exit, [0, *(-each for each in asked), 128 + signal.SIGTERM]))
    assert not any(
        map(is_expected_exit, [1, 128, -signal.SIGKILL, -signal.SIGSEGV, -signal.SIGABRT, 128 + signal.SIGKILL])
    )


def test_an_end_is_told_in_words() -> None:
    assert describe_exit(3) == "exit status 3"
    assert describe_exit(-9) == "SIGKILL"
    assert describe_exit(-40) == "signal 40"


def test_a_zombie_tells_how_it_ended() -> None:
    child = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    watch = ExitWatch(child.pid)
    wait_until(lambda: watch.status() == 3, "it to end, which nobody has waited for")
    assert child.wait() == 3
    watch.close()
