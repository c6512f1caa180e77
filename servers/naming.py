"""How a response tells which worker gave it."""

import os

from aiohttp import web


async def name_worker(_: web.Request, response: web.StreamResponse) -> None:
    """Let every response say which process gave it."""
    response.headers["X-Worker"] = str(os.getpid())
