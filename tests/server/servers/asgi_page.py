"""The page as an ASGI application, for uvicorn."""

import os
from collections.abc import Awaitable, Callable
from typing import Any

from tests.server.servers.serving import BODY


async def app(_: dict[str, Any], __: object, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    """The page, whatever is asked for."""
    headers = [(b"content-length", b"%d" % len(BODY)), (b"x-worker", b"%d" % os.getpid())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})
