"""The cart with some more work for each page: ``python -m tests.real.slower_cart ROUNDS --host HOST --port PORT``."""

import sys

from aiohttp import web

from servers import aiohttp_cart
from servers.cart.render import render_cart
from servers.naming import name_worker

ROUNDS = web.AppKey("ROUNDS", int)


def work(rounds: int) -> int:
    """Something to do, whose time is in proportion to ``rounds``."""
    total = 0
    for number in range(rounds):
        total += number * number
    return total


async def slower(request: web.Request) -> web.Response:
    """The page, after the work."""
    work(request.app[ROUNDS])
    body = render_cart(1, request.app[aiohttp_cart.COUPONS])
    return web.Response(body=body, content_type="text/html", charset="utf-8")


if __name__ == "__main__":
    application = web.Application()
    application[aiohttp_cart.COUPONS] = 6
    application[ROUNDS] = int(sys.argv[1])
    application.router.add_get("/cart", slower)
    application.on_response_prepare.append(name_worker)
    host, port = sys.argv[3], int(sys.argv[5])
    web.run_app(application, host=host, port=port, access_log=None)
