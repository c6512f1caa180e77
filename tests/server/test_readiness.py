"""A server that is ready is described; one that is not is told why."""

import hashlib
import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Final

import pytest
import trustme

from harness.generator.asking import ProbeResponse
from harness.load.spec import DataTable, Expectation, Load, Request
from harness.scenario import Topology
from harness.server import probing, readiness
from harness.server.launch import Server
from harness.server.probing import ask_at_once
from harness.server.question import Question
from harness.server.readiness import ReadyServer, wait_until_ready
from harness.server.supervised import ServerError
from tests.server.asking import asked_for, wait_until_listening
from tests.server.polling import PATIENCE_S
from tests.server.servers.serving import BODY, listen
from tests.server.topologies import SERVERS, prefork, small, topology

SHORT_S: Final = 0.5
APART_S: Final = probing.APART_S
GET: Final = Request()
POST: Final = Request(method="POST", path="/orders")


def ready(
    topology: Topology,
    log: Path,
    *requests: Request,
    expect: Expectation | None = None,
    ready_path: str | None = None,
    timeout_s: float = PATIENCE_S,
) -> ReadyServer:
    """Launch the server and wait for it."""
    with Server(topology, log) as server:
        return ready_on(
            server, *requests, expect=expect, ready_path=ready_path, timeout_s=timeout_s, workers=topology.workers
        )


def ready_on(
    server: Server,
    *requests: Request,
    expect: Expectation | None = None,
    ready_path: str | None = None,
    workers: int | None = None,
    timeout_s: float = PATIENCE_S,
) -> ReadyServer:
    """Wait for the server."""
    load = Load(target=server.target, requests=requests or (GET,), expect=expect or Expectation())
    return wait_until_ready(server, load, workers, timeout_s, ready_path)


def odd(kind: str, workers: int = 1) -> Topology:
    """A small server that answers in its own way."""
    return small("odd", "--kind", kind, "--workers", str(workers))


def test_a_ready_server_is_described(log: Path) -> None:
    described = ready(small("page"), log)
    assert described.body_bytes == len(BODY)
    assert described.body_sha256 == hashlib.sha256(BODY).hexdigest()
    assert [process.role for process in described.processes] == ["worker"]
    assert 0 < described.ready_s < PATIENCE_S


def test_a_cluster_is_ready_with_all_of_its_workers(log: Path) -> None:
    described = ready(prefork(3), log)
    assert [process.role for process in described.processes].count("worker") == 3


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
    with pytest.raises(ServerError, match=r"^port \d+ does not speak HTTP/1\.1: it answers 'what do you want"):
        ready(small("garbage"), log)


def test_a_server_that_does_not_listen_is_told(log: Path) -> None:
    with Server(small("never_listens"), log) as server:
        words = rf"^not ready after {SHORT_S:g} s \(start_timeout\): it does not listen on port {server.port}$"
        with pytest.raises(ServerError, match=words):
            ready_on(server, timeout_s=SHORT_S)


LISTENING: Final = [
    pytest.param(small("silent"), "no answer to GET /: timed out", id="never answers"),
    pytest.param(small("broken"), "GET / is answered with status 500", id="500"),
    pytest.param(small("redirects"), "GET / is answered with status 302", id="redirect"),
]


@pytest.mark.parametrize(("topology", "missing"), LISTENING)
def test_what_a_listening_server_lacks_is_told(topology: Topology, missing: str, log: Path) -> None:
    with Server(topology, log) as server:
        wait_until_listening(server.port)
        with pytest.raises(ServerError, match=rf"^not ready after {SHORT_S:g} s \(start_timeout\): {missing}$"):
            ready_on(server, timeout_s=SHORT_S)


# What is asked, and what is a good answer -----------------------------------------------------------------------


def test_a_server_that_warms_up_is_waited_for(log: Path) -> None:
    assert ready(odd("warms-up"), log).body_bytes == len(BODY)


@pytest.mark.parametrize(("kind", "status"), [("302", 302), ("401", 401), ("404", 404)])
def test_the_status_that_is_expected_is_a_good_one(kind: str, status: int, log: Path) -> None:
    with Server(odd(kind), log) as server:
        ready_on(server, expect=Expectation(statuses=(200, status)))
        with pytest.raises(ServerError, match=f"GET / is answered with status {status}$"):
            ready_on(server, expect=Expectation(statuses=(204,)), timeout_s=SHORT_S)


