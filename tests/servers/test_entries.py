"""Every way to start the cart gives the same page and the same manners."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from servers.cart.render import render_cart
from tests.servers.processes import (
    AIOHTTP,
    AIOHTTP_GUNICORN,
    ALL_ENTRIES,
    NODE,
    NODE_CLUSTER,
    PATIENCE_S,
    UVICORN,
    UVICORN_GUNICORN,
    UVICORN_WORKERS,
    Entry,
    Server,
    exchange,
    is_alive,
    launched,
    needs_node,
    serving,
    wait_until,
)

# Not the default, so that a server which ignores CART_COUPONS is found out.
COUPONS = 8

OWN = (AIOHTTP, NODE, NODE_CLUSTER)
OWN_ENTRIES = [
    pytest.param(AIOHTTP, id=AIOHTTP.name),
    pytest.param(NODE, id=NODE.name, marks=needs_node),
    pytest.param(NODE_CLUSTER, id=NODE_CLUSTER.name, marks=needs_node),
]
HOSTED_ENTRIES = [
    pytest.param(hosted, id=hosted.name) for hosted in (AIOHTTP_GUNICORN, UVICORN, UVICORN_WORKERS, UVICORN_GUNICORN)
]


@pytest.fixture(scope="module", params=ALL_ENTRIES)
def entry(request: pytest.FixtureRequest) -> Entry:
    """Each way in turn."""
    chosen: Entry = request.param
    return chosen


@pytest.fixture(scope="module")
def server(entry: Entry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One running server per entry, shared by all tests of it."""
    with serving(entry, COUPONS, tmp_path_factory.mktemp(entry.name) / "log") as running:
        yield running


@pytest.mark.parametrize("cart_id", [1, 2, 17, 4_096, 1_000_000])
def test_the_body_is_the_rendered_cart(server: Server, cart_id: int) -> None:
    assert server.ask("GET", f"/cart?id={cart_id}").body == render_cart(cart_id, COUPONS)


def test_the_default_is_cart_1(server: Server) -> None:
    assert server.ask("GET", "/cart").body == render_cart(1, COUPONS)


def test_other_parameters_are_ignored(server: Server) -> None:
    assert server.ask("GET", "/cart?a=b?c&id=2&x").body == render_cart(2, COUPONS)


def test_the_headers_of_a_page(server: Server) -> None:
    reply = server.ask("GET", "/cart")

    assert reply.status == 200
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["content-length"] == str(len(reply.body))
    assert "transfer-encoding" not in reply.headers


def test_a_connection_serves_many_requests_and_head_sends_no_body(server: Server) -> None:
    with closing(server.connect()) as connection:
        first = exchange(connection, "GET", "/cart")
        local_address = connection.sock.getsockname()
        head = exchange(connection, "HEAD", "/cart")
        second = exchange(connection, "GET", "/cart")

        assert connection.sock.getsockname() == local_address
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == first.headers["content-length"]
    assert head.headers["content-type"] == first.headers["content-type"]
    assert second.body == first.body
    assert {first.worker, head.worker, second.worker} == {first.worker}


def test_the_worker_is_a_live_process_of_this_server(entry: Entry, server: Server) -> None:
    workers = server.workers(max(entry.workers, 1))

    assert all(os.getsid(worker) == server.process.pid for worker in workers)
    if entry.workers:
        assert len(workers) == entry.workers
        assert server.process.pid not in workers
    else:
        assert workers == {server.process.pid}


@pytest.mark.parametrize("path", ["/", "/carts", "/cart/", "//cart", "/favicon.ico"])
def test_other_paths_are_not_found(server: Server, path: str) -> None:
    reply = server.ask("GET", path)

    assert reply.status == 404
    assert reply.worker


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_not_allowed(server: Server, method: str) -> None:
    reply = server.ask(method, "/cart")

    assert reply.status == 405
    assert {word.strip() for word in reply.headers["allow"].split(",")} == {"GET", "HEAD"}


@pytest.mark.parametrize(
    "query", ["id", "id=", "id=0", "id=-1", "id=01", "id=1.0", "id=%D9%A1", "id=1000001", "id=1&id=2"]
)
def test_bad_ids_are_refused_in_plain_text(server: Server, query: str) -> None:
    reply = server.ask("GET", f"/cart?{query}")

    assert reply.status == 400
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert reply.body == b"id must be one whole number from 1 to 1000000\n"


def test_our_own_entries_keep_no_access_log(entry: Entry, server: Server) -> None:
    server.ask("GET", "/cart?id=2")

    assert not (entry in OWN and "/cart" in server.log.read_text())


def test_sigterm_ends_the_server_and_its_workers(entry: Entry, server: Server) -> None:
    """After this one the server that the tests of the entry share is gone."""
    with closing(server.connect()) as idle:
        exchange(idle, "GET", "/cart")
        workers = server.workers(max(entry.workers, 1))
        server.process.send_signal(signal.SIGTERM)

        # uvicorn dies of the very signal that it has handled, as its documentation says it will.
        assert server.process.wait(PATIENCE_S) in (0, -signal.SIGTERM)
        wait_until(lambda: not any(map(is_alive, workers)), "the workers to go")


@pytest.mark.parametrize("own_entry", OWN_ENTRIES)
def test_our_own_entries_refuse_a_bad_setting_in_one_line(own_entry: Entry, tmp_path: Path) -> None:
    with launched(own_entry, "many", tmp_path / "log") as server:
        assert server.process.wait(PATIENCE_S) == 2
        (line,) = server.log.read_text().splitlines()
        assert line.startswith("CART_COUPONS must be a whole number from 0 to 16, not ")


@pytest.mark.parametrize("hosted_entry", HOSTED_ENTRIES)
def test_gunicorn_and_uvicorn_give_up_on_a_bad_setting(hosted_entry: Entry, tmp_path: Path) -> None:
    with launched(hosted_entry, "many", tmp_path / "log") as server:
        server.process.wait(PATIENCE_S)

        assert "CART_COUPONS must be a whole number from 0 to 16, not " in server.log.read_text()
