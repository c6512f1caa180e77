"""The cart as a WSGI application, called as a server calls it."""

from io import BytesIO
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from servers.cart.render import render_cart
from servers.wsgi_cart import WaitingCart, wait_of


def answered(path: str, query: str = "") -> tuple[str, dict[str, str], bytes]:
    """The status, headers and body."""
    environ: dict[str, Any] = {"PATH_INFO": path, "QUERY_STRING": query, "wsgi.input": BytesIO()}
    setup_testing_defaults(environ)
    told: list[Any] = []
    body = b"".join(WaitingCart(6, 0.0)(environ, lambda *head: told.extend(head)))  # type: ignore[arg-type]
    return told[0], dict(told[1]), body


def test_the_cart_is_that_of_the_other_servers() -> None:
    status, headers, body = answered("/cart", "id=7")
    assert (status, body) == ("200 OK", render_cart(7, 6))
    assert headers["Content-Length"] == str(len(body))


@pytest.mark.parametrize(
    ("path", "query", "status"), [("/", "", "404 Not Found"), ("/cart", "id=0", "400 Bad Request")]
)
def test_anything_else_is_refused(path: str, query: str, status: str) -> None:
    assert answered(path, query)[0] == status


def test_the_wait_is_a_whole_number_of_milliseconds() -> None:
    assert wait_of({}) == 0.01
    assert wait_of({"CART_WAIT_MS": "0"}) == 0.0
    for text in ("", "-1", "1.5", "10001", "many"):
        with pytest.raises(ValueError, match="CART_WAIT_MS must be a whole number from 0 to 10000"):
            wait_of({"CART_WAIT_MS": text})
