"""Encoding of requests: from the kinds of request to the bytes that are sent, in the order of sending."""

import random
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, cycle, repeat
from math import gcd
from typing import Final, TypeVar
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from harness.load.spec import DataTable, HeaderValue, Load, Request

CHOICES: Final = 256  # kinds drawn at once
IN_A_TARGET: Final = "%:/?[]@!$&'()*+,;="  # not percent-encoded in a path; # is, or what follows it would not be sent
SENDS_LENGTH: Final = {"POST", "PUT", "PATCH"}  # Content-Length, even without a body
LENGTH_HEADERS: Final = {"content-length", "transfer-encoding"}
IDEMPOTENT: Final = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"}  # RFC 9110, section 9.2.2
MAX_ROWS_NAMED: Final = 10
_NAME: Final = re.compile(r"\{([^\W\d]\w*)\}")
_HEADER_VALUES: Final = TypeAdapter(HeaderValue)

T = TypeVar("T")
Row = tuple[str, ...]
Encode = Callable[[str], bytes]


@dataclass(slots=True)
class EncodedRequest:
    """A request ready to be sent, head and body. ``size`` is in bytes, ``kind`` an index into the load's ``kinds``.

    It is never changed, but not frozen either, which would triple the cost of making one.
    """

    data: bytes
    size: int
    method: str
    kind: int = 0

    @property
    def is_idempotent(self) -> bool:
        """True if sending it twice has the same effect as sending it once (RFC 9110, section 9.2.2)."""
        return self.method in IDEMPOTENT


def encode_requests(load: Load) -> Iterator[EncodedRequest]:
    """Return the requests of this process's share, without end, in the order of sending.

    Kinds are drawn at random by weight, from the load's seed. Rows of data are taken in turn: a share takes every
    ``of``-th row from its ``index`` on, so that all processes together use every row equally often. Raises ValueError
    as :func:`check_placeholders`.
    """
    check_placeholders(load)
    kinds = zip(load.requests, load.kind_of_each, strict=True)
    templates = [_Template(request, load, kind) for request, kind in kinds]
    if load.data is not None:
        return map(_Template.fill, _choose_kinds(templates, load), _rows(load.data, load))
    return _choose_kinds([template.fill(()) for template in templates], load)


def fill_first_request(load: Load) -> Request:
    """Return the first kind of request, filled from the first row if there is data: for probing a server."""
    request, data = load.requests[0], load.data
    if data is None:
        return request

    def fill(text: str, encode: Encode, encoding: str) -> str:
        return str(_Parts(text, data.columns, encode, encoding).fill(data.rows[0]), encoding, "surrogateescape")

    headers = {name: fill(value, _encode_latin1, "latin-1") for name, value in request.headers.items()}
    body = _Parts(decode_body(request), data.columns, _encode_utf8, "utf-8").fill(data.rows[0])
    path = fill(request.path, _quote, "ascii")
    return request.model_copy(update={"path": path, "headers": headers, "body": body, "written": request.name})


def basic_auth_header(user_password: str) -> str:
    """Return the Authorization header's value (RFC 7617) for ``name:password``. Raises ValueError without a colon."""
    if ":" not in user_password:
        raise ValueError(
            "expected NAME:PASSWORD, got no colon"
        )  # the text is not in the message, since it may be a password
    return f"Basic {b64encode(_encode_utf8(user_password)).decode('ascii')}"


def check_placeholders(load: Load) -> None:
    """Check that data and requests fit together.

    Raises ValueError with every reason, a line each: a name in braces in a path or a header that is no column, and a
    value that can't be sent in the header that it is for.
    """
    if load.data is not None and (reasons := list(_list_misfits(load, load.data))):
        raise ValueError("\n".join(reasons))


def _list_misfits(load: Load, data: DataTable) -> Iterator[str]:
    known = ", ".join(f"{{{column}}}" for column in data.columns)
    for number, request in enumerate(load.requests, start=1):
        texts = {"path": request.path} | {f"header {name}": value for name, value in request.headers.items()}
        for where, text in texts.items():
            for name in dict.fromkeys(_NAME.findall(text)):
                if name not in data.columns:
                    yield f"request {number}: {where}: {{{name}}} is no column; there are {known}"
            if where != "path":
                for column in dict.fromkeys(_split_at_columns(text, data.columns)[1::2]):
                    yield from _list_unsendable(data, column, f"request {number}: {where}")


