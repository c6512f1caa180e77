"""Items, and the database that keeps them."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from servers.store.database import connect, count_items, insert, is_busy, lines_of
from servers.store.item import Item, parse_item
from tests.servers.processes import PATIENCE_S

TEA = Item(cart=7, sku="TEA-101", quantity=2)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A new one."""
    with closing(connect(str(tmp_path / "cart.db"))) as connection:
        yield connection


def test_an_item_is_read_from_json() -> None:
    assert parse_item(b'{"cart": 7, "sku": "TEA-101", "quantity": 2, "colour": "green"}') == TEA


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "Invalid JSON: EOF while parsing a value at line 1 column 0"),
        (b"\xff", "Invalid JSON: expected value at line 1 column 1"),
        (b"[]", "Input should be an object"),
        (b"{}", "cart: Field required"),
        (b'{"cart": 0, "sku": "TEA-101", "quantity": 1}', "cart: Input should be greater than or equal to 1"),
        (b'{"cart": "1", "sku": "TEA-101", "quantity": 1}', "cart: Input should be a valid integer"),
        (b'{"cart": 1, "sku": "TEA-1", "quantity": 1}', "sku: expected a product of the shop"),
        (b'{"cart": 1, "sku": "TEA-101", "quantity": 100}', "quantity: Input should be less than or equal to 99"),
    ],
)
def test_other_bodies_are_refused(body: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        parse_item(body)


def test_a_cart_holds_what_was_put_into_it(database: sqlite3.Connection) -> None:
    for item in (TEA, Item(cart=8, sku="TEA-102", quantity=1), TEA):
        insert(database, item)

    assert lines_of(database, 7) == [("TEA-101", 2), ("TEA-101", 2)]
    assert lines_of(database, 8) == [("TEA-102", 1)]
    assert lines_of(database, 9) == []
    assert count_items(database) == 3


def test_what_is_committed_waits_for_the_disk_and_keeps_no_reader_waiting(database: sqlite3.Connection) -> None:
    assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert database.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_nothing_is_stored_in_a_locked_database_and_everything_afterwards(
    database: sqlite3.Connection, tmp_path: Path
) -> None:
    database.execute("PRAGMA busy_timeout = 10")
    with closing(sqlite3.connect(tmp_path / "cart.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError) as refusal:
            insert(database, TEA)
        assert is_busy(refusal.value)
        assert count_items(database) == 0
        other.execute("ROLLBACK")

    insert(database, TEA)
    assert count_items(database) == 1


def test_other_troubles_are_not_taken_for_a_lock(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError) as trouble:
        connect(str(tmp_path / "nowhere" / "cart.db"))
    assert not is_busy(trouble.value)


def test_workers_that_start_at_once_make_one_database(tmp_path: Path) -> None:
    """Without waiting for each other, one in some hundred would find it locked."""
    context = get_context("fork")
    for number in range(8):
        path, begin = str(tmp_path / f"{number}.db"), context.Barrier(6)
        workers = [context.Process(target=insert_one, args=(path, begin)) for _ in range(6)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert [worker.exitcode for worker in workers] == [0] * 6
        with closing(connect(path)) as database:
            assert count_items(database) == 6


def insert_one(path: str, begin: Barrier) -> None:
    """What a worker does first."""
    begin.wait(PATIENCE_S)
    with closing(connect(path)) as database:
        insert(database, TEA)