@pytest.mark.parametrize(
    ("expect", "words"),
    [
        (Expectation(body_bytes=13), "GET / is answered with 12 bytes, not with 13"),
        (Expectation(body_sha256="0" * 64), "GET / is answered with another body than the one that is expected"),
    ],
)
def test_the_body_that_is_expected_is_a_good_one(expect: Expectation, words: str, log: Path) -> None:
    with Server(small("page"), log) as server:
        ready_on(server, expect=Expectation(body_bytes=12, body_sha256=hashlib.sha256(BODY).hexdigest()))
        with pytest.raises(ServerError, match=words):
            ready_on(server, expect=expect, timeout_s=SHORT_S)


@pytest.mark.parametrize("kind", ["close", "chunked"])
def test_bodies_are_the_same_however_they_end(kind: str, log: Path) -> None:
    assert ready(odd(kind), log).body_sha256 == hashlib.sha256(BODY).hexdigest()


def test_head_alone_is_enough(log: Path) -> None:
    assert ready(odd("page"), log, Request(method="HEAD")).body_bytes == 0


def test_a_request_that_is_not_safe_is_sent_once(log: Path) -> None:
    with Server(odd("unique"), log) as server:
        described = ready_on(server, POST)
        assert (described.body_bytes, described.body_sha256) == (len(BODY), None)
        assert asked_for(server.port, "/") == b"1"


def test_a_request_that_is_not_safe_is_not_sent_where_another_path_tells(log: Path) -> None:
    with Server(odd("unique"), log) as server:
        ready_on(server, POST, ready_path="/health")
        assert asked_for(server.port, "/") == b"0"


def test_a_bad_answer_to_a_request_that_is_not_safe_is_final(log: Path) -> None:
    words = "POST /orders is answered with status 500; a request that is not safe is sent only once: ready_path"
    with pytest.raises(ServerError, match=f"^{words}"):
        ready(small("broken"), log, POST)
    with pytest.raises(ServerError, match=r"^no answer to POST /orders: timed out; a request that is not safe"):
        ready(small("silent"), log, POST, timeout_s=1.5)


def test_a_request_that_is_not_safe_takes_the_last_row_and_others_the_first(log: Path) -> None:
    data = DataTable(columns=("id",), rows=(("first",), ("last",)))
    with Server(small("broken"), log) as server:
        wait_until_listening(server.port)
        for method, row in (("PUT", "last"), ("GET", "first")):
            load = Load(target=server.target, requests=(Request(method=method, path="/{id}"),), data=data)
            with pytest.raises(ServerError, match=f"{method} /{row} is answered with status 500"):
                wait_until_ready(server, load, None, SHORT_S)


def test_the_path_that_tells_when_it_is_ready_is_asked_for(log: Path) -> None:
    described = ready(odd("page"), log, expect=Expectation(statuses=(200,), body_bytes=12), ready_path="/health")
    assert described.body_sha256 == hashlib.sha256(BODY).hexdigest()  # and is not what is measured


@pytest.mark.parametrize("ready_path", [None, "/health"])
def test_a_stream_is_refused(ready_path: str | None, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "ANSWER_S", SHORT_S)
    words = r"^GET / sends an answer without end \([\d,]+ bytes in .* s so far\): .* choose another path$"
    with pytest.raises(ServerError, match=words):
        ready(odd("stream"), log, ready_path=ready_path, timeout_s=1.5)


# Each of a mix --------------------------------------------------------------------------------------------------


def asked_of(port: int) -> dict[str, int]:
    """How often the server was asked for what."""
    asked = json.loads(asked_for(port, "/asked"))
    assert isinstance(asked, dict)
    return asked


@pytest.mark.parametrize("ready_path", [None, "/health"])
def test_each_request_of_a_mix_is_asked_and_what_is_not_safe_once(ready_path: str | None, log: Path) -> None:
    once = Request(method="POST", path="/once")
    with Server(small("mixed"), log) as server:
        ready_on(server, once, GET, Request(path="/moved"), Request(method="POST", path="/a"), ready_path=ready_path)
        asked = asked_of(server.port)
    assert asked.keys() >= {"GET /", "GET /moved"}
    assert (asked["POST /once"], asked["POST /a"]) == (1, 1)


def test_what_is_not_safe_is_asked_once_where_nothing_is(log: Path) -> None:
    with Server(small("mixed"), log) as server:
        ready_on(server, Request(method="POST", path="/once"), Request(method="POST", path="/a"))
        assert asked_of(server.port) == {"POST /once": 1, "POST /a": 1}


def test_every_request_of_a_mix_that_is_answered_badly_is_told_by_its_name_and_status(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "ANSWER_S", SHORT_S)
    missing, silent = Request(path="/missing", written="GET /{id}"), Request(method="POST", path="/silent")
    words = r"^before the load, GET /\{id\} is answered with status 404; no answer to POST /silent: timed out; what is"
    with pytest.raises(ServerError, match=words):
        ready(small("mixed"), log, GET, missing, silent, timeout_s=3 * SHORT_S)


