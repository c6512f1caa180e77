"""A mark stays on all that descends from a command, whatever they do, and on nobody else."""

import os
import resource
import subprocess
from collections.abc import Iterator

import psutil
import pytest

from harness.server.mark import ProcessMark
from tests.server.polling import wait_until

# A daemon in a session of its own, with another environment, whose parents have ended.
ESCAPES = "setsid sh -c 'exec env -i sleep 83 &' & read line"


@pytest.fixture
def command() -> Iterator["subprocess.Popen[bytes]"]:
    """A shell that has left a daemon behind once it is told to go on."""
    with subprocess.Popen(["sh", "-c", f"read line; {ESCAPES}"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def names_of(mark: ProcessMark) -> list[str]:
    """The names of those who carry it."""
    return sorted(psutil.Process(pid).name() for pid in mark.find_marked_pids())


def test_who_escapes_into_a_session_without_environment_carries_it_and_is_ended(
    command: "subprocess.Popen[bytes]",
) -> None:
    mark, other = ProcessMark.new(), ProcessMark.new()
    mark.put_on(command.pid)
    assert command.stdin
    command.stdin.write(b"\n")
    command.stdin.flush()
    wait_until(lambda: names_of(mark) == ["sh", "sleep"], "the daemon, and the shell")
    assert other.find_marked_pids() == []
    assert other.kill_all() == 0
    assert mark.kill_all() == 2
    assert mark.find_marked_pids() == []  # though the shell is still to be waited for


def test_a_limit_that_somebody_has_set_is_left_alone(command: "subprocess.Popen[bytes]") -> None:
    resource.prlimit(command.pid, resource.RLIMIT_RTTIME, (1000, 2000))
    mark = ProcessMark.new()
    mark.put_on(command.pid)
    assert resource.prlimit(command.pid, resource.RLIMIT_RTTIME) == (1000, 2000)
    assert mark.find_marked_pids() == []


def test_nobody_is_killed_who_does_not_carry_it(
    command: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a pid was given to a stranger after the list was made."""
    mark = ProcessMark.new()
    mark.put_on(command.pid)
    monkeypatch.setattr(mark, "find_marked_pids", iter([[os.getpid(), command.pid], []]).__next__)
    assert mark.kill_all() == 1
