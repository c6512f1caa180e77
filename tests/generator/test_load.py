"""What may be offered, and addresses as text."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.generator.load import Load, target_of

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
    ],
)
def test_targets(url: str, target: tuple[str, int, str]) -> None:
    assert target_of(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8080/",
        "/cart",
        "https://localhost/",
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
        target_of(url)


def test_what_was_expected_is_told() -> None:
    with pytest.raises(ValueError, match=r"expected a URL such as http://.*, got 'localhost:8080'"):
        target_of("localhost:8080")


def test_port_0_is_not_taken_for_the_usual_one() -> None:
    with pytest.raises(ValueError, match="port"):
        load_to("http://localhost:0/")


def load_to(url: str) -> Load:
    host, port, path = target_of(url)
    return Load(host=host, port=port, path=path)


@given(host=st.sampled_from(["127.0.0.1", "localhost", "a.example"]), port=st.integers(1, 65535), path=PATH)
def test_the_url_of_a_load_leads_back_to_it(host: str, port: int, path: str) -> None:
    load = Load(host=host, port=port, path=path)
    assert load_to(load.url) == load


def test_the_url_of_an_ipv6_host_leads_back_to_it() -> None:
    load = Load(host="::1", port=8080)
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
        ("expect_body_sha256", "not a digest"),
        ("pipelining", True),
    ],
)
def test_what_cannot_be_offered(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        Load.model_validate({"host": "localhost", "port": 80, field: value})


def test_every_group_needs_a_connection() -> None:
    with pytest.raises(ValidationError, match="got 2 connections and 3 threads"):
        Load(host="localhost", port=80, connections=2, threads=3)
    assert Load(host="localhost", port=80, connections=3, threads=3).threads == 3


def test_a_load_survives_the_pipe() -> None:
    load = Load(host="localhost", port=80, method="POST", headers={"X-A": "ä"}, body="€", expect_body_sha256="0" * 64)
    assert Load.model_validate_json(load.model_dump_json()) == load
