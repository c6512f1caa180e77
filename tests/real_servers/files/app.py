"""One page, as a WSGI and as an ASGI application."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

PAGE = b"<!doctype html><title>Page</title><p>" + b"A page of some length. " * 40
HEAD = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(PAGE)))]


def wsgi(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Answer every request with the page."""
    start_response("200 OK", HEAD)
    return [PAGE]


async def asgi(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Answer every request with the page."""
    if scope["type"] == "lifespan":
        for state in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{state}.complete"})
        return
    head = [(name.lower().encode(), value.encode()) for name, value in HEAD]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": PAGE})
