"""The workers that a trial had are those that it is said to have had, or it does not count."""

import errno
import re
import signal
import threading
from pathlib import Path

import pytest

from harness.record import TrialRecord
from harness.scenario import Topology
from harness.server import process_tree, readiness, sockets
from harness.server.sockets import Socket
from tests.server.family import Family
from tests.server.topologies import prefork, small
from tests.trial.trials import try_out, when_measuring


def counted(record: TrialRecord) -> int:
    """The workers as the window began."""
    assert record.worker_counts is not None
    return record.worker_counts.found


def test_a_number_that_the_server_does_not_keep_to_is_no_good_record(log: Path) -> None:
    record = try_out(small("prefork", "--workers", "3", workers=2), log)
    assert record.status == "invalid"
    assert (record.reason or "").startswith("3 workers were found, and the scenario says 2")
    assert counted(record) == 3


def test_a_cluster_is_no_single_process(log: Path) -> None:
    record = try_out(small("prefork", "--workers", "2"), log)
    assert record.status == "invalid"
    assert 'say workers = [2], or workers = "as found"' in (record.reason or "")


def as_found(topology: Topology) -> Topology:
    """The same, of which nobody says how many workers it has."""
    return topology.model_copy(update={"workers_as_found": True})


def test_workers_are_taken_as_found_where_the_scenario_says_so(log: Path) -> None:
    record = try_out(as_found(small("prefork", "--workers", "3")), log)
    assert (record.status, record.reason) == ("ok", None)
    assert record.number_of_workers == counted(record) == 3


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait shorter than usual for workers that do not come before there is a load."""
    monkeypatch.setattr(readiness, "UNCHANGED_S", 0.3)


@pytest.mark.usefixtures("impatience")
def test_a_parent_that_serves_is_a_worker(log: Path) -> None:
    record = try_out(small("serving_parent", "--workers", "{workers}", workers=2), log, start_timeout_s=3.0)
    assert (record.status, record.reason) == ("ok", None)
    assert [process.role for process in record.processes] == ["worker", "worker"]


def test_a_process_that_becomes_a_pool_counts_with_what_it_grew_to(log: Path) -> None:
    record = try_out(small("grows", "--after", "8"), log)
    assert (record.status, record.reason) == ("ok", None)
    assert record.worker_counts is not None
    assert (record.worker_counts.ready, record.worker_counts.at_end) == (1, 2)


def test_workers_that_came_and_went_in_the_warm_up_are_counted_there(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_tree, "PAUSE_FACTOR", 1)
    record = try_out(small("visited"), log, warmup_s=1.2)
    assert record.worker_counts is not None
    assert (record.worker_counts.started_before, record.worker_counts.ended_before) == (1, 1)
    assert (record.worker_counts.started, record.worker_counts.number_ended) == (0, 0)


@pytest.mark.usefixtures("impatience")
def test_a_parent_that_waits_for_connections_is_one_of_as_many_workers_as_were_declared(log: Path) -> None:
    waiting = small("waiting_parent", "--workers", "{workers}", workers=2)
    record = try_out(waiting, log, warmup_s=0.0)  # in which it would be seen already
    assert (record.status, record.reason) == ("ok", None)
    assert counted(record) == 2
    assert record.usage is not None
    assert [used.role for used in record.usage.processes] == ["worker", "worker"]


def test_workers_that_come_late_are_waited_for_before_the_load(log: Path) -> None:
    record = try_out(prefork(2, "--late", "500"), log)
    assert record.worker_counts is not None
    assert record.worker_counts.ready == 2


def test_a_look_that_fails_beside_the_load_fails_the_trial(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_sockets() -> dict[int, Socket]:
        if threading.current_thread() is not threading.main_thread():
            raise PermissionError(errno.EPERM, "sock_diag(7)")
        return sockets.read_sockets()

    monkeypatch.setattr(process_tree, "read_sockets", read_sockets)
    monkeypatch.setattr(process_tree, "LOOK_S", 0.01)
    record = try_out(small("page"), log)
    assert record.status == "failed"
    assert record.reason == "which sockets the server holds can't be read: [Errno 1] sock_diag(7)"


def replace_one(family: Family) -> int:
    """Have a worker ended and replaced, by the signal that asks for it; return which."""
    newest = max(family.alive("prefork"), key=lambda process: process.pid)
    newest.send_signal(signal.SIGTERM)
    return newest.pid


def test_a_worker_that_is_replaced_by_design_is_counted_and_no_objection(family: Family, log: Path) -> None:
    replaced: list[int] = []
    record = try_out(prefork(2, "--respawn", "1"), log, when_measuring(lambda: replaced.append(replace_one(family))))
    assert (record.status, record.reason) == ("ok", None)
    assert record.worker_counts is not None
    assert (record.worker_counts.started, record.worker_counts.ended) == (1, {"SIGTERM": 1})
    assert {*replaced} < {process.pid for process in record.processes}  # who was there as the window began


def test_a_worker_that_is_replaced_makes_the_record_invalid_where_the_scenario_says_so(
    family: Family, log: Path
) -> None:
    watch = when_measuring(lambda: replace_one(family))
    record = try_out(prefork(2, "--respawn", "1"), log, watch, workers_may_change=False)
    assert record.status == "invalid"
    assert (record.reason or "").startswith("in the window 1 worker ended and 1 came")


def test_a_proxy_is_none_of_the_workers_behind_it(log: Path) -> None:
    record = try_out(small("proxied", workers=2), log)
    assert (record.status, record.reason) == ("ok", None)
    assert sorted(process.role for process in record.processes) == ["front", "supervisor", "worker", "worker"]


def test_a_proxy_that_crashes_spoils_the_trial_as_a_worker_does(family: Family, log: Path) -> None:
    def kill_proxy() -> None:
        max(family.alive("proxied"), key=lambda process: process.pid).kill()

    record = try_out(small("proxied", "--respawn", "1", workers=2), log, when_measuring(kill_proxy))
    assert record.status == "invalid"
    assert re.search(r"front \d+ ended during the trial: SIGKILL", record.reason or ""), record.reason
