"""A server is launched as told and leaves no process behind, however it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

from harness.scenario.malloc import Malloc
from harness.server import launch
from harness.server.launch import Server, explain_missing_programs, find_missing_programs, list_commands, read_log_tail
from harness.server.supervised import MAX_LOG_BYTES, ServerError
from tests.server.asking import wait_until_listening
from tests.server.family import Family
from tests.server.polling import wait_until
from tests.server.topologies import prefork, small, topology

SHORT_GRACE_S: Final = 0.2


def wait_until_exited(server: Server) -> None:
    """Wait for the end of the launched process."""
    wait_until(lambda: server.returncode() is not None, "the end of the launched process")


def test_a_server_that_stops_when_asked_is_not_killed(family: Family, log: Path) -> None:
    with Server(small("page"), log) as server:
        wait_until_listening(server.port)
        assert server.pid in [process.pid for process in family.alive("page")]
    assert server.killed == 0
    assert family.alive() == []


def test_a_server_that_ignores_sigterm_is_killed(family: Family, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.server.supervised.GRACE_S", SHORT_GRACE_S)
    with Server(small("ignores_sigterm"), log) as server:
        wait_until_listening(server.port)
    assert (server.killed, server.returncode()) == (1, -signal.SIGKILL)
    assert family.alive() == []


@pytest.mark.parametrize(("name", "left"), [("grandchildren", 2), ("leaves_daemon", 1), ("leaves_child", 1)], ids=str)
def test_whatever_the_server_leaves_behind_is_killed(family: Family, log: Path, name: str, left: int) -> None:
    with Server(small(name), log) as server:
        wait_until_listening(server.port)
    assert server.killed == left
    assert family.alive() == []


def test_a_cluster_without_its_parent_is_killed(family: Family, log: Path) -> None:
    with Server(prefork(3), log) as server:
        wait_until(lambda: len(family.alive("prefork")) == 4, "the workers")
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        wait_until_exited(server)
        assert len(family.alive("prefork")) == 3
    assert server.killed == 3
    assert family.alive() == []


def test_children_of_a_process_that_has_ended_are_killed(family: Family, log: Path) -> None:
    with Server(small("leaves_child"), log) as server:
        wait_until_exited(server)
        wait_until_listening(server.port)
        assert server.pid not in [process.pid for process in family.alive("leaves_child")]
    assert server.killed == 1
    assert family.alive() == []


def test_a_stopped_process_goes_on_to_end(family: Family, log: Path) -> None:
    """SIGTERM waits until a process goes on."""
    with Server(small("page"), log) as server:
        wait_until_listening(server.port)
        assert server.pid is not None
        os.kill(server.pid, signal.SIGSTOP)
        stopped = psutil.Process(server.pid)
        wait_until(lambda: stopped.status() == psutil.STATUS_STOPPED, "it to be stopped")
    assert server.killed == 0
    assert family.alive() == []


def test_an_error_in_the_context_stops_the_server_too(family: Family, log: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        launch_and_fail(log)
    assert family.alive() == []


def launch_and_fail(log: Path) -> None:
    """Raise ZeroDivisionError while a server runs."""
    with Server(small("grandchildren"), log) as server:
        wait_until_listening(server.port)
        raise ZeroDivisionError


def test_stopping_twice_is_stopping(family: Family, log: Path) -> None:
    with Server(small("page"), log) as server:
        server.stop()
        assert family.alive() == []


@pytest.mark.parametrize("program", ["no-such-program", "/no/such/program"])
def test_a_command_that_is_not_found_is_told_in_words(log: Path, program: str) -> None:
    with pytest.raises(ServerError, match=f"can't be started: {program}: No such file or directory"):
        Server(topology(program, "{port}"), log)


def test_a_command_that_is_no_program_is_told_in_words(tmp_path: Path, log: Path) -> None:
    with pytest.raises(ServerError, match=r"can't be started: .*: Permission denied"):
        Server(topology(str(tmp_path)), log)


def test_a_running_server_is_alive(log: Path) -> None:
    with Server(small("never_listens"), log) as server:
        server.check_alive()
        assert server.returncode() is None


def test_the_exit_code_is_told(log: Path) -> None:
    with Server(small("exits_at_once"), log) as server:
        wait_until_exited(server)
        assert server.returncode() == 3
        with pytest.raises(ServerError, match="the server exited with 3"):
            server.check_alive()


def test_the_signal_is_told(log: Path) -> None:
    with Server(small("never_listens"), log) as server:
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        wait_until_exited(server)
        assert server.returncode() == -signal.SIGKILL
        with pytest.raises(ServerError, match="the server was killed by signal 9"):
            server.check_alive()


def test_how_the_process_ended_is_known_after_the_server_was_stopped(family: Family, log: Path) -> None:
    with Server(small("page"), log) as server:
        wait_until_listening(server.port)
    assert server.returncode() == -signal.SIGTERM


def test_the_last_lines_of_both_streams_are_in_the_log(log: Path) -> None:
    with Server(small("many_lines"), log) as server:
        wait_until_exited(server)
    assert read_log_tail(log) == [f"line {number}" for number in range(980, 1000)]
    assert log.read_text().splitlines() == [f"line {number}" for number in range(1000)]


def test_a_server_that_floods_its_log_does_not_fill_the_disk(log: Path) -> None:
    with Server(small("floods_log"), log) as server:
        wait_until_listening(server.port)
        wait_until(lambda: b" bytes of this log were dropped\n" in log.read_bytes(), "the log to be cut")
        time.sleep(0.5)
        assert log.stat().st_size < 3 * MAX_LOG_BYTES
        server.check_alive()
        wait_until(lambda: read_log_tail(log), "the newest, which is kept")  # while it is cut, nothing is there


def test_without_a_log_there_are_no_last_lines(log: Path) -> None:
    assert read_log_tail(log) == []


def test_placeholders_are_filled(log: Path) -> None:
    told = topology(
        "{harness_python}",
        *("-m", "tests.server.servers.tells", "{harness_python}", "{host}", "{port}", "{workers}"),
        workers=3,
        ADDRESS="{host}:{port}/{workers}",
    )
    with Server(told, log) as server:
        wait_until(lambda: read_log_tail(log), "the server to tell")
    assert json.loads(log.read_text()) == {
        "arguments": [sys.executable, "127.0.0.1", str(server.port), "3"],
        "address": f"127.0.0.1:{server.port}/3",
    }


def test_the_environment_is_what_was_declared_and_the_little_that_programs_need(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDED_ON", "yes")
    monkeypatch.setenv("KEPT_BACK", "secret")
    code = "import json, os; print(json.dumps(dict(os.environ)), flush=True)"
    shown = topology(sys.executable, "-c", code, "{port}", OWN="its own").model_copy(
        update={"pass_env": ("HANDED_ON",)}
    )
    with Server(shown, log) as server:
        wait_until_exited(server)
    env = json.loads(log.read_text())
    assert (env["HANDED_ON"], env["OWN"]) == ("yes", "its own")
    assert set(env) - {"HANDED_ON", "OWN", "PYTHONPATH", "PATH", *launch.BASE_VARIABLES} <= {
        "LC_CTYPE"
    }  # which Python may set
    assert "KEPT_BACK" not in env


def test_what_is_drawn_per_launch_is_drawn_for_each(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's hash seed would be that of both sides of a comparison, and a fixed layout of memory, too."""
    monkeypatch.setenv("PYTHONHASHSEED", "1")
    code = "print(hash('page'), open('/proc/self/personality').read().strip())"
    said = []
    for _ in range(2):
        with Server(topology(sys.executable, "-c", code, "{port}"), log) as server:
            wait_until_exited(server)
        said.append(log.read_text().split())
        log.unlink()
    (one, personality), (other, _) = said
    assert one != other
    assert personality == Path("/proc/self/personality").read_text().strip()  # which says whether addresses are drawn


