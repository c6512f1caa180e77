"""The port on which a server answers is found among all that its processes listen on."""

from pathlib import Path
from typing import Final

import pytest

from harness.discovery.listening import WantedPlace, find_target
from harness.server.launch import Server, find_free_port
from harness.server.supervised import ServerError
from tests.server.asking import is_open, wait_until_listening
from tests.server.polling import PATIENCE_S, wait_until
from tests.server.topologies import prefork, small, topology

SHORT_S: Final = 1.5
ELSEWHERE: Final = "127.0.0.2"
SERVER: Final = ("{harness_python}", "-m", "tests.discovery.server")


def find_port(server: Server, wanted: int | None, timeout_s: float) -> int:
    """The port of the target that is found."""
    return find_target(server, WantedPlace(wanted), timeout_s).port


def test_of_two_ports_one_has_to_be_named(log: Path) -> None:
    first, second = sorted((find_free_port(), find_free_port()))
    with Server(topology(*SERVER, "--port", str(first), "--port", str(second)), log) as server:
        with pytest.raises(
            ServerError, match=f"it answers on ports {first} and {second}; say with --port N which is meant"
        ):
            find_port(server, None, PATIENCE_S)
        assert find_port(server, second, PATIENCE_S) == second
        with pytest.raises(ServerError, match=rf"it listens on .*, not on 127\.0\.0\.1:{server.port}$"):
            find_port(server, server.port, SHORT_S)


def test_workers_that_share_a_port_listen_on_one(log: Path) -> None:
    with Server(prefork(2), log) as server:
        assert find_port(server, None, PATIENCE_S) == server.port


def test_who_listens_everywhere_is_reached(log: Path) -> None:
    with Server(topology(*SERVER, "--port", "{port}", "--host", "0.0.0.0"), log) as server:
        assert find_port(server, None, PATIENCE_S) == server.port


def test_who_listens_elsewhere_is_not_reached(log: Path) -> None:
    with Server(topology(*SERVER, "--port", "{port}", "--host", ELSEWHERE), log) as server:
        wait_until(lambda: is_open(server.port, ELSEWHERE), "it to listen")
        with pytest.raises(ServerError, match=rf"it listens on {ELSEWHERE}:{server.port}, not on 127\.0\.0\.1 or ::1$"):
            find_port(server, None, SHORT_S)


def test_a_server_that_does_not_listen_is_told(log: Path) -> None:
    words = rf"^not ready after {SHORT_S:g} s \(--start-timeout\): it does not listen on any port$"
    with Server(small("never_listens"), log) as server, pytest.raises(ServerError, match=words):
        find_port(server, None, SHORT_S)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("garbage", r"^port \d+ does not speak HTTP/1\.1: it answers 'what do you want"),
        ("silent", rf"^not ready after {SHORT_S:g} s \(--start-timeout\): no answer on port "),
    ],
)
def test_a_server_that_speaks_no_http_is_told(name: str, said: str, log: Path) -> None:
    with Server(small(name), log) as server:
        wait_until_listening(server.port)
        with pytest.raises(ServerError, match=said):
            find_port(server, None, SHORT_S)


def test_of_ports_and_unix_sockets_the_port_is_found(log: Path, tmp_path: Path) -> None:
    """As with gunicorn's control socket."""
    gunicorn = ("{harness_python}", "-m", "gunicorn", "wsgiref.simple_server:demo_app", "-b", "127.0.0.1:{port}")
    with Server(topology(*gunicorn, "--control-socket", str(tmp_path / "control")), log) as server:
        assert find_target(server, WantedPlace(), PATIENCE_S) == server.target


def test_who_listens_on_both_is_found_once(log: Path) -> None:
    with Server(topology(*SERVER, "--port", "{port}", "--host", "::"), log) as server:
        assert find_target(server, WantedPlace(), PATIENCE_S) == server.target
