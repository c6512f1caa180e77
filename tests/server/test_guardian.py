"""The guardian ends what it guards, also where it or the harness is stopped, and tells who was stopped."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
import pytest

from harness.machine.lease import STOPPED_S, Lease, state_in
from harness.server import guardian, lineage, supervised
from harness.server.launch import Server
from harness.server.lineage import children_of, descendants_of
from harness.server.supervised import CommandLine, ServerError, SupervisedProcess
from tests.server.asking import wait_until_listening
from tests.server.family import Family
from tests.server.polling import wait_until
from tests.server.topologies import ROOT, prefork, small, topology

FEW_BYTES: Final = 100_000
SHORT_S: Final = 0.2


def stop(pid: int) -> None:
    """SIGSTOP, and wait until it is heeded."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, "it to be stopped")


def test_a_guardian_that_was_stopped_is_told_to_go_on(family: Family, log: Path) -> None:
    with Server(small("grandchildren"), log) as server:
        wait_until_listening(server.port)
        stop(server.guardian_pid)
    assert server.killed == 2
    assert family.alive() == []


def test_a_guardian_does_nothing_where_its_server_is_stopped(log: Path) -> None:
    """It runs on the core of the server, which others have then: servers that take turns are stopped a hundred times a
    second."""
    with Server(small("page"), log) as server:
        wait_until_listening(server.port)
        assert server.pid is not None
        before = switches(server.guardian_pid)
        for _ in range(200):
            for signum in (signal.SIGSTOP, signal.SIGCONT):
                os.kill(server.pid, signum)
                time.sleep(0.001)
        assert switches(server.guardian_pid) - before < 50  # it looks ten times a second