@pytest.mark.parametrize("malloc", ["default", "keep"])
def test_a_malloc_that_keeps_its_memory_is_told_so_by_both_variables(log: Path, malloc: Malloc) -> None:
    code = "import os; print(*sorted('='.join(each) for each in os.environ.items() if 'MALLOC' in each[0]))"
    with Server(topology(sys.executable, "-c", code, "{port}").with_malloc(malloc), log) as server:
        wait_until_exited(server)
    both = "MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=268435456"
    assert log.read_text().strip() == (both if malloc == "keep" else "")


def test_a_fixed_port_is_kept(log: Path) -> None:
    with Server(small("never_listens", port=8099), log) as server:
        assert server.port == 8099


def test_the_server_leads_a_session_of_its_own(log: Path) -> None:
    with Server(small("never_listens"), log) as server:
        assert server.pid is not None
        assert os.getsid(server.pid) == server.pid
        assert os.getsid(server.guardian_pid) == server.guardian_pid


def test_the_server_has_the_usual_signals(log: Path) -> None:
    """A guardian that ignored signals would hand that on to the server."""
    with Server(topology("grep", "^SigIgn", "/proc/self/status"), log) as server:
        wait_until_exited(server)
    ignored = int(log.read_text().split()[1], base=16)
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        assert not ignored & 1 << (signum - 1), signum