def _list_unsendable(data: DataTable, column: str, where: str) -> Iterator[str]:
    """Yield the rows whose value can't be sent in a header, without the values: they may be secrets."""
    at = data.columns.index(column)
    rows = [number for number, row in enumerate(data.rows, start=1) if not fits_header(row[at])]
    for number in rows[:MAX_ROWS_NAMED]:
        yield f"{where}: row {number}, column {column}: expected a value that a header can hold"
    if more := rows[MAX_ROWS_NAMED:]:
        yield f"{where}: column {column}: and {len(more)} more rows"


def fits_header(value: str) -> bool:
    """Check whether the text can be sent as the value of a header."""
    try:
        _HEADER_VALUES.validate_python(value)
    except ValidationError:
        return False
    return True


def _choose_kinds(kinds: list[T], load: Load) -> Iterator[T]:
    """Return kinds drawn by weight, without end. Each process draws its own."""
    if len(kinds) == 1:
        return repeat(kinds[0])
    dice = random.Random(f"requests {load.seed} {load.share.index}")
    weights = [request.weight for request in load.requests]
    return chain.from_iterable(dice.choices(kinds, weights, k=CHOICES) for _ in repeat(None))


def _rows(data: DataTable, load: Load) -> Iterator[Row]:
    index, of, rows = load.share.index, load.share.of, data.rows
    return cycle([rows[(index + turn * of) % len(rows)] for turn in range(len(rows) // gcd(len(rows), of))])


class _Parts:
    """A text split at its placeholders, so that filling it is a join."""

    def __init__(self, text: str, columns: tuple[str, ...], encode: Encode, encoding: str) -> None:
        parts = _split_at_columns(text, columns)
        self._slots = [(columns.index(name), encode) for name in parts[1::2]]
        self._parts = [part.encode(encoding, "surrogateescape") for part in parts]

    def fill(self, row: Row) -> bytes:
        parts = self._parts.copy()
        parts[1::2] = [encode(row[column]) for column, encode in self._slots]
        return b"".join(parts)

    def __add__(self, other: "_Parts") -> "_Parts":
        both = _Parts.__new__(_Parts)
        both._parts = [*self._parts[:-1], self._parts[-1] + other._parts[0], *other._parts[1:]]
        both._slots = self._slots + other._slots
        return both


class _Template:
    """A kind of request, encoded as far as that is possible without a row of data."""

    def __init__(self, request: Request, load: Load, kind: int) -> None:
        columns = load.data.columns if load.data else ()
        given = {name.lower() for name in request.headers}
        usual = {"Host": load.target.authority} | ({} if load.keepalive else {"Connection": "close"})
        own = "".join(f"{name}: {value}\r\n" for name, value in usual.items() if name.lower() not in given)
        self._method, self._kind = request.method, kind
        self._head = _Parts(f"{request.method} ", (), _encode_latin1, "latin-1")
        self._head += _Parts(request.path, columns, _quote, "ascii")
        self._head += _Parts(f" HTTP/1.1\r\n{own}", (), _encode_latin1, "latin-1")
        for name, value in request.headers.items():
            self._head += _Parts(f"{name}: ", (), _encode_latin1, "latin-1")
            self._head += _Parts(value, columns, _encode_latin1, "latin-1")
            self._head += _Parts("\r\n", (), _encode_latin1, "latin-1")
        self._body = _Parts(decode_body(request), columns, _encode_utf8, "utf-8")
        needs_length = bool(request.body) or request.method in SENDS_LENGTH
        self._sends_length = needs_length and given.isdisjoint(LENGTH_HEADERS)

    def fill(self, row: Row) -> EncodedRequest:
        body = self._body.fill(row)
        end = b"Content-Length: %d\r\n\r\n" % len(body) if self._sends_length else b"\r\n"
        data = self._head.fill(row) + end + body
        return EncodedRequest(data, len(data), self._method, self._kind)


def _split_at_columns(text: str, columns: tuple[str, ...]) -> list[str]:
    """Split the text at its placeholders: texts at even indices, names of columns at odd ones."""
    if not columns:
        return [text]
    return re.split(rf"\{{({'|'.join(map(re.escape, columns))})\}}", text)


def decode_body(request: Request) -> str:
    """Return the body as text. Bytes that are not UTF-8 become surrogates, which encode to the same bytes again."""
    return request.body.decode("utf-8", "surrogateescape")


def _quote(value: str) -> bytes:
    return quote(value, safe=IN_A_TARGET).encode("ascii")


def _encode_latin1(value: str) -> bytes:
    return value.encode("latin-1")


def _encode_utf8(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")
