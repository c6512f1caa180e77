"""What a process holds: descriptors, and connections to services."""

import os
import socket
from contextlib import ExitStack

from harness.monitor.holdings import Holdings, read_holdings


def test_connections_are_counted_by_service_and_descriptors_with_their_limit() -> None:
    with ExitStack() as stack:
        db, cache = (stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2))
        ports = {db.getsockname()[1]: "db", cache.getsockname()[1]: "cache"}
        before = read_holdings(os.getpid(), ports)
        for listener, number in ((db, 3), (cache, 1)):
            for _ in range(number):
                stack.enter_context(socket.create_connection(listener.getsockname()))
        held = read_holdings(os.getpid(), ports)
    assert held.connections_to == {"db": 3, "cache": 1}
    assert before.connections_to == {}
    assert held.descriptors is not None
    assert before.descriptors is not None
    assert held.descriptors - before.descriptors == 4
    assert held.descriptor_limit is not None
    assert held.descriptor_limit > held.descriptors


def test_of_a_process_that_is_gone_nothing_is_known() -> None:
    assert read_holdings(2**22 - 1, {}) == Holdings()
