"""The cart on aiohttp, kept in SQLite: an I/O-bound workload, which waits for the disk and for the one write lock.

In one process: `python -m servers.sqlite_cart --port 8080 [--host 127.0.0.1]`.
As a cluster: `gunicorn servers.sqlite_cart:app -c servers/shared_folder.py -k aiohttp.GunicornWebWorker -w 2
-b 127.0.0.1:8080`.

The environment variable `CART_DB` names the database, which all workers must share. Without it one process makes a
database of its own, and `shared_folder.py` one for all workers, anew for each start: carts grow with what was sold, and
no trial may find those that another has filled.

A worker has one connection that writes and one that reads, each with a thread. More would not be faster: writers queue
for the lock of the database in any case, and a read is short.
"""

import argparse
import os
import sqlite3
import sys
import tempfile
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from servers.cart.request import parse_cart_id
from servers.cart.settings import MISUSE, WORKER_CANNOT_START
from servers.naming import name_worker
from servers.store.database import count_items, insert, is_busy, lines_of
from servers.store.item import PRICES_CENTS, parse_item
from servers.store.thread import ConnectionThread

WRITER: Final = web.AppKey("WRITER", ConnectionThread)
READER: Final = web.AppKey("READER", ConnectionThread)


async def cart(request: web.Request) -> web.Response:
    """What lies in the cart that the query names, and what it costs."""
    try:
        cart_id = parse_cart_id(request.query.getall("id", []))
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from error
    lines = await request.app[READER].do(lines_of, cart_id)
    total_cents = sum(PRICES_CENTS[sku] * quantity for sku, quantity in lines)
    return web.json_response({"cart": cart_id, "lines": lines, "total_cents": total_cents})


async def add_item(request: web.Request) -> web.Response:
    """Put the item of the body into its cart; answered when it is on the disk."""
    try:
        item = parse_item(await request.read())
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from error
    await request.app[WRITER].do(insert, item)
    return web.json_response(item.model_dump(), status=201)


async def count(request: web.Request) -> web.Response:
    """How many items lie in all carts."""
    return web.json_response({"items": await request.app[READER].do(count_items)})


@web.middleware
async def refuse_when_busy(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What could not be done since the database stayed locked was not done at all, and may be tried again."""
    try:
        return await handler(request)
    except sqlite3.OperationalError as error:
        if not is_busy(error):
            raise
        raise web.HTTPServiceUnavailable(text="the database is locked\n") from error


async def close(application: web.Application) -> None:
    """Leave the database when the last request has been answered."""
    application[READER].close()
    application[WRITER].close()


def create_app(path: str) -> web.Application:
    """The application of a shop whose database is at `path`. Raises sqlite3.Error where there can't be one."""
    application = web.Application(middlewares=[refuse_when_busy])
    application[WRITER] = ConnectionThread(path)
    application[READER] = ConnectionThread(path)
    application.router.add_get("/cart", cart)
    application.router.add_get("/cart/count", count)
    application.router.add_post("/cart/items", add_item)
    application.on_response_prepare.append(name_worker)
    application.on_cleanup.append(close)
    return application


def create_app_or_exit(path: str, exit_code: int) -> web.Application:
    """The same; a database that can't be used ends the process with one line on stderr and `exit_code`."""
    try:
        return create_app(path)
    except sqlite3.Error as error:
        print(f"CART_DB: {path}: {error}", file=sys.stderr)
        raise SystemExit(exit_code) from None


async def app() -> web.Application:
    """The application of one of gunicorn's workers, made in the worker: a connection must not be forked."""
    if "CART_DB" not in os.environ:
        print("CART_DB must name the database that the workers share", file=sys.stderr)
        raise SystemExit(WORKER_CANNOT_START)
    return create_app_or_exit(os.environ["CART_DB"], WORKER_CANNOT_START)


def main() -> None:
    """Serve the cart as the command line says, until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m servers.sqlite_cart", description="The cart, kept in SQLite.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", default=8080, type=int, help="port to listen on (default: %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sqlite-cart-") as folder:
        path = os.environ.get("CART_DB", os.path.join(folder, "cart.db"))
        web.run_app(create_app_or_exit(path, MISUSE), host=arguments.host, port=arguments.port, access_log=None)


if __name__ == "__main__":
    main()
