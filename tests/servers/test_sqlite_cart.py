"""The cart that is kept in SQLite, in one process and under gunicorn: nothing is lost, and nothing stored twice."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from signal import SIGTERM

import pytest

from harness.load.spec import DataTable, Load, Request
from servers.cart.settings import MISUSE, WORKER_CANNOT_START
from servers.sqlite_cart import app
from servers.store.database import connect
from tests.generator.forked import forked_loop
from tests.generator.loads import short_load
from tests.servers.processes import PATIENCE_S, Entry, Reply, Server, launched, python, read_reply, serving

TEA = {"cart": 1, "sku": "TEA-101", "quantity": 2}
CARTS = 10_000  # more than requests are sent


def clustered(workers: int) -> Entry:
    """The cart under gunicorn."""
    module = f"servers.sqlite_cart:app -c servers/shared_folder.py -k aiohttp.GunicornWebWorker -w {workers}"
    return Entry(
        f"{workers} workers", python("gunicorn", f"{module} -b 127.0.0.1:{{port}} --no-control-socket"), workers
    )


RAW = Entry("raw", python("servers.sqlite_cart", "--port {port}"), workers=0)
BOTH = [pytest.param(entry, id=entry.name) for entry in (RAW, clustered(2))]


@pytest.fixture(autouse=True)
def temporary_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the servers make theirs, as some of them are killed before they could take them away."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.delenv("CART_DB", raising=False)
    return folder


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shared server keeps its database."""
    return tmp_path_factory.mktemp("shared") / "cart.db"


@pytest.fixture(scope="module")
def server(path: Path) -> Iterator[Server]:
    """One process, shared by the tests that do not stop it."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CART_DB", str(path))
        environment.setenv("TMPDIR", str(path.parent))
        with serving(RAW, 0, path.with_name("log")) as running:
            yield running


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_every_item_that_was_answered_is_stored_once_and_no_other(
    workers: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each request has a cart of its own, so that an item that is stored twice is seen."""
    monkeypatch.setenv("CART_DB", str(tmp_path / "cart.db"))
    with forked_loop() as offer, serving(clustered(workers), 0, tmp_path / "log") as server:
        server.workers(workers)
        result = offer(mixed_load(server.port))
        stop(server)

    carts = stored_carts(tmp_path / "cart.db")
    maybe_stored = result.unfinished + result.errors.timeout + result.errors.failed
    assert result.started < CARTS
    assert len(result.workers) >= min(workers, 2)  # or they would not have been in each other's way
    assert result.statuses.keys() <= {200, 201, 503}
    assert 0 < result.statuses[201] <= len(carts) <= result.statuses[201] + maybe_stored
    assert len(set(carts)) == len(carts)


def mixed_load(port: int) -> Load:
    """Every other request stores an item; new connections, so that every worker gets some of them."""
    body = b'{"cart": {id}, "sku": "TEA-101", "quantity": 1}'
    return short_load(
        port,
        requests=(Request(path="/cart?id={id}"), Request(method="POST", path="/cart/items", body=body)),
        data=DataTable(columns=("id",), rows=tuple((str(number),) for number in range(1, CARTS + 1))),
        connections=8,
        keepalive=False,
        duration_s=0.8,
    )


def stop(server: Server) -> None:
    """Let it end what it is doing."""
    server.process.send_signal(SIGTERM)
    assert server.process.wait(PATIENCE_S) == 0


def stored_carts(path: Path) -> list[int]:
    """The cart of each item in the database."""
    with closing(sqlite3.connect(path)) as database:
        return [cart for (cart,) in database.execute("SELECT cart FROM items")]


def test_a_cart_is_what_was_put_into_it(server: Server) -> None:
    before = count(server)
    reply = post(server, json.dumps(TEA | {"cart": 2}))
    assert (reply.status, json.loads(reply.body)) == (201, TEA | {"cart": 2})
    post(server, json.dumps({"cart": 2, "sku": "TEA-102", "quantity": 1}))

    reply = server.ask("GET", "/cart?id=2")
    assert reply.worker == server.process.pid
    lines = [["TEA-101", 2], ["TEA-102", 1]]
    assert json.loads(reply.body) == {"cart": 2, "lines": lines, "total_cents": 2 * 895 + 1190}
    assert count(server) == before + 2


def test_bad_requests_are_refused_in_one_sentence(server: Server) -> None:
    before = count(server)
    reply = post(server, json.dumps(TEA | {"quantity": 0}))
    assert (reply.status, reply.body) == (400, b"quantity: Input should be greater than or equal to 1\n")
    reply = server.ask("GET", "/cart?id=0")
    assert (reply.status, reply.body) == (400, b"id must be one whole number from 1 to 1000000\n")
    assert count(server) == before


def test_a_database_that_stays_locked_is_told_and_nothing_is_stored(server: Server, path: Path) -> None:
    before = count(server)
    with locked(path):
        reply = post(server, json.dumps(TEA))
    assert (reply.status, reply.body) == (503, b"the database is locked\n")
    assert count(server) == before


def test_who_reads_does_not_wait_for_who_writes(server: Server, path: Path) -> None:
    with closing(server.connect()) as writer:
        with locked(path):
            begin_post(writer, json.dumps(TEA))
            assert server.ask("GET", "/cart").status == 200
        assert read_reply(writer).status == 201  # it waited all the time, but for less than the busy timeout


def count(server: Server) -> int:
    """How many items the server says that there are."""
    items: int = json.loads(server.ask("GET", "/cart/count").body)["items"]
    return items


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Somebody else is writing."""
    with closing(connect(str(path))) as database:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")


def post(server: Server, body: str) -> Reply:
    """The answer to a request to store an item."""
    with closing(server.connect()) as connection:
        begin_post(connection, body)
        return read_reply(connection)


def begin_post(connection: HTTPConnection, body: str) -> None:
    """Ask for an item to be stored."""
    connection.request("POST", "/cart/items", body)


@pytest.mark.parametrize("entry", BOTH)
def test_a_database_of_its_own_goes_with_the_server(entry: Entry, temporary_folder: Path, tmp_path: Path) -> None:
    with serving(entry, 0, tmp_path / "log") as server:
        post(server, json.dumps(TEA))
        assert len(list(temporary_folder.glob("*/cart.db"))) == 1
        stop(server)
    assert not list(temporary_folder.iterdir())


def test_one_process_ends_with_a_database_that_can_not_be_opened(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CART_DB", str(tmp_path / "nowhere" / "cart.db"))
    with launched(RAW, 0, tmp_path / "log") as server:
        assert server.process.wait(PATIENCE_S) == MISUSE
        assert server.log.read_text() == f"CART_DB: {tmp_path}/nowhere/cart.db: unable to open database file\n"


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({}, "CART_DB must name the database that the workers share\n"),
        ({"CART_DB": "nowhere/cart.db"}, "CART_DB: nowhere/cart.db: unable to open database file\n"),
    ],
    ids=["no database", "a wrong one"],
)
def test_a_worker_gives_up_without_a_database(
    environment: dict[str, str], reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in environment.items():
        monkeypatch.setenv(name, text)

    with pytest.raises(SystemExit) as stop:
        asyncio.run(app())

    assert stop.value.code == WORKER_CANNOT_START
    assert capsys.readouterr().err == reason
