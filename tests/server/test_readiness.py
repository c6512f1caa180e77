"""A server that is ready is described; one that is not is told why."""

import hashlib
import os
from pathlib import Path
from typing import Final

import pytest

from harness.generator.load import Request
from harness.scenario import Topology
from harness.server.guarded import ServerError
from harness.server.launch import Server
from harness.server.readiness import Ready, wait_until_ready
from tests.server.asking import wait_until_listening
from tests.server.polling import PATIENCE_S
from tests.server.servers.serving import BODY, listen
from tests.server.topologies import prefork, small

SHORT_S: Final = 0.3


def ready(topology: Topology, log: Path) -> Ready:
    """Launch the server and wait for it."""
    with Server(topology, log) as server:
        return wait_until_ready(server, Request(), topology.workers, PATIENCE_S)


def test_a_ready_server_is_described(log: Path) -> None:
    described = ready(small("page"), log)
    assert described.body_bytes == len(BODY)
    assert described.body_sha256 == hashlib.sha256(BODY).hexdigest()
    assert [process.role for process in described.census] == ["worker"]
    assert 0 < described.ready_s < PATIENCE_S


def test_a_cluster_is_ready_with_all_of_its_workers(log: Path) -> None:
    described = ready(prefork(3), log)
    assert [process.role for process in described.census].count("worker") == 3


def test_a_server_that_listens_late_is_waited_for(log: Path) -> None:
    late_s = 0.3
    assert ready(small("listens_late", "--milliseconds", f"{late_s * 1000:.0f}"), log).ready_s > late_s


def test_bodies_that_differ_have_no_digest(log: Path) -> None:
    described = ready(small("changing"), log)
    assert described.body_sha256 is None
    assert described.body_bytes == len(BODY)


def test_a_port_is_a_strangers(log: Path) -> None:
    with listen(0) as stranger:
        port: int = stranger.getsockname()[1]
        with pytest.raises(ServerError, match=rf"port {port} is in use by .*\(pid {os.getpid()}\)"):
            ready(small("page", port=port), log)


def test_a_server_that_exits_is_not_waited_for(log: Path) -> None:
    with pytest.raises(ServerError, match="the server exited with 3"):
        ready(small("exits_at_once"), log)


def test_a_process_that_leaves_its_child_to_serve_has_ended(log: Path) -> None:
    with pytest.raises(ServerError, match="the server went to the background"):
        ready(small("leaves_child"), log)


def test_a_server_that_does_not_speak_http_is_not_waited_for(log: Path) -> None:
    with pytest.raises(ServerError, match=r"is not HTTP: .*what do you want"):
        ready(small("garbage"), log)


def test_a_server_that_does_not_listen_is_told(log: Path) -> None:
    with Server(small("never_listens"), log) as server:
        words = f"^not ready after {SHORT_S} s: it does not listen on port {server.port}$"
        with pytest.raises(ServerError, match=words):
            wait_until_ready(server, Request(), None, SHORT_S)


LISTENING: Final = [
    pytest.param(small("silent"), "no answer to GET /: timed out", id="never answers"),
    pytest.param(small("broken"), "GET / is answered with status 500", id="500"),
    pytest.param(small("redirects"), "GET / is answered with status 302", id="redirect"),
    pytest.param(small("page", workers=3), "1 of 3 workers exist", id="too few workers"),
]


@pytest.mark.parametrize(("topology", "missing"), LISTENING)
def test_what_a_listening_server_lacks_is_told(topology: Topology, missing: str, log: Path) -> None:
    with Server(topology, log) as server:
        wait_until_listening(server.port)
        with pytest.raises(ServerError, match=f"^not ready after {SHORT_S} s: {missing}$"):
            wait_until_ready(server, Request(), topology.workers, SHORT_S)


def test_what_is_asked_is_the_request_of_the_load(log: Path) -> None:
    asked = Request(path="/cart?id=1", method="POST", headers={"X-Mood": "good"}, body=b"twelve")
    with Server(small("broken"), log) as server:
        wait_until_listening(server.port)
        with pytest.raises(ServerError, match=r"POST /cart\?id=1 is answered"):
            wait_until_ready(server, asked, None, SHORT_S)
