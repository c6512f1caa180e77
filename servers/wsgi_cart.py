"""The cart as a WSGI application that waits for something else first, as most do for a database.

In processes and threads: `gunicorn 'servers.wsgi_cart:create_app()' -k gthread -w 2 --threads 4 -b 127.0.0.1:8080`. The
environment variable `CART_WAIT_MS` says how long a request waits, in milliseconds: 10 where it is not set.
"""

import os
import sys
import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIEnvironment

from servers.cart.render import render_cart
from servers.cart.request import parse_cart_id
from servers.cart.settings import WORKER_CANNOT_START, coupons_considered

DEFAULT_WAIT_MS: Final = "10"
MAX_WAIT_MS: Final = 10_000


class WaitingCart:
    """The application of one worker, which its threads share."""

    def __init__(self, coupons: int, wait_s: float) -> None:
        self._coupons = coupons
        self._wait_s = wait_s

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        """Answer one request: the cart page at `/cart`, and a line of plain text for anything else."""
        status, content_type, body = self._answer(environ)
        headers = [
            ("Content-Type", f"{content_type}; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("X-Worker", str(os.getpid())),
        ]
        start_response(status, headers)
        return [body]

    def _answer(self, environ: WSGIEnvironment) -> tuple[str, str, bytes]:
        if environ.get("PATH_INFO") != "/cart":
            return "404 Not Found", "text/plain", b"not found; the cart is at /cart\n"
        try:
            cart_id = parse_cart_id(parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True).get("id", []))
        except ValueError as error:
            return "400 Bad Request", "text/plain", f"{error}\n".encode()
        time.sleep(self._wait_s)
        return "200 OK", "text/html", render_cart(cart_id, self._coupons)


def wait_of(environment: Mapping[str, str]) -> float:
    """The time that a request waits, in seconds, as `environment` sets it; ValueError when it is no such time."""
    text = environment.get("CART_WAIT_MS", DEFAULT_WAIT_MS)
    if not text.isascii() or not text.isdecimal() or len(text) > 5 or int(text) > MAX_WAIT_MS:
        raise ValueError(f"CART_WAIT_MS must be a whole number from 0 to {MAX_WAIT_MS}, not {text!r}")
    return int(text) / 1000


def create_app() -> WaitingCart:
    """The application of this worker; a wrong setting ends it with one line on stderr."""
    try:
        return WaitingCart(coupons_considered(os.environ), wait_of(os.environ))
    except ValueError as error:
        print(error, file=sys.stderr)
        raise SystemExit(WORKER_CANNOT_START) from None