def test_without_descriptors_of_processes_an_end_is_seen_at_the_next_look(
    log: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As before Linux 5.3."""
    old = tmp_path / "old.py"
    old.write_text(
        "import os, sys\nfrom harness.server import guardian\ndel os.pidfd_open\nguardian.main(int(sys.argv[1]))\n"
    )
    monkeypatch.setattr(guardian, "__file__", str(old))
    with Server(small("exits_at_once"), log) as server:
        wait_until(lambda: server.returncode() is not None, "its end")
    with Server(small("page"), log) as server:
        wait_until_listening(server.port)
    assert server.killed == 0


def switches(pid: int) -> int:
    """How often it has gone to sleep."""
    return psutil.Process(pid).num_ctx_switches().voluntary


def be_impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for hardly any time, and tell no guardian to go on."""
    monkeypatch.setattr("harness.server.supervised.signal.SIGCONT", 0)
    for module, name in ((supervised, "EXCHANGE_S"), (supervised, "GRACE_S"), (guardian, "KILL_S")):
        monkeypatch.setattr(module, name, SHORT_S)


def test_a_guardian_that_does_not_go_on_is_killed_and_what_it_guarded_is_found(
    family: Family, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(small("leaves_daemon"), log) as server:
        wait_until_listening(server.port)
        stop(server.guardian_pid)
        be_impatient(monkeypatch)
        with pytest.raises(ServerError, match="its guardian does not answer"):
            server.watch()
    assert not psutil.pid_exists(server.guardian_pid)
    assert family.alive() == []


def test_a_guardian_that_never_answers_is_told(log: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    be_impatient(monkeypatch)
    silent = tmp_path / "silent.py"
    silent.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(guardian, "__file__", str(silent))
    with pytest.raises(ServerError, match="its guardian does not answer"):
        Server(small("page"), log)


def test_workers_in_sessions_of_their_own_are_found_without_a_guardian(log: Path) -> None:
    """Nothing else tells of them: their environment is another one, and their parents have ended."""
    escapes = topology("sh", "-c", "setsid sh -c 'env -i sleep 7309 &'; exec sleep 60", "{port}")
    with Server(escapes, log) as server:
        (daemon,) = wait_until(lambda: sleepers(server.guardian_pid), "the daemon")
        os.kill(server.guardian_pid, signal.SIGKILL)
    assert not daemon.is_running() or daemon.status() == psutil.STATUS_ZOMBIE


def sleepers(pid: int) -> list[psutil.Process]:
    """Those below the process that sleep for so long."""
    found = []
    for each in descendants_of(pid):
        with contextlib.suppress(psutil.NoSuchProcess):  # those who left it end
            process = psutil.Process(each)
            found += [process] if process.cmdline() == ["sleep", "7309"] else []
    return found


def test_a_command_that_takes_too_long_is_told(log: Path) -> None:
    with (
        SupervisedProcess([CommandLine(["sleep", "60"], os.environ)], str(ROOT), log) as running,
        pytest.raises(ServerError, match="not over"),
    ):
        running.wait(SHORT_S)


def test_a_command_is_waited_for_though_its_guardian_is_stopped(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervised, "NUDGE_S", 0.05)
    with SupervisedProcess([CommandLine(["sleep", "0.1"], os.environ)], str(ROOT), log) as running:
        stop(running.guardian_pid)
        assert running.wait(60.0) == 0


def test_orphans_are_waited_for_as_they_end(log: Path) -> None:
    with Server(
        topology("sh", "-c", "for i in 1 2 3 4 5 6; do sh -c 'true &'; done; sleep 60", "{port}"), log
    ) as server:
        wait_until(
            lambda: [psutil.Process(each).name() for each in descendants_of(server.guardian_pid)][1:] == ["sleep"], ""
        )
        wait_until(lambda: children_of(server.guardian_pid) == [server.pid], "the orphans to be waited for")


def test_a_server_that_floods_its_log_while_it_stops_does_not_fill_the_disk(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised, "MAX_LOG_BYTES", FEW_BYTES)
    monkeypatch.setattr(supervised, "GRACE_S", SHORT_S)
    floods = "trap 'echo begins; yes | cat' TERM; echo ready; while :; do sleep 0.01; done"
    with Server(topology("sh", "-c", floods, "{port}"), log):
        wait_until(lambda: log.read_bytes(), "it to be ready")
    assert log.stat().st_size <= FEW_BYTES
    told, _, kept = log.read_bytes().partition(b" were dropped\n")
    assert told.startswith(b"harness: ")
    assert set(kept) == set(b"y\n")  # the newest; the end of who wrote it may be anywhere


def test_what_was_put_in_the_place_of_the_log_is_not_cut(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised, "MAX_LOG_BYTES", FEW_BYTES)
    precious = tmp_path / "precious"
    precious.write_bytes(bytes(2 * FEW_BYTES))
    swaps = f"ln -sf {precious} {log}; head -c {3 * FEW_BYTES} /dev/zero; echo >&2; touch {tmp_path}/done; sleep 60"
    with Server(topology("sh", "-c", swaps, "{port}"), log):
        wait_until((tmp_path / "done").exists, "the log to be flooded")
    assert precious.read_bytes() == bytes(2 * FEW_BYTES)


def test_descendants_are_found_with_and_without_the_kernels_own_list(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(small("grandchildren"), log) as server:
        wait_until_listening(server.port)
        found = list(descendants_of(server.guardian_pid))
        monkeypatch.setattr(lineage, "HAS_CHILDREN_FILES", False)
        assert list(descendants_of(server.guardian_pid)) == found
        assert len(found) == 3
        assert found[0] == server.pid


@pytest.mark.parametrize("which", [0, 2], ids=["supervisor", "worker"])
def test_whoever_of_the_server_is_stopped_is_told(which: int, log: Path) -> None:
    with Server(prefork(2), log) as server:
        wait_until(lambda: len(list(descendants_of(server.guardian_pid))) == 3, "the workers")
        server.watch()
        pid = list(descendants_of(server.guardian_pid))[which]
        stop(pid)
        wait_until(lambda: server.stopped_s().get(pid, 0.0) > 0, "it to be seen")
        os.kill(pid, signal.SIGCONT)
        assert set(server.stopped_s()) == {pid}
        server.watch()
        assert server.stopped_s() == {}


def test_a_guardian_that_did_not_watch_tells_so(monkeypatch: pytest.MonkeyPatch) -> None:
    lease, now_s = Lease(), iter([0.0, 0.3, 2.0, 2.1])
    monkeypatch.setattr("harness.server.guardian.time.monotonic", lambda: next(now_s))
    watch = guardian.Watch(lease)
    for _ in range(3):
        watch.look()
    assert watch.stopped_s == {os.getpid(): pytest.approx(1.7)}


def test_a_lease_runs_out_when_the_parent_is_stopped_without_a_break(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s, is_stopped = 0.0, True
    monkeypatch.setattr("harness.machine.lease.time.monotonic", lambda: now_s)
    lease = Lease()
    monkeypatch.setattr(lease, "is_parent_stopped", lambda: is_stopped)

    def runs_out_after(seconds: float) -> bool:
        nonlocal now_s
        now_s += seconds
        return lease.has_run_out()

    assert [runs_out_after(0.5) for _ in range(int(2 * STOPPED_S) + 1)].index(True) == 2 * STOPPED_S
    is_stopped = False
    assert not runs_out_after(0.5)
    is_stopped = True
    assert not runs_out_after(100 * STOPPED_S)  # in which the helper was stopped too


def test_the_state_of_a_process_is_read_whatever_its_name() -> None:
    assert state_in(b"12 (a) T (b)) S 1 2") == b"S"
    assert state_in(b"12 (x) T 1 2") == b"T"


# A harness with all of its helpers at work; tells their pids, and then what it hears of the server and who was stopped.
HARNESS: Final = """
import sys, time
from pathlib import Path
from harness.generator.crew import GeneratorError
from harness.generator.process import Generator
from harness.monitor import CoreSpeedProbe
from harness.server.supervised import ServerError
from harness.server.launch import Server
from tests.generator.loads import short_load
from tests.server.asking import wait_until_listening
from tests.server.topologies import small
daemon, log = small("leaves_daemon"), Path(sys.argv[1])
with Generator.here() as idle, Generator.here() as busy, Server(daemon, log) as server, CoreSpeedProbe([0]) as pace:
    wait_until_listening(server.port)
    server.watch()
    busy.begin(short_load(server.port, duration_s=300.0))
    print(*idle.pids, *busy.pids, server.guardian_pid, pace._probe.pid, flush=True)
    sys.stdin.readline()
    try:
        print(server.stopped_s(), flush=True)
        server.check_alive()
    except ServerError as error:
        print(error, flush=True)
"""


@contextmanager
def harness(log: Path) -> Iterator["subprocess.Popen[str]"]:
    """Such a process."""
    words = [sys.executable, "-c", HARNESS, str(log)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, cwd=ROOT, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def said(process: "subprocess.Popen[str]") -> str:
    """The next line."""
    assert process.stdout
    return process.stdout.readline().strip()


def go_on(process: "subprocess.Popen[str]") -> None:
    """Continue it and have it tell what it heard."""
    os.kill(process.pid, signal.SIGCONT)
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def test_a_harness_that_was_stopped_for_a_moment_is_told(log: Path) -> None:
    with harness(log) as process:
        assert said(process)
        stop(process.pid)
        time.sleep(3 * guardian.LOOK_S)
        go_on(process)
        assert said(process).startswith(f"{{{process.pid}: ")


def test_a_harness_that_stays_stopped_leaves_nothing_and_is_told_so_when_it_goes_on(family: Family, log: Path) -> None:
    with harness(log) as process:
        helpers = [psutil.Process(int(pid)) for pid in said(process).split()]
        stop(process.pid)
        wait_until(lambda: not any(map(works, helpers)), "its helpers to end")
        wait_until(lambda: [each.pid for each in family.alive()] == [process.pid], "the server to be gone")
        go_on(process)
        assert said(process) == "ended, since the harness had been stopped for 5 s (Ctrl-Z, SIGSTOP)"


def works(process: psutil.Process) -> bool:
    """Whether it has not ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False
