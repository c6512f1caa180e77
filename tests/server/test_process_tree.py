"""The processes of a server are found, its workers told from the others, and strangers on its port named."""

import contextlib
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil
import pytest

from harness.load.spec import Load, Request
from harness.record import ServerProcess
from harness.scenario import Topology
from harness.server import process_tree as process_tree_module
from harness.server.launch import Server
from harness.server.process_tree import ProcessTree, find_listening_processes, list_processes, workers_of
from harness.server.readiness import wait_until_ready
from harness.server.sockets import read_sockets
from tests.server.asking import wait_until_listening, worker_that_answers
from tests.server.polling import PATIENCE_S, wait_until
from tests.server.servers.serving import READ_BYTES, listen
from tests.server.topologies import SERVERS, behind_shell, gunicorn, node_cluster, prefork, small, topology, uvicorn

CART: Final = Request(path="/cart")
SLOW_LOOKS: Final = 20  # enough to meet, almost surely, what happens at one look in five
QUICK_LOOKS: Final = 200  # the same for one look in fifty
ASKED: Final = 10
MANY: Final = 40

needs_node: Final = pytest.mark.skipif(shutil.which("node") is None, reason="node is not on PATH")

LONE: Final = [
    pytest.param(small("page"), id="single process"),
    pytest.param(small("grandchildren"), id="with idle descendants"),
    pytest.param(small("helped"), id="with a helper"),
]
CLUSTERS: Final = [
    pytest.param(prefork(1), id="prefork 1"),
    pytest.param(prefork(3), id="prefork 3"),
    pytest.param(gunicorn(workers=2), id="gunicorn"),
    pytest.param(node_cluster(), id="node", marks=needs_node),
]


def processes_when_ready(server: Server, topology: Topology) -> list[ServerProcess]:
    """The processes of a server that has started all of its workers."""
    load = Load(target=server.target, requests=(CART,))
    return wait_until_ready(server, load, topology.workers, PATIENCE_S).processes


def pids(processes: list[ServerProcess]) -> set[int]:
    """The ids of the processes."""
    return {process.pid for process in processes}


def role_of(pid: int | None, processes: list[ServerProcess]) -> str:
    """The role that the process has."""
    return next(process.role for process in processes if process.pid == pid)


@pytest.mark.parametrize("lone", LONE)
def test_a_process_that_answers_alone_is_the_worker(lone: Topology, log: Path) -> None:
    with Server(lone, log) as server:
        processes = processes_when_ready(server, lone)
        assert pids(workers_of(processes)) == {server.pid}


def assert_found(server: Server, cluster: Topology) -> list[ServerProcess]:
    """The processes of a cluster are its workers, which alone answer, and its parent."""
    processes = processes_when_ready(server, cluster)
    workers = pids(workers_of(processes))
    assert len(workers) == cluster.workers
    assert {worker_that_answers(server.port) for _ in range(ASKED)} <= workers
    assert role_of(server.pid, processes) == "supervisor"
    return processes


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_the_workers_of_a_cluster_are_found(cluster: Topology, log: Path) -> None:
    with Server(cluster, log) as server:
        assert_found(server, cluster)


@pytest.mark.parametrize(
    ("cluster", "is_idle"),
    [
        pytest.param(gunicorn(workers=2), True, id="gunicorn"),
        pytest.param(uvicorn(workers=2), True, id="uvicorn"),
        pytest.param(node_cluster(), False, id="node", marks=needs_node),
    ],
)
def test_supervisors_are_idle_whose_workers_accept_their_connections(
    cluster: Topology, is_idle: bool, log: Path
) -> None:
    with Server(cluster, log) as server:
        processes_when_ready(server, cluster)
        with ProcessTree(server, cluster.workers) as process_tree:
            for _ in range(MANY):
                worker_that_answers(server.port)
            process_tree.look()
            assert process_tree.find_idle_supervisors() == ({server.pid} if is_idle else set())


