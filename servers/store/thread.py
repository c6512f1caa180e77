"""A connection to the database, and the one thread that uses it."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

from servers.store.database import connect

T = TypeVar("T")
P = ParamSpec("P")


class ConnectionThread:
    """Does one thing at a time with its database, while the event loop goes on. Raises sqlite3.Error without one."""

    def __init__(self, path: str) -> None:
        self._database = connect(path)
        self._thread = ThreadPoolExecutor(max_workers=1)

    async def do(self, act: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `act` returns of the connection and `args`."""
        return await asyncio.wrap_future(self._thread.submit(act, self._database, *args, **kwargs))

    def close(self) -> None:
        """Wait for what is under way."""
        self._thread.shutdown()
        self._database.close()
