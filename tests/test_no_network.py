"""The harness itself goes nowhere: it connects to this machine alone, and asks no name server."""

import sys
from pathlib import Path

import pytest

from harness.measure.compare import compare
from harness.measure.preparation import prepare
from harness.record import read_run
from harness.report.write import write_reports
from tests.server.topologies import small
from tests.trial.test_compare import Silent, named
from tests.trial.trials import scenario

pytestmark = pytest.mark.compares


def test_a_comparison_and_its_report_connect_to_loopback_alone(tmp_path: Path) -> None:
    went: list[object] = []
    listening = [True]

    def hear(event: str, arguments: tuple[object, ...]) -> None:
        if listening and event in ("socket.connect", "socket.sendto"):
            went.append(arguments[1])
        elif listening and event in ("socket.getaddrinfo", "socket.gethostbyname"):
            went.append(arguments[0])

    sys.addaudithook(hear)  # there is no way to take it off again
    path = compare(prepare(scenario(named("one", small("page"))), 1), tmp_path, "harness compare it", Silent())
    write_reports(read_run(path))
    listening.clear()
    assert went
    assert {address[0] if isinstance(address, tuple) else address for address in went} <= {"127.0.0.1", b""}
