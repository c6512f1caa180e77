"""The cart as a plain ASGI application, without a framework.

In one process: `uvicorn servers.asgi_cart:app --port 8080`.
As a cluster: the same with `--workers 2`, or
`gunicorn servers.asgi_cart:app -k uvicorn_worker.UvicornWorker -w 2 -b 127.0.0.1:8080`.
"""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs

from servers.cart.render import render_cart
from servers.cart.request import parse_cart_id
from servers.cart.settings import WORKER_CANNOT_START, coupons_or_exit

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Header: TypeAlias = tuple[bytes, bytes]

COUPONS: Final = coupons_or_exit(WORKER_CANNOT_START)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response before it is sent."""

    status: int
    content_type: bytes
    body: bytes
    headers: tuple[Header, ...] = ()


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """The ASGI application: the cart page at `/cart`, and a line of plain text for anything else."""
    if scope["type"] == "lifespan":
        await live(receive, send)
    elif scope["type"] == "http":
        await respond(scope, send, answer(scope))
    else:
        raise ValueError(f"this application does not speak {scope['type']}")


async def live(receive: Receive, send: Send) -> None:
    """Agree to start and to stop: the application holds nothing open."""
    event = ""
    while event != "lifespan.shutdown":
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})


def answer(scope: Message) -> Answer:
    """What to say to the HTTP request of `scope`."""
    if scope["path"] != "/cart":
        return refusal(404, "not found; the cart is at /cart")
    if scope["method"] not in ("GET", "HEAD"):
        return refusal(405, "only GET and HEAD are allowed", (b"allow", b"GET, HEAD"))
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    try:
        cart_id = parse_cart_id(query.get("id", []))
    except ValueError as error:
        return refusal(400, str(error))
    return Answer(200, b"text/html; charset=utf-8", render_cart(cart_id, COUPONS))


def refusal(status: int, message: str, *headers: Header) -> Answer:
    """An answer of one line of plain text."""
    return Answer(status, b"text/plain; charset=utf-8", f"{message}\n".encode(), headers)


async def respond(scope: Message, send: Send, reply: Answer) -> None:
    """Send `reply`; to HEAD it has the same headers and no body."""
    headers = [
        (b"content-type", reply.content_type),
        (b"content-length", b"%d" % len(reply.body)),
        (b"x-worker", b"%d" % os.getpid()),
        *reply.headers,
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else reply.body})
