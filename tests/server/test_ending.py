"""Of a server that does not stay it is told what became of it, and what would help: nothing where nobody knows."""

import shutil
import sys
from pathlib import Path

import pytest

from harness.scenario import Topology
from harness.server.launch import Server, find_free_port
from harness.server.supervised import ServerError
from tests.server.family import Family
from tests.server.polling import wait_until
from tests.server.topologies import small, topology


def ended(server: Topology, log: Path) -> str:
    """What is said of it when the launched process has ended."""
    with Server(server, log) as running:
        wait_until(lambda: running.returncode() is not None, "the end of the launched process")
        with pytest.raises(ServerError) as caught:
            running.check_alive()
    return str(caught.value)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise SystemExit(3)", "the server exited with 3"),
        (
            "import flusk.app",
            "the server exited with 1: the Python that ran it has no flusk: activate the environment that has it, or"
            " name the program there by path; your own modules are meant from the folder of the command",
        ),
        (
            "import os; os.environ['SHOP_DB']",
            "the server exited with 1: of your environment it got PATH, HOME and the like alone: pass_env (harness init"
            " --pass-env SHOP_DB) hands SHOP_DB on",
        ),
        ("raise SystemExit('Error: SECRET_KEY is not set')", "--pass-env SECRET_KEY) hands SECRET_KEY on"),
        ("raise SystemExit('missing environment variable: SHOP_DB')", "--pass-env SHOP_DB) hands SHOP_DB on"),
        (
            "import socket; one = socket.create_server(('127.0.0.1', 0)); socket.create_server(one.getsockname())",
            "its port is taken: end who has it, or leave it open as {port}",
        ),
        ("raise PermissionError(13, 'Permission denied')", "it may not use a file, a folder or a port that it names"),
        ("import os; os.kill(os.getpid(), 9)", "the server was killed by signal 9"),
        ("print('KeyError')", "the server exited with 0"),
        ("raise KeyError('price')", "the server exited with 1"),
    ],
)
def test_the_advice_is_about_what_happened(log: Path, code: str, said: str) -> None:
    told = ended(topology("{harness_python}", "-c", code, "{port}"), log)
    assert told == said if said.startswith("the server") else told.endswith(said)


def test_a_script_that_is_not_there_and_a_module_that_node_lacks_are_told_apart(log: Path, tmp_path: Path) -> None:
    missing = ended(topology("node", str(tmp_path / "server.js")), log)
    assert missing.endswith(f"there is no {tmp_path}/server.js; files are meant from the folder of the command")
    (tmp_path / "app.js").write_text("require('expresso')")
    lacking = ended(topology("node", str(tmp_path / "app.js")), tmp_path / "other.log")
    assert lacking.endswith("Node.js finds no expresso, which npm install may bring")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("echo no first line", "Exec format error; its first line names no interpreter, such as #!/bin/sh"),
        (
            "#!/no/such/python\n",
            "No such file or directory; its first line names '/no/such/python', which is not there",
        ),
        ("#!/bin/sh\r\necho\r\n", "its first line names '/bin/sh\\r', which is not there"),
    ],
)
def test_why_a_script_does_not_start_is_told(tmp_path: Path, log: Path, text: str, said: str) -> None:
    script = tmp_path / "serve"
    script.write_bytes(text.encode())
    script.chmod(0o755)
    with pytest.raises(ServerError) as caught:
        Server(topology(str(script), "{port}"), log)
    assert str(caught.value).startswith(f"can't be started: {script}: ")
    assert said in str(caught.value)


def test_what_went_to_the_background_is_told_by_name(log: Path, family: Family) -> None:
    told = ended(small("leaves_child"), log)
    assert told.startswith("the server went to the background: what was launched ended with 0, and python")
    assert told.endswith(
        "start it in the foreground, without an option such as --daemon, and with no & behind its command"
    )
    assert family.alive() == []


def test_a_shell_that_leaves_its_command_is_told(log: Path) -> None:
    script = "sleep 60 & until grep -q sleep /proc/$!/comm; do :; done"
    assert "and sleep went on; start it in the foreground" in ended(topology("sh", "-c", script), log)


def test_what_leaves_a_child_and_fails_did_not_go_to_the_background(log: Path) -> None:
    assert ended(topology("sh", "-c", "sleep 60 & exit 4"), log) == "the server exited with 4"


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_goes_to_the_background_unless_it_is_told_not_to(log: Path, tmp_path: Path, family: Family) -> None:
    kept = "".join(f"{what}_temp_path {tmp_path};" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(
        f"pid {tmp_path}/pid; error_log {tmp_path}/errors; events {{}}"
        f" http {{ access_log off; {kept} server {{ listen 127.0.0.1:{find_free_port()}; }} }}"
    )
    told = ended(topology("nginx", "-p", str(tmp_path), "-c", str(configuration)), log)
    assert "and nginx went on; start it in the foreground, with -g 'daemon off;'" in told
    assert family.alive() == []


def test_gunicorn_goes_to_the_background_with_daemon(log: Path, family: Family) -> None:
    app = ("servers.sleep_lock:create_app()", "--no-control-socket", "-b", "{host}:{port}")
    told = ended(topology(sys.executable, "-m", "gunicorn", *app, "--daemon"), log)
    assert told.endswith("start it in the foreground, without --daemon or -D")
    assert family.alive() == []


@pytest.mark.parametrize(
    ("command", "how"),
    [
        (("apache2ctl", "start"), "with -DFOREGROUND"),
        (("sh", "-c", "php-fpm8.2 -y x; true"), "with --nodaemonize"),
        (("pm2", "start", "x.js"), "with pm2-runtime in the place of pm2"),
        (("docker", "run", "-d", "x"), "by its own command: what others start for it can't be watched"),
    ],
)
def test_what_hands_its_work_to_others_is_told_by_what_was_called(
    tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], how: str
) -> None:
    for name in ("apache2ctl", "php-fpm8.2", "pm2", "docker"):
        (tmp_path / name).symlink_to("/bin/true")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert ended(topology(*command), log) == f"the server exited with 0; start it in the foreground, {how}"