def test_the_helper_of_a_uvicorn_cluster_is_no_worker(log: Path) -> None:
    """Multiprocessing's resource tracker, which spawning brings with it."""
    cluster = uvicorn(workers=2)
    with Server(cluster, log) as server:
        processes = assert_found(server, cluster)
        (tracker,) = (process for process in processes if "resource_tracker" in command_line(process))
        assert tracker.role == "helper"


def command_line(process: ServerProcess) -> str:
    """What the process was started as."""
    return " ".join(psutil.Process(process.pid).cmdline())


def test_a_process_behind_a_wrapper_is_the_worker(log: Path) -> None:
    wrapped = behind_shell()
    with Server(wrapped, log) as server:
        processes = processes_when_ready(server, wrapped)
        assert pids(workers_of(processes)) == {worker_that_answers(server.port)}
        assert role_of(server.pid, processes) == "supervisor"


def test_the_process_tree_has_live_processes_by_pid(log: Path) -> None:
    cluster = prefork(3)
    with Server(cluster, log) as server:
        processes = processes_when_ready(server, cluster)
        assert [process.pid for process in processes] == sorted(process.pid for process in processes)
        assert [process.name for process in processes] == [psutil.Process(process.pid).name() for process in processes]


def test_a_daemon_of_the_server_is_in_the_process_tree(log: Path) -> None:
    daemon = small("leaves_daemon")
    with Server(daemon, log) as server:
        processes = processes_when_ready(server, daemon)
        assert pids(workers_of(processes)) == {server.pid}
        assert len(processes) == 2


def test_a_stopped_server_has_no_processes(log: Path) -> None:
    with Server(small("page"), log) as server:
        pass
    assert list_processes(server) == []


def test_the_name_of_a_process_can_be_written_down(log: Path) -> None:
    """The kernel cuts names after 15 bytes, which can be within a character."""
    odd = small("oddly_named")
    with Server(odd, log) as server:
        (process,) = processes_when_ready(server, odd)
        assert ServerProcess.model_validate_json(process.model_dump_json()) == process
        assert process.name.startswith("корзина")


