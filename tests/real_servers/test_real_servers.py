"""The servers that people run, measured for a second each: ``pytest -m servers``, after ``./install``."""

import pytest

from tests.real_servers.catalogue import SERVERS, RealServer
from tests.real_servers.measuring import measure, missing_programs

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
def test_its_processes_are_told_apart_and_nothing_fails_or_is_left(server: RealServer) -> None:
    if missing := missing_programs(server):
        pytest.skip(f"no {', '.join(missing)}")
    assert measure(server).faults == []
