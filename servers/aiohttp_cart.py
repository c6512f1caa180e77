"""The cart on aiohttp.

In one process: `python -m servers.aiohttp_cart --port 8080 [--host 127.0.0.1]`.
As a cluster: `gunicorn servers.aiohttp_cart:app -k aiohttp.GunicornWebWorker -w 2 -b 127.0.0.1:8080`.
"""

import argparse
from typing import Final

from aiohttp import web

from servers.cart.render import render_cart
from servers.cart.request import parse_cart_id
from servers.cart.settings import MISUSE, WORKER_CANNOT_START, coupons_or_exit
from servers.naming import name_worker

COUPONS: Final = web.AppKey("COUPONS", int)


async def cart(request: web.Request) -> web.Response:
    """The page of the cart that the query names."""
    try:
        cart_id = parse_cart_id(request.query.getall("id", []))
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from error
    body = render_cart(cart_id, request.app[COUPONS])
    return web.Response(body=body, content_type="text/html", charset="utf-8")


def create_app(coupons: int) -> web.Application:
    """The application of a shop whose pages consider the first `coupons` coupons."""
    application = web.Application()
    application[COUPONS] = coupons
    application.router.add_get("/cart", cart)
    application.on_response_prepare.append(name_worker)
    return application


def main() -> None:
    """Serve `app` as the command line says, until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m servers.aiohttp_cart", description="The cart on aiohttp.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", default=8080, type=int, help="port to listen on (default: %(default)s)")
    arguments = parser.parse_args()
    web.run_app(app, host=arguments.host, port=arguments.port, access_log=None)


app = create_app(coupons_or_exit(MISUSE if __name__ == "__main__" else WORKER_CANNOT_START))

if __name__ == "__main__":
    main()
