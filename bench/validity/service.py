"""A service that is as good as ``settings.json`` beside it says: ``python service.py PORT``.

`bench.validity.commits` copies it into a repository, in which each commit changes one of the settings.
"""

import asyncio
import itertools
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

PAGE: Final = "a page of a service\n" * 50


@dataclass
class Service:
    """What a request costs, and what every so many of them meet: of 50 one waits, of 100 one fails."""

    steps: int
    wait_s: float = 0.0
    sometimes_wait_s: float = 0.0
    kept_bytes: int = 0
    fails: bool = False
    start_s: float = 0.0
    held_bytes: int = 0

    def __post_init__(self) -> None:
        self.held = b"x" * self.held_bytes
        self.kept: list[bytes] = []
        self.numbers = itertools.count(1)

    async def page(self, _: web.Request) -> web.Response:
        """Return the page, after the work."""
        number = next(self.numbers)
        work(self.steps)
        if self.kept_bytes:
            self.kept.append(bytes([number % 256]) * self.kept_bytes)
        if self.wait_s:
            await asyncio.sleep(self.wait_s)
        if self.sometimes_wait_s and number % 50 == 0:
            await asyncio.sleep(self.sometimes_wait_s)
        if self.fails and number % 100 == 0:
            return web.Response(status=500, text="failed\n")
        return web.Response(text=PAGE)


def work(steps: int) -> int:
    """Return a sum that takes so many steps."""
    return sum(step * step for step in range(steps))


def main(port: int) -> None:
    """Serve as the settings say."""
    service = Service(**json.loads(Path(__file__).with_name("settings.json").read_text(encoding="utf-8")))
    time.sleep(service.start_s)
    application = web.Application()
    application.router.add_get("/", service.page)
    web.run_app(application, host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