def test_a_status_that_is_expected_is_no_objection(log: Path) -> None:
    ready(small("mixed"), log, GET, Request(path="/missing"), expect=Expectation(statuses=(200, 404)))


def test_a_body_that_is_not_expected_of_one_of_a_mix_is_told(log: Path) -> None:
    expect = Expectation(body_bytes=len(BODY))
    with pytest.raises(ServerError, match=r"^before the load, GET /asked is answered with \d+ bytes, not with 12"):
        ready(small("mixed"), log, Request(path="/another"), Request(path="/asked"), expect=expect)


@pytest.mark.parametrize("expect", [Expectation(body_contains="a basket"), Expectation(body_matches="^(basket|cart)")])
def test_a_page_without_the_expected_text_is_not_ready(expect: Expectation, log: Path) -> None:
    with pytest.raises(ServerError, match=f"GET / is answered without the text that is expected, in {len(BODY)} bytes"):
        ready(small("page"), log, expect=expect, timeout_s=SHORT_S)


def test_one_of_a_mix_without_the_expected_text_is_told(log: Path) -> None:
    expect = Expectation(body_contains=BODY.decode())
    with pytest.raises(ServerError, match=r"^before the load, GET /asked is answered without the text that"):
        ready(small("mixed"), log, Request(path="/another"), Request(path="/asked"), expect=expect)


@pytest.mark.parametrize("expect", [Expectation(body_contains=BODY.decode()[2:6]), Expectation(body_matches="^.+$")])
def test_a_page_with_the_expected_text_is_ready(expect: Expectation, log: Path) -> None:
    assert ready(small("page"), log, expect=expect).body_bytes == len(BODY)


# Workers --------------------------------------------------------------------------------------------------------


def test_workers_that_come_late_are_waited_for(log: Path) -> None:
    late_s = 0.5  # longer than it takes for the first to go quiet
    described = ready(prefork(3, "--late", f"{late_s * 1000:.0f}"), log)
    assert [process.role for process in described.processes].count("worker") == 3
    assert described.ready_s > 2 * late_s


def test_workers_that_never_come_are_no_failure_and_not_waited_for_to_the_end(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "UNCHANGED_S", 0.3)
    began_s = time.monotonic()
    described = ready(small("page", workers=3), log)
    assert len(described.processes) == 1
    assert time.monotonic() - began_s < PATIENCE_S


# Bodies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["time", "uptime", "gzip", "token"])
def test_a_body_that_tells_the_time_or_is_never_the_same_has_no_digest(
    kind: str, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "APART_S", APART_S)
    assert ready(odd(kind), log).body_sha256 is None


@pytest.mark.parametrize("kind", ["page", "host"])
def test_a_body_that_stays_the_same_has_a_digest(kind: str, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "APART_S", APART_S)
    assert ready(odd(kind, workers=2), log).body_sha256 is not None


@pytest.mark.parametrize("workers", [2, 4])
def test_a_body_that_tells_its_worker_has_no_digest(workers: int, log: Path) -> None:
    with Server(odd("pid", workers), log) as server:
        assert ready_on(server, workers=workers).body_sha256 is None


def test_workers_are_asked_at_once_or_one_might_give_all_answers(log: Path) -> None:
    assert ready(odd("busiest"), log).body_sha256 is None


def test_bodies_that_nobody_will_compare_cost_no_second(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "APART_S", 3600.0)
    described = ready(small("page"), log, GET, Request(path="/other"))
    assert described.body_sha256 is not None


