"""The bytes of the request."""

import pytest

from harness.load.requests import encode_requests
from harness.load.spec import Load
from tests.generator.loads import short_load


def lines_of(load: Load) -> list[str]:
    """Request line and headers; fails unless the body follows them as it is."""
    prepared = next(encode_requests(load))
    assert prepared.size == len(prepared.data)
    assert prepared.method == load.requests[0].method
    head, empty_line, body = prepared.data.partition(b"\r\n\r\n")
    assert empty_line
    assert body == load.requests[0].body
    return str(head, "latin-1").split("\r\n")


def load(**changes: object) -> Load:
    return short_load(8080, **changes)


def test_the_plain_request() -> None:
    assert lines_of(load()) == ["GET / HTTP/1.1", "Host: 127.0.0.1:8080"]


def test_method_and_path() -> None:
    assert lines_of(load(method="HEAD", path="/cart?lines=3"))[0] == "HEAD /cart?lines=3 HTTP/1.1"


def test_a_body_has_a_length_in_bytes() -> None:
    assert "Content-Length: 3" in lines_of(load(method="POST", body="€".encode()))


def test_a_body_has_a_length_whatever_the_method() -> None:
    assert "Content-Length: 2" in lines_of(load(method="GET", body=b"ab"))


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_the_length_of_no_body_is_told_where_one_is_usual(method: str) -> None:
    assert "Content-Length: 0" in lines_of(load(method=method))


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_the_length_of_no_body_is_left_out_elsewhere(method: str) -> None:
    assert not any(line.startswith("Content-Length") for line in lines_of(load(method=method)))


def test_headers_are_added() -> None:
    assert "Accept: text/html" in lines_of(load(headers={"Accept": "text/html"}))


@pytest.mark.parametrize("name", ["Host", "host", "HOST"])
def test_a_given_host_wins(name: str) -> None:
    hosts = [line for line in lines_of(load(headers={name: "shop.example"})) if line.lower().startswith("host:")]
    assert hosts == [f"{name}: shop.example"]


def test_a_given_length_wins() -> None:
    lines = lines_of(load(method="POST", body=b"abc", headers={"content-length": "2"}))
    assert [line for line in lines if line.lower().startswith("content-length:")] == ["content-length: 2"]


def test_an_ipv6_host_is_bracketed() -> None:
    assert "Host: [::1]:8080" in lines_of(load(host="::1"))
