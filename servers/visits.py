"""A page that counts its visits in Redis and reads a price from PostgreSQL.

In one process: `python -m servers.visits --port 8080 --redis 127.0.0.1:6379 --postgres postgresql://shop@127.0.0.1:5432/postgres`.
"""

import argparse
from collections.abc import AsyncIterator
from typing import Final

import psycopg
from aiohttp import web
from redis.asyncio import Redis

REDIS: Final = web.AppKey("REDIS", Redis)
POSTGRES: Final = web.AppKey("POSTGRES", psycopg.AsyncConnection)


async def visit(request: web.Request) -> web.Response:
    """Count the visit, and tell the price."""
    await request.app[REDIS].incr("visits")
    async with request.app[POSTGRES].cursor() as cursor:
        await cursor.execute("SELECT price FROM stock WHERE id = 1")
        row = await cursor.fetchone()
    if row is None:
        raise web.HTTPServiceUnavailable(text="nothing in stock\n")
    return web.Response(text=f"It costs {row[0]}.\n")


async def connect(application: web.Application, redis: str, postgres: str) -> AsyncIterator[None]:
    """Connect to both, until the application ends."""
    host, _, port = redis.rpartition(":")
    application[REDIS] = Redis(host=host, port=int(port))
    async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as connection:
        application[POSTGRES] = connection
        yield
    await application[REDIS].aclose()


def main() -> None:
    """Serve as the command line says, until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m servers.visits", description="A page with two services.")
    parser.add_argument("--port", default=8080, type=int)
    parser.add_argument("--redis", required=True, metavar="HOST:PORT")
    parser.add_argument("--postgres", required=True, metavar="URL")
    arguments = parser.parse_args()
    application = web.Application()
    application.router.add_get("/", visit)
    application.cleanup_ctx.append(lambda here: connect(here, arguments.redis, arguments.postgres))
    web.run_app(application, host="127.0.0.1", port=arguments.port, access_log=None)


if __name__ == "__main__":
    main()
