"""What processes hold: descriptors, and connections to services."""

import os
import socket
import subprocess
import sys
from contextlib import ExitStack

from harness.monitor.holdings import Holdings, read_holdings, resolve_addresses


def test_connections_are_counted_by_service_and_descriptors_with_their_limit() -> None:
    """Two services have one port, at two addresses."""
    with ExitStack() as stack:
        db = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = db.getsockname()[1]
        cache = stack.enter_context(socket.create_server(("127.0.0.2", port)))
        services = {("127.0.0.1", port): "db", ("127.0.0.2", port): "cache"}
        before = read_holdings([os.getpid()], services)[os.getpid()]
        for listener, number in ((db, 3), (cache, 1)):
            for _ in range(number):
                stack.enter_context(socket.create_connection(listener.getsockname()))
        held = read_holdings([os.getpid()], services)[os.getpid()]
    assert held.connections_to == {"db": 3, "cache": 1}
    assert before.connections_to == {}
    assert held.descriptors is not None
    assert before.descriptors is not None
    assert held.descriptors - before.descriptors == 4
    assert held.descriptor_limit is not None
    assert held.descriptor_limit > held.descriptors


def test_a_connection_of_two_processes_is_one() -> None:
    with ExitStack() as stack:
        db = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        shared = stack.enter_context(socket.create_connection(db.getsockname()))
        words = [sys.executable, "-c", "input()"]
        child = stack.enter_context(
            subprocess.Popen(words, stdin=subprocess.PIPE, pass_fds=[shared.fileno()], text=True)
        )
        held = read_holdings([os.getpid(), child.pid], {db.getsockname(): "db"})
        assert [each.connections_to for each in held.values()] == [{"db": 1}, {}]
        assert read_holdings([child.pid], {db.getsockname(): "db"})[child.pid].connections_to == {"db": 1}
        child.communicate("\n")


def test_a_peer_that_is_reached_by_a_socket_of_both_versions_is_found() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as db,
        socket.socket(socket.AF_INET6) as connection,
    ):
        connection.connect((f"::ffff:{db.getsockname()[0]}", db.getsockname()[1]))
        (held,) = read_holdings([os.getpid()], {db.getsockname(): "db"}).values()
    assert held.connections_to == {"db": 1}


def test_a_host_may_have_several_addresses_or_none() -> None:
    assert ("127.0.0.1", 5432) in resolve_addresses("localhost", 5432)
    assert resolve_addresses("no-such-host.invalid", 5432) == set()


def test_of_a_process_that_is_gone_nothing_is_known() -> None:
    assert read_holdings([2**22 - 1], {}) == {2**22 - 1: Holdings()}
