"""The items of all carts in one SQLite database: plain functions on a connection, which wait for disk and locks.

The journal is a write-ahead log, so that readers never wait for a writer; there is one writer at a time, whatever the
number of workers. With `synchronous = FULL` COMMIT returns when the log is on the disk: an item that was answered with
201 outlives a power cut, and waiting for the disk is what this workload is about. (NORMAL would wait at checkpoints
only, and a power cut would take the last items.)
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from servers.store.item import Item

BUSY_TIMEOUT_S: Final = 1.0  # below the time-out of the scenario's requests, so that they are told
SCHEMA: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "CREATE TABLE IF NOT EXISTS items"
    " (id INTEGER PRIMARY KEY, cart INTEGER NOT NULL, sku TEXT NOT NULL, quantity INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS items_by_cart ON items (cart)",
)


def connect(path: str) -> sqlite3.Connection:
    """A connection to the database at `path`, which is made if it is not there; for one thread at a time.

    Raises sqlite3.Error where there can't be one.
    """
    database = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    with _alone_in(os.path.dirname(os.path.abspath(path))):
        for statement in SCHEMA:
            database.execute(statement)
    return database


@contextmanager
def _alone_in(folder: str) -> Iterator[None]:
    """SQLite does not wait to change a journal: workers that start at once would find the database locked."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def insert(database: sqlite3.Connection, item: Item) -> None:
    """Store one item; it is on the disk when this returns, and not in the database when this raises.

    IMMEDIATE takes the write lock first: a transaction that asks for it later may be refused on the way.
    """
    with database:  # COMMIT, or ROLLBACK when something is raised
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO items (cart, sku, quantity) VALUES (:cart, :sku, :quantity)", item.model_dump())


def lines_of(database: sqlite3.Connection, cart_id: int) -> list[tuple[str, int]]:
    """What lies in a cart, product and quantity, in the order in which it came."""
    return database.execute("SELECT sku, quantity FROM items WHERE cart = ? ORDER BY id", (cart_id,)).fetchall()


def count_items(database: sqlite3.Connection) -> int:
    """How many items lie in all carts together."""
    (count,) = database.execute("SELECT count(*) FROM items").fetchone()
    return int(count)


def is_busy(error: sqlite3.OperationalError) -> bool:
    """Whether others held a lock for longer than the busy timeout; the upper bits of the code only say which."""
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
