"""Several kinds of request, data that fills them, placeholders and passwords."""

import base64
from collections import Counter
from itertools import islice, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.requests import basic_auth_header, check_placeholders, encode_requests, fill_first_request
from harness.load.spec import DataTable, Load, LoadShare, Request
from tests.generator.loads import short_load

BYTES = st.binary(max_size=8).filter(lambda data: b"{" not in data)
ROWS = tuple((str(number), f"n{number}") for number in range(6))


def load_of(*requests: Request, data: DataTable | None = None, index: int = 0, of: int = 1, **rest: object) -> Load:
    return short_load(8080, requests=requests, data=data, share=LoadShare(index=index, of=of), **rest)


def table(*rows: tuple[str, ...], columns: tuple[str, ...] = ("id", "name")) -> DataTable:
    return DataTable(columns=columns, rows=rows)


def sent(load: Load, number: int) -> list[bytes]:
    return [prepared.data for prepared in islice(encode_requests(load), number)]


def paths(load: Load, number: int) -> list[str]:
    return [data.split(b" ", 2)[1].decode("ascii") for data in sent(load, number)]


def test_one_request_without_data_costs_nothing() -> None:
    requests = encode_requests(load_of(Request()))
    assert isinstance(requests, repeat)
    assert next(requests) is next(requests)


def test_kinds_are_sent_by_weight() -> None:
    load = load_of(Request(path="/a", weight=3), Request(path="/b"))
    assert Counter(paths(load, 8000))["/a"] == pytest.approx(6000, abs=4 * 39)  # binomial: 4 standard deviations


def test_the_order_is_the_seeds_and_the_shares() -> None:
    kinds = (Request(path="/a"), Request(path="/b"))
    orders = [
        tuple(paths(load_of(*kinds, seed=seed, index=index, of=2), 64))
        for seed, index in ((1, 0), (1, 0), (2, 0), (1, 1))
    ]
    assert orders[0] == orders[1]
    assert len(set(orders)) == 3


def test_connections_used_once_are_announced() -> None:
    assert b"\r\nConnection: close\r\n" in sent(load_of(Request(), keepalive=False), 1)[0]
    own = sent(load_of(Request(headers={"connection": "x"}), keepalive=False), 1)[0]
    assert own.lower().count(b"connection:") == 1
    assert b"Connection" not in sent(load_of(Request()), 1)[0]


def test_a_given_transfer_encoding_leaves_no_length() -> None:
    chunked = Request(method="POST", headers={"Transfer-Encoding": "chunked"}, body=b"0\r\n\r\n")
    assert b"Content-Length" not in sent(load_of(chunked), 1)[0]


def test_path_headers_and_body_are_filled() -> None:
    request = Request(
        method="POST", path="/u/{id}?n={name}", headers={"X-N": "<{name}>"}, body=b'{"id": {id}, "x": {y}, {"{name}"}}'
    )
    load = load_of(request, data=table(("7", "\u00e4 b")))
    head, _, body = sent(load, 1)[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /u/7?n=%C3%A4%20b HTTP/1.1\r\n")
    assert b"\r\nX-N: <\xe4 b>\r\n" in head + b"\r\n"
    assert body == '{"id": 7, "x": {y}, {"\u00e4 b"}}'.encode()
    assert f"Content-Length: {len(body)}".encode() in head


@pytest.mark.parametrize(
    ("value", "in_path"),
    [
        ("a/b?x=1&y=2", "a/b?x=1&y=2"),
        ("50%25", "50%25"),
        ("a b\r\n", "a%20b%0D%0A"),
        ("x#y", "x%23y"),
        ('"{}', "%22%7B%7D"),
    ],
)
def test_what_may_not_be_in_a_url_is_encoded(value: str, in_path: str) -> None:
    assert paths(load_of(Request(path="/{id}"), data=table((value, ""))), 1) == [f"/{in_path}"]


@given(before=BYTES, after=BYTES, value=st.text(st.characters(codec="utf-8"), max_size=8))
def test_a_body_of_any_bytes_can_be_filled(before: bytes, after: bytes, value: str) -> None:
    load = load_of(Request(method="POST", body=before + b"{id}" + after), data=table((value, "")))
    body = sent(load, 1)[0].partition(b"\r\n\r\n")[2]
    assert body == before + value.encode() + after


def test_rows_come_in_turn() -> None:
    assert paths(load_of(Request(path="/{id}"), data=table(*ROWS[:3])), 7) == [f"/{i}" for i in (0, 1, 2, 0, 1, 2, 0)]


@given(of=st.integers(1, 8), size=st.integers(1, 6))
def test_all_shares_together_use_each_row_as_often(of: int, size: int) -> None:
    data, request = table(*ROWS[:size]), Request(path="/{id}")
    shares = [paths(load_of(request, data=data, index=index, of=of), size) for index in range(of)]
    together = [path for paths in zip(*shares, strict=True) for path in paths]
    assert together == [f"/{number % size}" for number in range(of * size)]


def test_the_first_request_is_the_first_that_is_sent() -> None:
    request = Request(method="POST", path="/{id}", headers={"X": "{name}"}, body=b"\xff{name}")
    load = load_of(request, data=table(("a b", "\u00e4")))
    again = load.model_copy(update={"requests": (fill_first_request(load),), "data": None})
    assert sent(again, 1) == sent(load, 1)
    assert fill_first_request(load_of(request)) == request


def test_braces_without_data_stay() -> None:
    assert paths(load_of(Request(path="/{id}")), 1) == ["/{id}"]
    check_placeholders(load_of(Request(path="/{id}")))


def test_everything_that_does_not_fit_is_told_at_once() -> None:
    load = load_of(
        Request(path="/{idd}", headers={"X-N": "{name}{nme}"}, body=b"{whatever}"),
        Request(path="/{name}/{}/{1}"),
        data=table(("1", "ok"), ("2", "secret\r\nX: 1"), ("3", "3 \u20ac")),
    )
    with pytest.raises(ValueError, match="request") as caught:
        check_placeholders(load)
    assert str(caught.value).splitlines() == [
        "request 1: path: {idd} is no column; there are {id}, {name}",
        "request 1: header X-N: {nme} is no column; there are {id}, {name}",
        "request 1: header X-N: row 2, column name: expected a value that a header can hold",
        "request 1: header X-N: row 3, column name: expected a value that a header can hold",
    ]
    with pytest.raises(ValueError, match="row 2"):
        encode_requests(load)


def test_a_password_is_encoded_and_never_told() -> None:
    assert basic_auth_header("Aladdin:open sesame") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="  # RFC 7617, section 2
    assert base64.b64decode(basic_auth_header("a:\udcff:b").removeprefix("Basic ")) == b"a:\xff:b"  # as typed
    with pytest.raises(ValueError, match="NAME:PASSWORD") as caught:
        basic_auth_header("hunter2")
    assert "hunter2" not in str(caught.value)
