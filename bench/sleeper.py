"""A server whose requests/s hang on time and not on a noisy CPU: every answer takes 20 ms of sleep.

Run as ``python -m bench.sleeper PORT``.
"""

import asyncio
import sys
from typing import Final

from aiohttp import web

SLEEP_S: Final = 0.02


async def answer(_: web.Request) -> web.Response:
    """Twelve bytes, later."""
    await asyncio.sleep(SLEEP_S)
    return web.Response(text="hello world\n")


if __name__ == "__main__":
    application = web.Application()
    application.router.add_get("/", answer)
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), access_log=None)