def test_a_step_of_the_system_clock_makes_no_other_process(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Psutil adds the boot time, which the kernel moves with the clock, to what it knows of a process."""
    with Server(small("page"), log) as server:
        wait_until_listening(server.port)
        (before,) = list_processes(server)
        stepped_s = psutil.boot_time() + 60
        monkeypatch.setattr("psutil._pslinux.boot_time", lambda: stepped_s)
        (after,) = list_processes(server)
        assert (after.pid, after.born_s) == (before.pid, before.born_s)


def test_the_launched_process_is_in_every_look_whatever_its_children_do(log: Path) -> None:
    restless = small("restless", "--milliseconds", "0")
    with Server(restless, log) as server:
        wait_until_listening(server.port)
        for _ in range(QUICK_LOOKS):
            assert server.pid in pids(list_processes(server))


def test_a_server_that_does_not_listen_has_no_listeners(log: Path) -> None:
    with Server(small("never_listens"), log) as server:
        assert find_listening_processes(server) == (False, [])


@pytest.mark.parametrize("own", [small("page"), prefork(3)], ids=["single process", "prefork"])
def test_the_listeners_of_the_server_are_its_own(own: Topology, log: Path) -> None:
    with Server(own, log) as server:
        processes_when_ready(server, own)
        assert find_listening_processes(server) == (True, [])


def test_a_stranger_on_the_same_port_is_named(log: Path) -> None:
    with Server(small("shares_port"), log) as server:
        wait_until_listening(server.port)
        with listen(server.port, share=True):
            ours, strangers = find_listening_processes(server)
        assert ours
        assert [f"(pid {os.getpid()})" in stranger for stranger in strangers] == [True]
        assert find_listening_processes(server) == (True, [])


def test_a_process_on_another_port_is_no_stranger(log: Path) -> None:
    with Server(small("page"), log) as server, listen(0):
        wait_until_listening(server.port)
        assert find_listening_processes(server) == (True, [])


def test_processes_of_the_server_that_come_and_go_are_no_strangers(log: Path) -> None:
    """As the workers of a cluster that is starting do."""
    with Server(small("restless"), log) as server:
        wait_until_listening(server.port)
        for _ in range(SLOW_LOOKS):
            assert find_listening_processes(server)[1] == []


def test_what_the_processes_of_a_cluster_did_is_seen(log: Path) -> None:
    with Server(prefork(2, "--busy", "1"), log) as server:
        wait_until_listening(server.port)
        wait_until(lambda: len(list_processes(server)) == 3, "all of its processes")
        with ProcessTree(server) as process_tree, answered(server, MANY):
            process_tree.look()
            process_tree.look()
            (parent,) = (each for each in process_tree.activities() if each.pid == server.pid)
            workers = [each for each in process_tree.activities() if each.parent == server.pid]
            psutil.Process(max(workers, key=lambda each: each.cpu_s).pid).kill()
            wait_until(lambda: len(list_processes(server)) == 2, "one to have ended")
            process_tree.look()
            (after,) = (each for each in process_tree.activities() if each.pid == server.pid)
    assert {frozenset([server.port])} == {each.listens for each in (parent, *workers)}
    assert parent.holds_sockets
    assert (parent.serves, parent.most_served, parent.looks_served, parent.reaped_cpu_s) == (frozenset(), 0, 0, 0.0)
    assert sum(each.most_served for each in workers) == MANY
    assert {each.looks_served for each in workers if each.serves} == {2}
    assert sum(each.wakes for each in workers) > 0
    assert sum(each.cpu_s for each in workers) > 0.0
    assert after.wakes > parent.wakes
    assert parent.most_threads == 1
    assert max(each.most_threads for each in workers) > 1  # one for each connection
    assert after.reaped_cpu_s > 0.0


@contextlib.contextmanager
def answered(server: Server, number: int) -> Iterator[None]:
    """Open connections that have each got an answer."""
    family = socket.AF_INET if server.target.unix_socket is None else socket.AF_UNIX
    with contextlib.ExitStack() as stack:
        for _ in range(number):
            connection = stack.enter_context(socket.socket(family))
            connection.connect(server.target.unix_socket or (server.target.host, server.port))
            connection.sendall(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
            assert connection.recv(READ_BYTES).startswith(b"HTTP/1.1 200 OK")
        yield


@pytest.mark.parametrize("is_before", [True, False], ids=["closed meanwhile", "opened meanwhile"])
def test_connections_that_are_over_in_a_moment_are_seen(
    is_before: bool, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is in one of two readings of the sockets, before and after those that the processes hold are read."""
    with Server(small("proxied"), log) as server:
        wait_until_listening(server.port)
        with answered(server, 1):
            readings = [read_sockets(), {}] if is_before else [{}, read_sockets()]
            monkeypatch.setattr(process_tree_module, "read_sockets", lambda: readings.pop(0))
            roles = sorted(process.role for process in list_processes(server))
    assert roles == ["front", "supervisor", "worker", "worker"]


def test_who_serves_by_a_unix_socket_that_was_bound_by_a_relative_path_works(log: Path, tmp_path: Path) -> None:
    path = os.path.relpath(tmp_path / "app.sock")
    app = (sys.executable, "-m", "uvicorn", f"{SERVERS}.asgi_page:app", "--lifespan", "off", "--uds", path)
    with Server(topology(*app).model_copy(update={"unix_socket": path}), log) as server:
        wait_until(lambda: find_listening_processes(server)[0], "the server to listen")
        with answered(server, 1):
            assert [process.role for process in list_processes(server)] == ["worker"]


def test_without_its_guardian_a_server_is_not_known(log: Path) -> None:
    with Server(topology("sleep", "60", "{port}"), log) as server:
        psutil.Process(server.guardian_pid).kill()
        wait_until(lambda: list_processes(server) == [], "no process to be left")
