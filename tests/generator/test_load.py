"""What may be offered, and addresses as text."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.load.spec import Arrivals, Load, Request, Stage, Target, Tls, parse_stage, parse_url
from tests.generator.loads import short_load

PATH = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="?#")).map("/{}".format)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://127.0.0.1:8080/cart", ("127.0.0.1", 8080, "/cart")),
        ("http://127.0.0.1:8080", ("127.0.0.1", 8080, "/")),
        ("http://localhost", ("localhost", 80, "/")),
        ("http://localhost/a/b?x=1&y=2", ("localhost", 80, "/a/b?x=1&y=2")),
        ("http://localhost?x=1", ("localhost", 80, "/?x=1")),
        ("http://localhost/page#part", ("localhost", 80, "/page")),
        ("HTTP://Localhost:81/Page", ("localhost", 81, "/Page")),
        ("http://[::1]:8080/", ("::1", 8080, "/")),
        ("http://0.0.0.0:8000/", ("127.0.0.1", 8000, "/")),
        ("http://[::]:8000", ("::1", 8000, "/")),
    ],
)
def test_targets(url: str, target: tuple[str, int, str]) -> None:
    found, path = parse_url(url)
    assert (found.host, found.port, path) == target
    assert found.tls is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8080/",
        "/cart",
        "http://name:password@localhost/",
        "ftp://localhost/",
        "http://",
        "http:///cart",
        "http://:8080/",
        "http://localhost:eighty/",
        "http://localhost:65536/",
        "http://[::1/",
    ],
)
def test_what_is_no_target(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_url(url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("localhost:8080", r"expected a URL such as http://.*, got 'localhost:8080': write http://localhost:8080$"),
        ("http://localhost:65536/", "expected a URL such as http://.*, got .*: Port out of range 0-65535$"),
        ("http://[::1/", "expected a URL such as http://.*, got .*: Invalid IPv6 URL$"),
        ("http://ann:secret@localhost/", "^expected a URL without a user, who is given as --user NAME:PASSWORD$"),
    ],
)
def test_what_was_expected_is_told(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_url(url)


def test_port_0_is_not_taken_for_the_usual_one() -> None:
    with pytest.raises(ValueError, match="port"):
        load_to("http://localhost:0/")


def load_to(url: str) -> Load:
    target, path = parse_url(url)
    return Load(target=target, requests=(Request(path=path),))


def load_of(host: str, port: int, path: str = "/", **rest: object) -> Load:
    target, requests = Target(host=host, port=port), (Request(path=path),)
    return Load.model_validate({"target": target, "requests": requests} | rest)


def test_https_is_another_port_and_checks_certificates() -> None:
    target, _ = parse_url("https://localhost/")
    assert (target.port, target.tls) == (443, Tls(verify=True))
    assert target.url("/x") == "https://localhost:443/x"
    assert parse_url("https://localhost/", tls=Tls(verify=False))[0].tls == Tls(verify=False)


def test_a_unix_socket_keeps_the_host_for_the_header() -> None:
    target, _ = parse_url("http://shop/", unix_socket="/run/shop.sock")
    assert (target.unix_socket, target.authority) == ("/run/shop.sock", "shop:80")


@given(host=st.sampled_from(["127.0.0.1", "localhost", "a.example"]), port=st.integers(1, 65535), path=PATH)
def test_the_url_of_a_load_leads_back_to_it(host: str, port: int, path: str) -> None:
    load = load_of(host, port, path)
    assert load_to(load.url) == load


def test_the_url_of_an_ipv6_host_leads_back_to_it() -> None:
    load = load_of("::1", 8080)
    assert load_to(load.url) == load


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("port", 0),
        ("port", 65536),
        ("path", ""),
        ("path", "cart"),
        ("path", "/a b"),
        ("path", "/a\r\nX-Header: 1"),
        ("path", "/a\n"),
        ("path", "/ä"),
        ("method", ""),
        ("method", "get"),
        ("method", "GET /"),
        ("headers", {"X-A": "1\r\nX-B: 2"}),
        ("headers", {"X-A\r\nX-B": "1"}),
        ("headers", {"X A": "1"}),
        ("headers", {"X-Price": "3 €"}),
        ("connections", 0),
        ("threads", 0),
        ("warmup_s", -0.1),
        ("duration_s", 0),
        ("duration_s", math.inf),
        ("timeout_s", 0),
        ("body_sha256", "not a digest"),
        ("pipelining", True),
    ],
)
def test_what_cannot_be_offered(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        short_load(**{"port": 80, field.replace("body_sha", "expect_body_sha"): value})  # type: ignore[arg-type]


def test_every_group_needs_a_connection() -> None:
    with pytest.raises(ValidationError, match="got 2 connections and 3 threads"):
        load_of("localhost", 80, connections=2, threads=3)
    assert load_of("localhost", 80, connections=3, threads=3).threads == 3


def test_a_load_survives_the_pipe() -> None:
    headers = {"X-A": "ä"}
    load = short_load(80, method="POST", headers=headers, body=b"\x00\xff", expect_body_sha256="0" * 64)
    assert Load.model_validate_json(load.model_dump_json()) == load


@given(connections=st.integers(1, 60), threads=st.integers(1, 60), processes=st.integers(1, 60))
def test_a_load_is_dealt_to_processes_without_a_rest(connections: int, threads: int, processes: int) -> None:
    threads, processes = min(threads, connections), min(processes, connections)
    shares = load_of("localhost", 80, connections=connections, threads=threads).shares(processes)
    assert sum(share.connections for share in shares) == connections
    assert max(share.connections for share in shares) - min(share.connections for share in shares) <= 1
    assert sum(share.threads for share in shares) == max(threads, processes)
    assert [(share.share.index, share.share.of) for share in shares] == [(i, processes) for i in range(processes)]
    assert all(Load.model_validate(share.model_dump()) == share for share in shares)


def test_a_process_needs_a_connection() -> None:
    with pytest.raises(ValueError, match="got 2 connections and 3 processes"):
        load_of("localhost", 80, connections=2).shares(3)


@pytest.mark.parametrize(
    ("text", "stage"),
    [("30s:100", (30.0, 100.0)), ("1.5m:0", (90.0, 0.0)), ("250ms:12.5", (0.25, 12.5)), ("5:1e3", (5.0, 1000.0))],
)
def test_stages(text: str, stage: tuple[float, float]) -> None:
    duration_s, rate_per_s = stage
    assert parse_stage(text) == Stage(duration_s=duration_s, rate_per_s=rate_per_s)


@pytest.mark.parametrize("text", ["", "30s", "30s:", ":100", "100:30s", "0s:100", "30s:-1", "30s:nan", "30s:inf"])
def test_what_is_no_stage(text: str) -> None:
    with pytest.raises(ValueError, match="expected a stage such as '30s:500'"):
        parse_stage(text)


def test_stages_fill_the_window() -> None:
    arrivals = Arrivals(rate_per_s=0, stages=(Stage(duration_s=2, rate_per_s=10), Stage(duration_s=3, rate_per_s=10)))
    assert load_of("localhost", 80, arrivals=arrivals, duration_s=5).duration_s == arrivals.stages_s
    with pytest.raises(ValidationError, match="got stages of 5 s and a window of 6 s"):
        load_of("localhost", 80, arrivals=arrivals, duration_s=6)


def test_nothing_arrives_at_a_rate_of_zero() -> None:
    with pytest.raises(ValidationError, match="expected a rate above 0"):
        Arrivals(rate_per_s=0, stages=(Stage(duration_s=2, rate_per_s=0),))