def test_a_body_that_is_known_from_before_costs_no_second(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(small("page"), log) as server:
        known = ready_on(server).body_sha256
        assert known is not None
        load = Load(target=server.target)
        monkeypatch.setattr(probing, "APART_S", 3600.0)
        assert wait_until_ready(server, load, None, PATIENCE_S, known_bodies=[known]).body_sha256 == known


def test_all_workers_are_asked_also_where_the_body_is_known(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be that of one worker, and another topology's."""
    asked: list[int] = []

    def ask(page: Question, number: int) -> list[ProbeResponse]:
        asked.append(number)
        return ask_at_once(page, number)

    monkeypatch.setattr(probing, "APART_S", 3600.0)
    monkeypatch.setattr(probing, "ask_at_once", ask)
    known = hashlib.sha256(BODY).hexdigest()
    with Server(prefork(2), log) as server:
        wait_until_ready(server, Load(target=server.target), 2, PATIENCE_S, known_bodies=[known])
    assert asked == [1, 2 + probing.MORE_PROBES]


def test_a_body_that_is_another_than_before_is_looked_at_again(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "APART_S", APART_S)
    with Server(odd("time"), log) as server:
        load = Load(target=server.target)
        assert wait_until_ready(server, load, None, PATIENCE_S, known_bodies=["0" * 64]).body_sha256 is None


# Where it listens -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Files of a certificate for this machine: its key, its chain and who issued it."""
    folder, authority = tmp_path_factory.mktemp("certificate"), trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost", "::1")
    files = {"key": issued.private_key_pem, "chain": issued.cert_chain_pems[0], "ca": authority.cert_pem}
    for name, pem in files.items():
        pem.write_to_path(folder / name)
    return {name: str(folder / name) for name in files}


def at(*command: str, **fields: object) -> Topology:
    """A topology that listens elsewhere than on a port of 127.0.0.1."""
    return topology(*command).model_copy(update=fields)


def tls_uvicorn(certificate: dict[str, str]) -> tuple[str, ...]:
    keys = ("--ssl-keyfile", certificate["key"], "--ssl-certfile", certificate["chain"])
    return (sys.executable, "-m", "uvicorn", f"{SERVERS}.asgi_page:app", "--port", "{port}", "--lifespan", "off", *keys)


def test_a_server_behind_tls_is_ready(certificate: dict[str, str], log: Path) -> None:
    assert ready(at(*tls_uvicorn(certificate), scheme="https"), log).body_bytes
    assert ready(at(*tls_uvicorn(certificate), scheme="https", ca_file=certificate["ca"]), log).body_bytes


def test_a_certificate_of_others_is_not_accepted(certificate: dict[str, str], log: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    with pytest.raises(ServerError, match="its certificate is not accepted: unable to get local issuer"):
        ready(at(*tls_uvicorn(certificate), scheme="https", ca_file=str(other)), log)


def test_the_other_scheme_is_recognised(certificate: dict[str, str], log: Path) -> None:
    with pytest.raises(ServerError, match=r'port \d+ speaks TLS: scheme = "https" in its'):
        ready(at(*tls_uvicorn(certificate)), log)
    with pytest.raises(ServerError, match=r'port \d+ speaks plain HTTP, not TLS: scheme = "http" in its'):
        ready(small("page").model_copy(update={"scheme": "https"}), log)


@pytest.mark.parametrize(
    "command",
    [
        ("uvicorn", f"{SERVERS}.asgi_page:app", "--lifespan", "off", "--uds", "{unix_socket}"),
        ("gunicorn", "wsgiref.simple_server:demo_app", "--no-control-socket", "-b", "unix:{unix_socket}"),
    ],
    ids=["uvicorn", "gunicorn"],
)
def test_a_server_on_a_unix_socket_is_ready_and_leaves_nothing(command: tuple[str, ...], log: Path) -> None:
    with Server(at(sys.executable, "-m", *command), log) as server:
        assert ready_on(server).body_bytes
        folder = Path(str(server.target.unix_socket)).parent
        assert folder.is_dir()
    assert not folder.exists()


def test_a_fixed_unix_socket_is_found_from_where_the_server_runs(log: Path, tmp_path: Path) -> None:
    path = os.path.relpath(tmp_path / "app.sock")
    command = ("uvicorn", f"{SERVERS}.asgi_page:app", "--lifespan", "off", "--uds", path)
    assert ready(at(sys.executable, "-m", *command, unix_socket=path), log).body_bytes


@pytest.mark.parametrize(
    ("listens_on", "host"),
    [("::1", "::1"), ("{host}", "::1"), ("{host}", "localhost"), ("{host}", "0.0.0.0"), ("{host}", "::")],
)
def test_a_server_on_another_address_is_ready(listens_on: str, host: str, log: Path, tmp_path: Path) -> None:
    (tmp_path / "index.html").touch()
    command = (sys.executable, "-m", "http.server", "{port}", "--bind", listens_on, "-d", str(tmp_path))
    with Server(at(*command, host=host), log) as server:
        assert ready_on(server).body_bytes == 0
        assert server.target.is_loopback


def test_a_stranger_on_another_address_is_none(log: Path) -> None:
    with listen(0) as stranger:
        port = stranger.getsockname()[1]
        command = (sys.executable, "-m", "http.server", "{port}", "--bind", "::1", "-d", str(log.parent))
        assert ready(at(*command, host="::1", port=port), log).body_bytes is not None


def test_a_unix_socket_is_a_strangers(log: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.bind(str(tmp_path / "app.sock"))
        stranger.listen()
        with pytest.raises(
            ServerError, match=rf"the Unix socket {tmp_path}/app\.sock is in use by .*\(pid {os.getpid()}\)"
        ):
            ready(small("never_listens").model_copy(update={"unix_socket": str(tmp_path / "app.sock")}), log)
