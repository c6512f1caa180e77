"""TLS, Unix sockets, IPv6 and connections that are used once: every way to a server, and every way not to get there."""

import hashlib
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Final

import pytest
import trustme

from harness.generator.probe import ProbeError, probe
from harness.generator.transport import Connector
from harness.load.result import Errors, LoadResult
from harness.load.spec import Arrivals, Request, Tls
from tests.generator.accounting import assert_adds_up, assert_agrees, play
from tests.generator.answers import CHUNKED, LARGE, SMALL, UNTIL_CLOSE, broken, closing, whole
from tests.generator.forked import forked_loop
from tests.generator.loads import short_load
from tests.generator.messages import chunked, head_of, sized
from tests.generator.scripted_server import HOST, After, Answer, ScriptedServer
from tests.generator.transport_server import TransportServer, ipv6_listener, tcp_listener, unix_listener

CONNECTIONS: Final = 4  # of a short load
CLOSED: Final[dict[str, object]] = {"duration_s": 0.1}
OPEN: Final[dict[str, object]] = {"arrivals": Arrivals(rate_per_s=75), "duration_s": 0.2}
LOOPS: Final = {"closed": CLOSED, "open": OPEN}
LARGE_CHUNKED: Final = chunked([b"0123456789" * 2_000] * 10)

