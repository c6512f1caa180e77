"""Real servers are started, looked at and started again; what can't be made a scenario of is told."""

import sys
from pathlib import Path
from typing import Final

import pytest
import trustme

from harness.discovery import discover as room
from harness.discovery.discover import DiscoveredServer, ServerSpec, count_workers, discover
from harness.discovery.failure import DiscoveryError
from harness.load.spec import Load, Request
from harness.scenario import load_scenario
from harness.server.launch import Server, find_free_port
from harness.server.question import Question
from tests.server.asking import asked_for, wait_until_listening
from tests.server.topologies import ROOT, SERVERS, small

PYTHONPATH: Final = {"PYTHONPATH": str(ROOT)}
SERVER: Final = ("{harness_python}", "-m", "tests.discovery.server")


def found(*command: str, **known: object) -> DiscoveredServer:
    """What is found out about a server."""
    fields: dict[str, object] = {"env": PYTHONPATH, "pass_env": (), "port": None, "path": None, "start_timeout_s": 20.0}
    return discover(ServerSpec(command=command, **(fields | known)), "shop", "shop.toml")  # type: ignore[arg-type]


def refusal(*command: str, **known: object) -> str:
    """Why no scenario can be made."""
    with pytest.raises(DiscoveryError) as caught:
        found(*command, **known)
    return str(caught.value)


def test_a_port_on_which_alone_it_works_is_fixed() -> None:
    port = find_free_port()
    discovery = found(*SERVER, "--port", str(port), "--only", f"{port}")
    assert discovery.draft.topology.port == port
    assert "the server exited with 1" in discovery.draft.why_fixed


def test_a_cluster_is_started_with_as_many_workers_as_are_compared_at_the_most(tmp_path: Path) -> None:
    app = ("wsgiref.simple_server:demo_app", "--no-control-socket")
    discovery = found("{harness_python}", "-m", "gunicorn", *app, "-w", "2", "-b", f"127.0.0.1:{find_free_port()}")
    assert discovery.draft.topology.command[-4:] == ("-w", "{workers}", "-b", "{host}:{port}")
    assert [process.role for process in discovery.ready.processes].count("worker") == 4
    file = tmp_path / "shop.toml"
    file.write_text(discovery.draft.text, encoding="utf-8")
    assert [topology.workers for topology in load_scenario(file).topologies] == [1, 2, 4]


def test_a_program_that_is_not_here_is_told() -> None:
    assert refusal("no-such-program") == (
        "no-such-program not found on PATH; install no-such-program, or activate the environment that has it"
    )


def test_the_last_words_of_a_server_that_exits_are_told() -> None:
    assert refusal("{harness_python}", "-m", "tests.server.servers.exits_at_once").splitlines() == [
        "the server exited with 3",
        "It wrote:",
        "there is no cart to serve",
    ]


def test_a_server_that_has_no_page_is_told() -> None:
    message = refusal(*SERVER, "--port", "{port}", "--page", "/elsewhere")
    assert message.startswith("no path is answered with 2xx: / 404, /index.html 404, ")


def test_an_interrupt_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(room, "find_target", interrupted)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        found(*SERVER, "--port", "{port}")
    assert list(tmp_path.iterdir()) == []


def test_a_server_with_tls_is_written_down_with_its_scheme(tmp_path: Path) -> None:
    issued = trustme.CA().issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "tls.pem")
    port = str(find_free_port())
    keys = ("--ssl-keyfile", str(tmp_path / "tls.pem"), "--ssl-certfile", str(tmp_path / "tls.pem"))
    app = ("tests.server.servers.asgi_page:app", "--lifespan", "off", "--port", port)
    discovery = found(sys.executable, "-m", "uvicorn", *app, *keys)
    assert discovery.target.scheme == "https"
    assert (discovery.draft.topology.scheme, discovery.draft.topology.port) == ("https", None)
    assert 'scheme = "https" # its certificate is not checked' in discovery.draft.text


@pytest.mark.parametrize("typed", ["{unix_socket}", "{tmp_path}/app.sock"])
def test_a_server_on_a_unix_socket_is_written_down_with_it_open(typed: str, tmp_path: Path) -> None:
    app = ("tests.server.servers.asgi_page:app", "--lifespan", "off")
    path = typed.replace("{tmp_path}", str(tmp_path))
    discovery = found(sys.executable, "-m", "uvicorn", *app, "--uds", path)
    assert discovery.draft.topology.command[-2:] == ("--uds", "{unix_socket}")
    assert discovery.draft.topology.unix_socket is None


def test_a_server_on_ipv6_alone_is_written_down_with_its_host() -> None:
    discovery = found(*SERVER, "--host", "::1", "--port", str(find_free_port("::1")))
    assert (discovery.draft.topology.host, discovery.draft.topology.port) == ("::1", None)
    assert (discovery.target.host, discovery.ready.body_bytes) == ("::1", 12)


def test_what_is_asked_is_written_down() -> None:
    asked = {"method": "POST", "headers": {"X-Mood": "good"}, "body": "buy", "statuses": (404,), "path": "/none"}
    discovery = found(*SERVER, "--port", "{port}", "--needs", "buy", **asked)
    lines = ('path = "/none"', 'method = "POST"', 'headers = {X-Mood = "good"}', "expect_status = [404] #")
    for line in (*lines, 'body = "buy"'):
        assert f"\n{line}" in discovery.draft.text


def test_a_stream_is_told() -> None:
    stream = ("{harness_python}", "-m", "tests.server.servers.odd", "--kind", "stream", "--port", "{port}")
    assert "sends an answer without end" in refusal(*stream, path="/", start_timeout_s=2.0)


def test_workers_that_nothing_in_the_command_decides_on_are_taken_as_found() -> None:
    discovery = found("{harness_python}", "-m", f"{SERVERS}.prefork", "--port", f"{find_free_port()}", "--workers", "3")
    assert (discovery.workers, discovery.draft.topology.workers) == (3, "as found")
    assert 'workers = "as found" # 3 answered' in discovery.draft.text


def test_workers_of_which_the_parent_is_one_are_found() -> None:
    discovery = found(
        "{harness_python}", "-m", f"{SERVERS}.serving_parent", "--port", f"{find_free_port()}", "--workers", "2"
    )
    assert discovery.workers == 2


def count_workers_of(server: Server, request: Request) -> int:
    """How many of its processes are seen to work."""
    wait_until_listening(server.port)
    return count_workers(server, Question.of_load(Load(target=server.target, requests=(request,))), None)


def test_a_pool_is_seen_with_what_it_grows_to_when_many_ask_at_once(log: Path) -> None:
    with Server(small("pool"), log) as server:
        assert count_workers_of(server, Request()) == 2


def test_workers_are_not_counted_by_requests_that_are_not_safe(log: Path) -> None:
    with Server(small("odd", "--kind", "unique"), log) as server:
        assert count_workers_of(server, Request(method="POST")) == 1
        assert asked_for(server.port, "/") == b"0"


def test_a_configuration_that_decides_on_the_number_wins_over_the_option(
    tmp_path: Path,
) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("workers = 2\ndef on_starting(server):\n    server.num_workers = 2\n")
    app = ("wsgiref.simple_server:demo_app", "--no-control-socket")
    command = ("{harness_python}", "-m", "gunicorn", *app, "-w", "1", "-c", str(tmp_path / "gunicorn.conf.py"))
    discovery = found(*command, "-b", f"127.0.0.1:{find_free_port()}")
    assert (discovery.workers, discovery.draft.topology.workers) == (2, "as found")
    assert discovery.draft.topology.command[discovery.draft.topology.command.index("-w") + 1] == "1"
