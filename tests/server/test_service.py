"""Services: launched, waited for by what tells that they are ready, and gone afterwards with all that they started."""

import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.scenario.service import Hook, Service
from harness.server.service import launch_service, run_hook
from harness.server.supervised import ServerError

PYTHON = ("{harness_python}", "-c")
LISTENS = """
import socket, sys, time
time.sleep(0.2)
print("prepared:", open(sys.argv[2] + "/made").read() if len(sys.argv) > 2 else "no", flush=True)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(0.2)
print("ready for work", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """No process of a service, and no folder of one."""
    yield
    assert not [child for child in psutil.Process().children(recursive=True) if LISTENS in child.cmdline()]


def test_a_service_is_ready_when_somebody_listens_and_its_place_can_be_referred_to(tmp_path: Path) -> None:
    service = Service(
        name="db",
        command=(*PYTHON, LISTENS, "{port}", "{folder}"),
        prepare=(*PYTHON, "import sys; open(sys.argv[1] + '/made', 'w').write('yes')", "{folder}"),
    )
    with launch_service(service, tmp_path / "log", (), ()) as up:
        port, folder = int(up.values["service.db.port"]), Path(up.values["service.db.folder"])
        socket.create_connection(("127.0.0.1", port)).close()
        assert up.root_pid is not None
        assert psutil.pid_exists(up.root_pid)
        assert "prepared: yes" in (tmp_path / "log").read_text()
        assert folder.is_dir()
    assert not folder.exists()
    assert not psutil.pid_exists(up.root_pid)


def test_it_is_ready_when_its_output_says_so_and_not_by_what_an_earlier_one_wrote(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("ready for work\n")
    service = Service(name="db", command=(*PYTHON, LISTENS, "{port}"), ready_log="ready for work")
    begin_s = time.monotonic()
    with launch_service(service, log, (), ()):
        assert log.read_text().count("ready for work") == 2
    assert time.monotonic() - begin_s > 0.4  # as long as it sleeps


def test_it_is_ready_when_a_path_is_answered_well_or_a_command_succeeds(tmp_path: Path) -> None:
    serves = ("{harness_python}", "-m", "http.server", "{port}", "--bind", "{host}", "--directory", "{folder}")
    path = Service(name="web", command=serves, ready_path="/")
    connects = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])))"
    command = Service(name="web", command=serves, ready_command=(*PYTHON, connects, "{port}"))
    for service in (path, command):
        with launch_service(service, tmp_path / "log", (), ()) as up:
            socket.create_connection(("127.0.0.1", int(up.values["service.web.port"]))).close()


def test_one_that_is_there_already_is_waited_for_and_left_alone(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        port = there.getsockname()[1]
        service = Service(name="db", address=f"127.0.0.1:{port}")
        with launch_service(service, tmp_path / "log", (), ()) as up:
            assert up.values["service.db.port"] == str(port)
            assert up.root_pid is None
        socket.create_connection(("127.0.0.1", port)).close()
    with (
        pytest.raises(ServerError, match=f"not ready after 0.1 s \\(127.0.0.1:{port}, a listener\\)"),
        launch_service(service.model_copy(update={"start_timeout_s": 0.1}), tmp_path / "log", (), ()),
    ):
        pass


@pytest.mark.parametrize(
    ("service", "said"),
    [
        (Service(name="db", command=(*PYTHON, "print('no disk'); exit(3)")), "service db: .* exit code 3: no disk"),
        (Service(name="db", command=("/nowhere/postgres", "{port}")), "service db: can't be started"),
        (
            Service(name="db", command=(*PYTHON, LISTENS, "{port}"), prepare=(*PYTHON, "exit(4)")),
            "service db: prepare: .* ended with exit code 4",
        ),
        (
            Service(name="db", command=(*PYTHON, LISTENS, "{port}"), ready_path="/", start_timeout=1.0),
            r"service db: was not ready after 1 s \(port \d+, GET /\)",
        ),
    ],
)
def test_one_that_fails_is_named_with_the_reason(tmp_path: Path, service: Service, said: str) -> None:
    with pytest.raises(ServerError, match=said), launch_service(service, tmp_path / "log", (), ()):
        pass


def test_the_failure_of_another_is_not_said_of_it(tmp_path: Path) -> None:
    one = Service(name="db", command=(*PYTHON, LISTENS, "{port}"))
    other = Service(name="queue", command=(*PYTHON, "exit(3)"))
    with (
        pytest.raises(ServerError, match=r"^service queue: "),
        launch_service(one, tmp_path / "log", (), ()),
        launch_service(other, tmp_path / "log", (), ()),
    ):
        pass


def test_a_fixed_port_that_is_taken_is_no_service(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        service = Service(name="db", command=("true",), port=there.getsockname()[1])
        with pytest.raises(ServerError, match="in use"), launch_service(service, tmp_path / "log", (), ()):
            pass


def test_a_hook_gets_its_environment_and_fails_with_what_it_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "word")
    says = "import os, sys; print(os.environ['GIVEN'], sys.argv[1]); exit(os.environ['GIVEN'] == 'word')"
    hook = Hook(command=(*PYTHON, says, "{topology}"), env={"GIVEN": "{env:SECRET}"})
    with pytest.raises(ServerError, match=f"hook setup: {sys.executable} ended with exit code 1: word raw"):
        run_hook("setup", hook, "raw", (), tmp_path / "log")
    run_hook("setup", hook.model_copy(update={"env": {"GIVEN": "other"}}), "raw", (), tmp_path / "log")


def test_a_hook_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    hook = Hook(command=(*PYTHON, "import time; time.sleep(60)"), timeout=0.2)
    before = time.monotonic()
    with pytest.raises(ServerError, match=r"was not over after 0\.2 s"):
        run_hook("before_trial", hook, "raw", (), tmp_path / "log")
    assert time.monotonic() - before < 30