def script(file: Path, said: str) -> Path:
    """A program that says something."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\necho {said}\n", encoding="utf-8")
    file.chmod(0o755)
    return file


@pytest.mark.parametrize("command", ["gunicorn", "{python}"])
def test_the_programs_of_the_callers_path_are_run_and_not_those_of_the_harness(
    tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    script(tmp_path / "mine" / "gunicorn", "my own gunicorn")
    script(tmp_path / "mine" / "python3", "my own python3")
    monkeypatch.setenv("PATH", f"{tmp_path / 'mine'}:{os.environ['PATH']}")
    with Server(topology(command, "{port}"), log) as server:
        wait_until_exited(server)
    assert read_log_tail(log) == ["my own gunicorn" if command == "gunicorn" else "my own python3"]


def test_the_path_that_the_scenario_gives_the_server_is_where_its_programs_are(tmp_path: Path, log: Path) -> None:
    script(tmp_path / "given" / "my-server", "given")
    given = topology("my-server", "{port}", PATH=f"{tmp_path / 'given'}:{os.defpath}")
    assert find_missing_programs(given) == []
    with Server(given, log) as server:
        wait_until_exited(server)
    assert read_log_tail(log) == ["given"]


def test_python_is_the_callers_by_whatever_name_and_missing_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = topology("sh", "-c", "exec {python} {port}").model_copy(update={"command": ("/bin/sh", "{python}")})
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_missing_programs(wanted) == ["python3"]
    python = script(tmp_path / "python", "mine")
    assert find_missing_programs(wanted) == []
    assert list_commands(wanted)[0].words == ("/bin/sh", str(python))


def test_a_program_that_only_the_harness_has_is_missing_and_how_to_name_it_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", os.defpath)
    assert explain_missing_programs(topology("gunicorn", "{port}")) == (
        "gunicorn not found on PATH; install gunicorn, or activate the environment that has it, or write"
        " {harness_python} -m gunicorn for the harness's own"
    )
    assert explain_missing_programs(topology("{harness_python}", "{port}")) is None


def test_a_file_that_is_no_program_is_told_apart_from_one_that_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "serve"
    wanted = topology(str(file), "{port}")
    assert explain_missing_programs(wanted) == f"{file} is not there"
    file.touch()
    assert explain_missing_programs(wanted) == f"{file} may not be run; chmod +x makes it a program"
    assert explain_missing_programs(topology(str(tmp_path))) == f"{tmp_path} is a folder, not a program"


def test_the_programs_that_are_missing_are_named_once() -> None:
    wanted = topology("no-such-program").model_copy(update={"requires": ("nor-this", "sh", "no-such-program")})
    assert find_missing_programs(wanted) == ["nor-this", "no-such-program"]


def test_the_end_of_the_guardian_is_told(family: Family, log: Path) -> None:
    with Server(small("grandchildren"), log) as server:
        wait_until_listening(server.port)
        os.kill(server.guardian_pid, signal.SIGKILL)
        wait_until(lambda: psutil.Process(server.guardian_pid).status() == psutil.STATUS_ZOMBIE, "its end")
        with pytest.raises(ServerError, match="guardian has ended"):
            server.check_alive()
        assert len(family.alive("grandchildren")) == 3
    wait_until(lambda: not family.alive(), "the process group to be gone")


def test_what_no_process_can_be_given_is_told_in_words(log: Path) -> None:
    with pytest.raises(ServerError, match=r"can't be started: .*null"), Server(topology("sleep", "1\0", "{port}"), log):
        pass


def test_a_guardian_that_is_gone_before_it_is_told_anything_is_told_in_words(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = subprocess.Popen

    def killed(*arguments: Any, **options: Any) -> "subprocess.Popen[bytes]":
        process = started(*arguments, **options)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        return process

    monkeypatch.setattr("harness.server.supervised.subprocess.Popen", killed)
    with pytest.raises(ServerError, match="its guardian has ended"):
        Server(small("page"), log)


def test_the_folder_of_a_unix_socket_goes_with_a_harness_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from harness.server.launch import Server;"
        "from tests.server.topologies import topology;"
        "server = Server(topology('sleep', '60', '{unix_socket}'), Path(sys.argv[1]));"
        "print(server.target.unix_socket, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    words = [sys.executable, "-c", script, str(tmp_path / "log")]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    folder = Path(done.stdout.strip()).parent
    assert folder.name.startswith("harness-")
    wait_until(lambda: not folder.exists(), "the folder to be gone")


def test_the_folder_of_a_unix_socket_goes_though_the_guardian_is_killed(log: Path) -> None:
    with Server(topology("sleep", "60", "{unix_socket}"), log) as server:
        folder = Path(str(server.target.unix_socket)).parent
        os.kill(server.guardian_pid, signal.SIGKILL)
        assert folder.exists()
    assert not folder.exists()


def test_a_host_that_this_machine_does_not_have_is_told_in_words(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> list[int]:
        raise OSError(99, "No such")

    monkeypatch.setattr("harness.server.launch.find_free_ports", refuse)
    with pytest.raises(ServerError, match="nothing can listen on ::1: No such"):
        Server(small("page").model_copy(update={"host": "::1"}), log)


def test_a_path_that_is_too_long_for_a_unix_socket_is_told(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ServerError, match="has 107 bytes at most"):
        Server(topology("sleep", "60").model_copy(update={"unix_socket": "x" * 108}), log)
    monkeypatch.setattr("tempfile.mkdtemp", lambda prefix: _made(tmp_path / ("y" * 108)))
    with pytest.raises(ServerError, match="has 107 bytes at most"):
        Server(topology("sleep", "60", "{unix_socket}"), log)
    assert [path.name for path in tmp_path.iterdir()] == []


def _made(folder: Path) -> str:
    folder.mkdir()
    return str(folder)