any_loop = pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Nobody trusts it but who is told to."""
    return trustme.CA()


@pytest.fixture(scope="module")
def trusted(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """Trusts the authority."""
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return Tls(ca_file=str(path))


ContextOf = Callable[..., ssl.SSLContext]


@pytest.fixture(scope="module")
def context_of(authority: trustme.CA) -> ContextOf:
    """Makes a server's side of TLS, with a certificate for the given name."""

    def make(name: str = HOST, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        if version is not None:
            context.minimum_version = context.maximum_version = version
        return context

    return make


@pytest.fixture
def unix_path(tmp_path: Path) -> Path:
    """Where a Unix socket can be."""
    return tmp_path / "socket"


def play_on(server: Callable[[], TransportServer], **changes: object) -> tuple[LoadResult, TransportServer]:
    """A short load on this server; the result adds up and agrees with the server's counts."""
    with forked_loop() as offer, server() as playing:
        result = offer(short_load(playing.port, **CLOSED | changes))
    assert_adds_up(result)
    assert_agrees(result, playing)
    return result, playing


def play_tls(
    script: Iterable[Answer], context: ssl.SSLContext, **changes: object
) -> tuple[LoadResult, TransportServer]:
    """A short load over TLS, as :func:`play`; shaking hands takes its time on a busy machine."""
    lasting = {"duration_s": 0.5} | changes
    return play_on(lambda: TransportServer(iter(script), tcp_listener(), context), **lasting)


def cutting_server(script: Iterable[Answer], context: ssl.SSLContext) -> TransportServer:
    """Ends connections without a word of TLS."""
    return TransportServer(iter(script), tcp_listener(), context, says_goodbye=False)


def what_probe_says(port: int, **changes: object) -> str:
    """Why nothing that could be measured answers there."""
    with pytest.raises(ProbeError) as caught:
        probe(short_load(port, **changes))
    return str(caught.value)


# TLS ----------------------------------------------------------------------------------------------------------


@any_loop
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_connections_are_kept_over_tls(
    context_of: ContextOf, trusted: Tls, loop: dict[str, object], version: ssl.TLSVersion
) -> None:
    result, server = play_tls(repeat(whole(SMALL)), context_of(version=version), tls=trusted, **loop)
    assert result.errors == Errors()
    assert result.ok > 3 * CONNECTIONS
    assert 1 <= server.handshakes == server.connections <= CONNECTIONS
    assert result.url == f"https://{HOST}:{server.port}/"
    assert result.workers == {"7": result.ok}


@any_loop
@pytest.mark.parametrize("answer", [LARGE, LARGE_CHUNKED], ids=["length", "chunked"])
def test_a_body_of_many_records_is_followed_to_its_end(
    context_of: ContextOf, trusted: Tls, loop: dict[str, object], answer: bytes
) -> None:
    longer = loop | {"duration_s": 0.4}
    result, server = play_tls(repeat(whole(answer)), context_of(), tls=trusted, timeout_s=1.0, **longer)
    assert result.errors == Errors()
    assert result.ok > CONNECTIONS
    assert result.bytes == result.ok * len(answer)
    assert server.connections <= CONNECTIONS


def test_a_request_of_many_records_arrives_whole(context_of: ContextOf, trusted: Tls) -> None:
    """More than the socket takes at once: OpenSSL has to be given the same bytes again."""
    request = Request(method="POST", body=bytes(range(256)) * 20_000)
    changes = {"requests": (request,), "connections": 1, "threads": 1, "duration_s": 0.4}
    result, server = play_tls(repeat(whole(SMALL)), context_of(), tls=trusted, **changes)
    assert result.errors == Errors()
    assert result.ok > 0
    (received,) = server.requests
    assert received.partition(b"\r\n\r\n")[2] == request.body


def test_a_server_may_end_connections_over_tls(context_of: ContextOf, trusted: Tls) -> None:
    closes = sized(b"bye", "Connection: close")
    result, server = play_tls(repeat(closing(closes)), context_of(), tls=trusted)
    assert result.errors == Errors()
    assert result.requests <= server.connections <= result.started


def test_a_body_until_the_close_is_whole_when_tls_ends_as_it_should(context_of: ContextOf, trusted: Tls) -> None:
    result, _ = play_tls(repeat(closing(UNTIL_CLOSE)), context_of(), tls=trusted)
    assert result.errors == Errors()
    assert result.bytes == result.ok * len(UNTIL_CLOSE) > 0


def test_a_body_until_the_close_that_tls_did_not_end_is_cut(context_of: ContextOf, trusted: Tls) -> None:
    """RFC 9112, section 9.8: anybody on the way could have closed the connection."""
    script = repeat(broken(UNTIL_CLOSE, after=After.CLOSE))
    result, _ = play_on(lambda: cutting_server(script, context_of()), tls=trusted)
    assert result.ok == 0
    assert result.errors == Errors(read=result.errors.read)
    assert result.errors.read > 0


@pytest.mark.parametrize(
    ("cut", "after", "loop"),
    [
        pytest.param(LARGE[:100_000], After.CLOSE, CLOSED, id="large, closed"),
        pytest.param(LARGE[:100_000], After.RESET, OPEN, id="large, reset, open loop"),
        pytest.param(SMALL[:-1], After.RESET, CLOSED, id="small, reset"),
        pytest.param(SMALL[:-1], After.CLOSE, OPEN, id="small, closed, open loop"),
        pytest.param(LARGE_CHUNKED[:-5], After.CLOSE, CLOSED, id="chunked, closed"),
    ],
)
def test_a_connection_cut_in_a_body_is_a_read_error(
    context_of: ContextOf, trusted: Tls, loop: dict[str, object], after: After, cut: bytes
) -> None:
    script = chain.from_iterable(repeat([whole(SMALL), broken(cut, after=after)]))
    result, server = play_on(lambda: cutting_server(script, context_of()), tls=trusted, **loop)
    assert result.errors == Errors(read=result.errors.read)
    assert 0 < result.errors.read <= server.sent[broken(cut, after=after)]
    assert result.ok > 0


def test_a_server_that_stalls_over_tls_is_given_up(context_of: ContextOf, trusted: Tls) -> None:
    result, _ = play_tls(repeat(broken(LARGE[:50_000])), context_of(), tls=trusted, timeout_s=0.05)
    assert result.errors == Errors(timeout=result.errors.timeout)
    assert result.errors.timeout >= CONNECTIONS


def test_a_surplus_over_tls_is_no_http(context_of: ContextOf, trusted: Tls) -> None:
    result, _ = play_tls(repeat(broken(SMALL + b"!")), context_of(), tls=trusted)
    assert result.errors == Errors(protocol=result.errors.protocol)
    assert result.errors.protocol > 0


def test_an_expected_body_is_compared_over_tls(context_of: ContextOf, trusted: Tls) -> None:
    script = chain.from_iterable(repeat([whole(SMALL), whole(sized(b"other"))]))
    result, _ = play_tls(script, context_of(), tls=trusted, expect={"body_bytes": 10})
    assert result.errors == Errors(body=result.errors.body)
    assert result.ok == pytest.approx(result.errors.body, abs=2 * CONNECTIONS)


@pytest.mark.parametrize("every", [True, False], ids=["every", "a sample"])
def test_as_many_bodies_are_checked_over_tls_as_without(context_of: ContextOf, trusted: Tls, every: bool) -> None:
    """Though all of them have to be read."""
    expect = {"body_sha256": hashlib.sha256(b"something else").hexdigest(), "every": every}
    result, server = play_tls(repeat(whole(LARGE)), context_of(), tls=trusted, expect=expect)
    assert result.errors == Errors(body=result.checked)
    assert server.connections <= result.checked + result.unfinished
    assert (result.checked == result.requests) is every


@any_loop
def test_connections_used_once_shake_hands_each_time(
    context_of: ContextOf, trusted: Tls, loop: dict[str, object]
) -> None:
    result, server = play_tls(repeat(whole(SMALL)), context_of(), tls=trusted, keepalive=False, **loop)
    assert result.errors == Errors()
    assert result.requests <= server.handshakes <= result.started
    assert result.requests > CONNECTIONS


# Who answers ----------------------------------------------------------------------------------------------------


def test_an_unchecked_certificate_may_be_anybodys(context_of: ContextOf) -> None:
    unchecked = Tls(verify=False)
    result, _ = play_tls(repeat(whole(SMALL)), context_of("elsewhere.example"), tls=unchecked)
    assert result.errors == Errors()
    assert result.ok > 0


def not_trusted(trusted: Tls) -> tuple[str, Tls, str]:
    return HOST, Tls(), "certificate is not accepted: .*unable to get local issuer"


def of_another_name(trusted: Tls) -> tuple[str, Tls, str]:
    return "elsewhere.example", trusted, "certificate is not accepted: .*mismatch"


@any_loop
@pytest.mark.parametrize("case", [not_trusted, of_another_name])
def test_a_wrong_certificate_ends_every_request_and_is_told(
    context_of: ContextOf, trusted: Tls, loop: dict[str, object], case: Callable[[Tls], tuple[str, Tls, str]]
) -> None:
    name, tls, message = case(trusted)
    result, server = play_tls(repeat(whole(SMALL)), context_of(name), tls=tls, **loop)
    assert result.errors == Errors(connect=result.errors.connect)
    assert result.errors.connect > 0
    assert not server.requests
    with TransportServer(repeat(whole(SMALL)), tcp_listener(), context_of(name)) as server:
        assert_words(what_probe_says(server.port, tls=tls), message)


def assert_words(said: str, pattern: str) -> None:
    """What a user is told: the given words, in one line, without the insides of OpenSSL."""
    with pytest.raises(ValueError, match=pattern):
        raise ValueError(said)
    assert "_ssl.c" not in said
    assert "\n" not in said


def test_probe_takes_a_trusted_certificate(context_of: ContextOf, trusted: Tls) -> None:
    with TransportServer(repeat(whole(SMALL)), tcp_listener(), context_of()) as server:
        probe(short_load(server.port, tls=trusted))
    assert server.handshakes == server.responses == 1


@any_loop
def test_a_server_without_tls_is_counted(loop: dict[str, object]) -> None:
    """It takes the first bytes for a request, as far as they go, and says that it is a bad one."""
    bad = broken(head_of(400, "Content-Length: 0"), after=After.CLOSE)
    with forked_loop() as offer, PlainServer(repeat(bad)) as server:
        result = offer(short_load(server.port, tls=Tls(verify=False), **loop))
        said = what_probe_says(server.port, tls=Tls(verify=False))
    assert_adds_up(result)
    assert result.errors == Errors(connect=result.errors.connect)
    assert result.errors.connect > 0
    assert_words(said, "speaks plain HTTP, not TLS: load http://")


class PlainServer(ScriptedServer):
    """Answers whatever arrives first."""

    def _play(self, sock: socket.socket) -> None:
        sock.recv(4096)
        sock.sendall(next(self._script).pieces[0])


def test_a_server_that_never_shakes_hands_is_given_up() -> None:
    result, server = play(repeat(whole(SMALL)), tls=Tls(verify=False), timeout_s=0.05)
    assert result.errors == Errors(timeout=result.errors.timeout)
    assert result.errors.timeout >= CONNECTIONS
    assert not server.requests


@any_loop
def test_a_server_that_hangs_up_before_the_handshake_is_counted(loop: dict[str, object]) -> None:
    with forked_loop() as offer, ScriptedServer(repeat(whole(SMALL)), hangs_up=True) as server:
        result = offer(short_load(server.port, tls=Tls(verify=False), **loop))
    assert_adds_up(result)
    assert result.errors == Errors(connect=result.errors.connect)
    assert result.errors.connect > 0


@any_loop
def test_a_connection_lost_as_the_handshake_begins_is_counted(
    monkeypatch: pytest.MonkeyPatch, loop: dict[str, object]
) -> None:
    """A reset in that instant fails the taking over of the socket itself, which no server can time."""

    def wrap_tls(self: Connector, sock: socket.socket) -> None:
        sock.detach()
        raise ConnectionResetError

    monkeypatch.setattr(Connector, "wrap_tls", wrap_tls)
    result, _ = play(repeat(whole(SMALL)), tls=Tls(verify=False), **loop)
    assert result.errors == Errors(connect=result.errors.connect)
    assert result.errors.connect > 0


def test_a_tls_server_addressed_without_is_counted(context_of: ContextOf) -> None:
    result, server = play_tls(repeat(whole(SMALL)), context_of())
    assert result.ok == 0
    assert result.errors == Errors(read=result.errors.read, write=result.errors.write, protocol=result.errors.protocol)
    assert result.errors.total > 0
    assert server.handshakes == 0


def test_a_file_without_certificates_is_told(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    for path in (empty, tmp_path / "missing.pem"):
        assert str(path) in what_probe_says(80, tls=Tls(ca_file=str(path)))


# Unix sockets ---------------------------------------------------------------------------------------------------


@any_loop
def test_a_unix_socket_is_served(unix_path: Path, loop: dict[str, object]) -> None:
    result, server = play_on(
        lambda: TransportServer(repeat(whole(LARGE)), unix_listener(unix_path)),
        host="app.example",
        unix_socket=str(unix_path),
        **loop,
    )
    assert result.errors == Errors()
    assert result.ok > CONNECTIONS
    assert 1 <= server.connections <= CONNECTIONS
    assert all(b"\r\nHost: app.example:80\r\n" in request for request in server.requests)


def test_tls_goes_over_a_unix_socket(unix_path: Path, context_of: ContextOf, trusted: Tls) -> None:
    result, server = play_on(
        lambda: TransportServer(repeat(whole(SMALL)), unix_listener(unix_path), context_of("app.example")),
        host="app.example",
        unix_socket=str(unix_path),
        tls=trusted,
    )
    assert result.errors == Errors()
    assert 1 <= server.handshakes <= CONNECTIONS  # one a connection, whatever it is used for


def test_connections_to_a_unix_socket_can_be_used_once(unix_path: Path) -> None:
    result, server = play_on(
        lambda: TransportServer(repeat(whole(SMALL)), unix_listener(unix_path)),
        unix_socket=str(unix_path),
        keepalive=False,
    )
    assert result.errors == Errors()
    assert result.requests <= server.connections <= result.started


@any_loop
def test_a_missing_unix_socket_is_counted_and_told(unix_path: Path, loop: dict[str, object]) -> None:
    with forked_loop() as offer:
        result = offer(short_load(80, unix_socket=str(unix_path), **loop))
    assert_adds_up(result)
    assert result.errors == Errors(connect=result.started)
    said = what_probe_says(80, unix_socket=str(unix_path))
    assert said == f"unable to connect to {unix_path}: No such file or directory"


@pytest.fixture
def full_unix_socket(unix_path: Path) -> Iterator[Path]:
    """Its backlog of one has no more room, and nobody accepts."""
    with unix_listener(unix_path, backlog=0), socket.socket(socket.AF_UNIX) as waiting:
        waiting.connect(str(unix_path))
        yield unix_path


def test_a_full_backlog_is_tried_again_with_patience(full_unix_socket: Path) -> None:
    """A closed loop tries every connection once in each of its chores, at most a few dozen times a second."""
    with forked_loop() as offer:
        result = offer(short_load(80, unix_socket=str(full_unix_socket), timeout_s=0.2))
    assert_adds_up(result)
    assert result.errors == Errors(connect=result.started)
    assert 2 * CONNECTIONS <= result.started <= 10 * CONNECTIONS
    assert result.generator_cpu_s < result.duration_s / 2


def test_a_full_backlog_costs_an_open_loop_what_was_due(full_unix_socket: Path) -> None:
    with forked_loop() as offer:
        result = offer(short_load(80, unix_socket=str(full_unix_socket), **OPEN))
    assert_adds_up(result)
    assert result.errors == Errors(connect=result.started)
    assert result.started == 15


# IPv6, names and connections that are used once -----------------------------------------------------------------


@any_loop
def test_ipv6_is_served(loop: dict[str, object]) -> None:
    result, server = play_on(lambda: TransportServer(repeat(whole(SMALL)), ipv6_listener()), host="::1", **loop)
    assert result.errors == Errors()
    assert result.ok > CONNECTIONS
    assert result.url == f"http://[::1]:{server.port}/"
    assert all(b"\r\nHost: [::1]:%d\r\n" % server.port in request for request in server.requests)


def test_tls_goes_over_ipv6(context_of: ContextOf, trusted: Tls) -> None:
    result, server = play_on(
        lambda: TransportServer(repeat(whole(SMALL)), ipv6_listener(), context_of("::1")), host="::1", tls=trusted
    )
    assert result.errors == Errors()
    assert 1 <= server.handshakes <= CONNECTIONS  # one a connection, whatever it is used for


def test_probe_names_an_ipv6_address_in_brackets() -> None:
    with socket.socket(socket.AF_INET6) as bound:
        bound.bind(("::1", 0))
        port = bound.getsockname()[1]
        assert what_probe_says(port, host="::1") == f"unable to connect to [::1]:{port}: Connection refused"


def test_a_link_local_address_keeps_its_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the kernel would not know where to send: it is what %eth0 stands for."""
    reached: list[object] = []

    def connect_ex(_: socket.socket, address: object) -> int:
        reached.append(address)
        return 0

    monkeypatch.setattr(socket.socket, "connect_ex", connect_ex)
    Connector(short_load(80, host="fe80::1%lo").target).start_connect()[0].close()
    assert reached == [("fe80::1", 80, 0, socket.if_nametoindex("lo"))]


@pytest.mark.parametrize("host", ["a" * 64, "two..dots"])
def test_a_host_that_can_be_no_name_is_told(host: str) -> None:
    assert host in what_probe_says(80, host=host)


@pytest.mark.parametrize(
    ("answer", "loop"),
    [
        pytest.param(whole(SMALL), CLOSED, id="small, left open"),
        pytest.param(whole(SMALL), OPEN, id="small, left open, open loop"),
        pytest.param(closing(SMALL), CLOSED, id="small, closed"),
        pytest.param(closing(UNTIL_CLOSE), CLOSED, id="until close"),
        pytest.param(whole(LARGE), CLOSED, id="large"),
        pytest.param(whole(CHUNKED), OPEN, id="chunked, open loop"),
    ],
)
def test_connections_used_once_are_as_many_as_the_requests(answer: Answer, loop: dict[str, object]) -> None:
    """Whether the server ends them, or leaves that to the client."""
    result, server = play(repeat(answer), keepalive=False, **loop)
    assert result.errors == Errors()
    assert result.requests > CONNECTIONS
    assert result.requests <= server.connections <= result.started
    assert all(b"\r\nConnection: close\r\n" in request for request in server.requests)
    assert result.statuses == {200: result.ok}
